"""The parameter file, program keys, proposing rights: pure values."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.contracts import (
    GENESIS_CONFIG,
    Generation,
    OracleFile,
    OracleParameters,
    ProgramKeys,
    ProposingRight,
    config_name_hash,
    load_artifact,
)
from coprove.contracts.upgrade import Proxy
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from pathlib import Path

PARAMETERS = OracleParameters(
    owner=Address(b"\x01" * 20),
    challenger=Address(b"\x02" * 20),
    proposer=Address(b"\x03" * 20),
    finalization_period_seconds=3600,
    l2_block_time=2,
    submission_interval=10,
    aggregation_vkey=Hash32(b"\x0a" * 32),
    range_vkey_commitment=Hash32(b"\x0b" * 32),
    rollup_config_hash=Hash32(b"\x0c" * 32),
    starting_output_root=Hash32(b"\x0d" * 32),
    starting_block_number=7,
    starting_timestamp=8,
    fallback_timeout=9,
)
FILE = OracleFile(parameters=PARAMETERS, verifier=Address(b"\x04" * 20))


def values() -> dict[str, object]:
    parsed = json.loads(FILE.to_json())
    assert isinstance(parsed, dict)
    return parsed


def test_the_file_has_op_succincts_fields_in_their_order() -> None:
    """Its Solidity decodes the JSON by position, in alphabetical order."""
    assert list(values()) == [
        "aggregationVkey",
        "challenger",
        "fallbackTimeoutSecs",
        "finalizationPeriod",
        "l2BlockTime",
        "opSuccinctL2OutputOracleImpl",
        "owner",
        "proposer",
        "proxyAdmin",
        "rangeVkeyCommitment",
        "rollupConfigHash",
        "startingBlockNumber",
        "startingOutputRoot",
        "startingTimestamp",
        "submissionInterval",
        "verifier",
    ]


@given(st.integers(0, 2**40), st.binary(min_size=20, max_size=20))
def test_a_file_is_read_back_as_written(number: int, account: bytes) -> None:
    """Zero addresses of implementation and admin stand for none."""
    address = Address(account)
    written = OracleFile(
        parameters=replace(PARAMETERS, starting_block_number=number, owner=address),
        verifier=address,
        implementation=address if any(account) else None,
        proxy_admin=None,
    )
    assert OracleFile.from_values(json.loads(written.to_json())) == written


def test_json_and_toml_are_the_same(tmp_path: Path) -> None:
    """The name's end tells which one it is."""
    json_file, toml_file = tmp_path / "a.json", tmp_path / "a.toml"
    json_file.write_text(FILE.to_json())
    toml_file.write_text("\n".join(f"{n} = {json.dumps(v)}" for n, v in values().items()))
    assert OracleFile.load(json_file) == OracleFile.load(toml_file) == FILE


def test_older_names_and_missing_options_are_read() -> None:
    """The early version's verifierGateway, and no fallback timeout: two weeks."""
    older = values()
    older["verifierGateway"] = older.pop("verifier")
    for name in ("fallbackTimeoutSecs", "opSuccinctL2OutputOracleImpl", "proxyAdmin"):
        del older[name]
    read = OracleFile.from_values(older)
    assert read.verifier == FILE.verifier
    assert read.parameters.fallback_timeout == 1_209_600
    del older["verifierGateway"]
    older["verifier"] = values()["verifier"]
    older["fallbackProposalTimeout"] = 5
    assert OracleFile.from_values(older).parameters.fallback_timeout == 5


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"owner": "0x12"}, "owner"),
        ({"owner": None}, "owner"),
        ({"l2BlockTime": "2"}, "l2BlockTime"),
        ({"l2BlockTime": True}, "l2BlockTime"),
        ({"l2BlockTime": -1}, "l2BlockTime"),
        ({"startingBlockNumber": 1 << 70}, "startingBlockNumber"),
        ({"submisionInterval": 3}, "submisionInterval"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], named: str) -> None:
    """Malformed, of another type, out of range, misspelt."""
    with pytest.raises(InputError, match=named):
        OracleFile.from_values(values() | change)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"null", b"x" * ((1 << 20) + 1)])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    """Typed errors, also for one that is too long or missing."""
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InputError):
        OracleFile.load(path)
    with pytest.raises(InputError):
        OracleFile.load(tmp_path / "none.json")


def test_a_missing_field_is_named() -> None:
    """Each one that has no default."""
    for name in values().keys() - {
        "fallbackTimeoutSecs",
        "opSuccinctL2OutputOracleImpl",
        "proxyAdmin",
    }:
        left = values()
        del left[name]
        with pytest.raises(InputError, match=name):
            OracleFile.from_values(left)


def test_the_initializers_of_the_generations_differ_by_the_timeout() -> None:
    """One word more in the second, under another selector."""
    first = PARAMETERS.initializer(FILE.verifier)
    second = PARAMETERS.initializer(FILE.verifier, Generation.SECOND)
    assert first[:4] != second[:4]
    assert second[4:] == first[4:] + (9).to_bytes(32)


def test_a_config_is_addressed_by_the_hash_of_its_name() -> None:
    """The genesis config's name hashes to the contract's constant."""
    assert (
        config_name_hash(GENESIS_CONFIG).hex() in load_artifact("L2OutputOracleV2").bytecode.hex()
    )


def test_keys_tell_in_what_they_differ() -> None:
    """By field name."""
    keys = PARAMETERS.keys
    assert keys.differing(keys) == []
    other = ProgramKeys(
        aggregation_vkey=keys.range_vkey_commitment,
        range_vkey_commitment=keys.range_vkey_commitment,
        rollup_config_hash=keys.aggregation_vkey,
    )
    assert keys.differing(other) == ["aggregation_vkey", "rollup_config_hash"]


@pytest.mark.parametrize(
    ("is_approved", "open_after", "l1_time", "allowed"),
    [
        (True, None, 0, True),
        (False, None, 2**40, False),
        (False, 100, 100, False),
        (False, 100, 101, True),
        (True, 100, 1, True),
    ],
)
def test_who_may_propose(
    is_approved: bool, open_after: int | None, l1_time: int, allowed: bool
) -> None:
    """The contract's rule: approved, or strictly later than the timeout."""
    right = ProposingRight(is_approved=is_approved, open_after=open_after, l1_time=l1_time)
    assert right.allowed is allowed


@pytest.mark.parametrize(
    ("admin_contract", "takes_empty", "data", "signature"),
    [
        (True, True, b"", "upgradeAndCall(address,address,bytes)"),
        (True, True, b"\x01", "upgradeAndCall(address,address,bytes)"),
        (True, False, b"", "upgrade(address,address)"),
        (True, False, b"\x01", "upgradeAndCall(address,address,bytes)"),
        (False, False, b"", "upgradeTo(address)"),
        (False, False, b"\x01", "upgradeToAndCall(address,bytes)"),
    ],
)
def test_each_kind_of_proxy_has_its_own_upgrade_call(
    admin_contract: bool, takes_empty: bool, data: bytes, signature: str
) -> None:
    """Through a ProxyAdmin, older or newer, or on OP Stack's Proxy itself."""
    proxy = Proxy(
        address=Address(b"\x01" * 20),
        implementation=Address(b"\x02" * 20),
        admin=Address(b"\x03" * 20),
        sender=Address(b"\x04" * 20),
        has_admin_contract=admin_contract,
        takes_empty_call=takes_empty,
    )
    call = proxy.upgrade_call(Address(b"\x05" * 20), data)
    assert call.to == (proxy.admin if admin_contract else proxy.address)
    assert call.data[:4] == keccak256(signature.encode())[:4]
