"""Public deployments: whole, distinct, and shown as they are."""

from __future__ import annotations

import json

import pytest

from coprove.cli import main
from coprove.contracts.eigenlayer import PROFILES, EigenLayerCore, Middleware, profile
from coprove.errors import InputError


def test_no_address_stands_twice_in_a_deployment() -> None:
    """A slip of the pen would show as one address for two contracts, or as none."""
    for one in PROFILES:
        addresses = []
        for part in (one.core, one.middleware):
            if part is not None:
                addresses += list(part.to_json().values())
        addresses += [str(item) for item in (one.service_manager, one.liveness_verifier) if item]
        assert addresses, one.name
        assert len(set(addresses)) == len(addresses), one.name
        assert "0x" + "0" * 40 not in addresses, one.name


def test_a_profile_is_found_by_its_name() -> None:
    """Another name is answered with those that there are."""
    assert profile("eigenlayer-hoodi").chain_id == 560_048
    with pytest.raises(InputError, match="automata-mainnet"):
        profile("mainnet")


def test_addresses_survive_json() -> None:
    """What is written is read; a missing or unknown name is refused."""
    for one in PROFILES:
        if one.core is not None:
            assert EigenLayerCore.from_json(one.core.to_json()) == one.core
        if one.middleware is not None:
            values = one.middleware.to_json()
            assert Middleware.from_json(values) == one.middleware
            with pytest.raises(InputError, match="exactly"):
                Middleware.from_json({**values, "more": values["stake_registry"]})


def test_the_command_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    """As a table for people and as JSON for programs."""
    with pytest.raises(SystemExit) as ended:
        main(["operator", "profiles", "--json"])
    assert ended.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["automata-mainnet"]["operator_sets"] is False
    assert found["eigenlayer-sepolia"]["core"]["allocation_manager"].startswith("0x42583067")
    with pytest.raises(SystemExit) as ended:
        main(["operator", "profiles"])
    assert ended.value.code == 0
    assert "0xe5445838c475a2980e6a88054ff1514230b83aeb" in capsys.readouterr().out
