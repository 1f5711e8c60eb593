"""The file of an AVS: what it says is what is deployed, and what is wrong in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.attestation import Platform
from coprove.contracts.avs.file import AvsFile
from coprove.contracts.eigenlayer import profile
from coprove.errors import InputError
from coprove.types import Address, Hash32
from tests.unit.contracts.avs_file import CORE, toml

OWNER = Address(b"\x01" * 20)


def test_a_file_says_what_is_deployed() -> None:
    """All of it, with the sender as owner; quorums of a committee ascending."""
    plan = AvsFile.parse(toml()).plan(owner=OWNER, chain_id=900)
    assert plan.core.to_json() == CORE
    assert (plan.roles.owner, plan.roles.committee_manager) == (OWNER, OWNER)
    assert [item.platform for item in plan.quorums] == [Platform.INTEL_SGX, Platform.INTEL_TDX]
    (found,) = plan.committees
    assert found.committee.quorums == (0, 1)
    assert found.policy.rollup_config_hash == Hash32(b"\xcf" * 32)
    assert found.policy.oracle == Address(bytes(20))
    assert AvsFile.parse(toml()).registries() is None


def test_the_file_of_the_how_to_is_right() -> None:
    """As it stands there, before the registries."""
    text = (Path(__file__).parents[3] / "docs/how-to/deploy-an-avs.md").read_text()
    given = AvsFile.parse(text.split("```toml\n")[1].split("```")[0])
    assert given.plan(owner=OWNER, chain_id=11_155_111).committees


def test_a_public_deployment_goes_by_its_name() -> None:
    """On its own chain alone."""
    given = AvsFile.parse(toml(eigenlayer="eigenlayer-mainnet"))
    assert given.core(1) == profile("eigenlayer-mainnet").core
    with pytest.raises(InputError, match="one of chain 5"):
        given.core(5)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "Field required"),
        ("=", "TOML"),
        (toml().replace("version = 1", "version = 2"), "version"),
        (toml(strategy="0x12"), "strategies"),
        (toml(roles="unknown = 1"), "roles.unknown"),
        (toml(quorum="max_operators = 201"), "quorums.0.max_operators"),
        (toml(quorum='minimum_stake = "1"'), "quorums.0.minimum_stake"),
        (toml().replace('"intel-tdx"', '"abacus"'), "quorums.1.platform"),
        (toml(committee='metadata = "0x1"'), "committees.0.metadata"),
        (toml(rollup="oracle = 1"), "committees.0.rollup.oracle"),
        (toml().replace("interval = 10", "interval = -1"), "committees.0.rollup.interval"),
        (toml().replace(f"slash_wad = {10**17}", f"slash_wad = {10**18 + 1}"), "slash_wad"),
    ],
)
def test_what_is_wrong_is_named(text: str, named: str) -> None:
    """By where it is."""
    with pytest.raises(InputError, match=named):
        AvsFile.parse(text)


def test_addresses_of_eigenlayer_are_all_there() -> None:
    """And no other ones."""
    for wrong in ({"delegation_manager": "0x" + "01" * 20}, {**CORE, "more": "0x" + "01" * 20}):
        with pytest.raises(InputError, match="exactly"):
            AvsFile.parse(toml(eigenlayer=wrong)).plan(owner=OWNER, chain_id=900)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """With the one error that names the field."""
    with pytest.raises(InputError):
        AvsFile.parse(text)
