"""The deployment file, the portal's hashes, the mock proof, the tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.contracts import (
    DEV_CHAIN_IDS,
    L1Deployment,
    WithdrawalTransaction,
    is_dev_chain,
    is_mock_proof,
    message_passed,
    mock_proof,
)
from coprove.contracts.abi import Event
from coprove.contracts.foundry_tools import (
    AnvilStartError,
    ToolNotFoundError,
    find_tool,
    start_anvil,
)
from coprove.errors import InputError
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from pathlib import Path

DEPLOYMENT = L1Deployment(
    deployed_at=13,
    l2_output_oracle=Address(b"\x01" * 20),
    verifier=Address(b"\x02" * 20),
    optimism_portal=Address(b"\x03" * 20),
    system_config=Address(b"\x04" * 20),
    superchain_config=Address(b"\x05" * 20),
)


def test_a_deployment_is_read_back_as_written(tmp_path: Path) -> None:
    """File and JSON form."""
    DEPLOYMENT.save(tmp_path / "l1.json")
    assert L1Deployment.load(tmp_path / "l1.json") == DEPLOYMENT


@pytest.mark.parametrize(
    "change",
    [
        {"verifier": "0x12"},
        {"verifier": None},
        {"deployed_at": "1"},
        {"more": 1},
        {"deployed_at": -1},
    ],
)
def test_an_altered_deployment_file_is_refused(change: dict[str, object]) -> None:
    """Missing, extra and malformed fields are typed errors."""
    values = {**json.loads(DEPLOYMENT.to_json()), **change}
    with pytest.raises(InputError):
        L1Deployment.from_json(json.dumps(values))
    for text in ("", "[]", "{}", "null"):
        with pytest.raises(InputError):
            L1Deployment.from_json(text)


WITHDRAWAL = WithdrawalTransaction(
    nonce=1 << 240,
    sender=Address(b"\x0a" * 20),
    target=Address(b"\x0b" * 20),
    value=1,
    gas_limit=2,
    data=b"\x03",
)
MESSAGE_PASSED = Event("MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)", ())


def _log(withdrawal: WithdrawalTransaction, logged: bytes) -> tuple[list[bytes], bytes]:
    data = b"".join(
        (
            withdrawal.value.to_bytes(32),
            withdrawal.gas_limit.to_bytes(32),
            (128).to_bytes(32),
            logged,
            len(withdrawal.data).to_bytes(32),
            withdrawal.data.ljust(32, b"\x00"),
        )
    )
    topics = [
        MESSAGE_PASSED.topic,
        withdrawal.nonce.to_bytes(32),
        withdrawal.sender.rjust(32, b"\x00"),
        withdrawal.target.rjust(32, b"\x00"),
    ]
    return topics, data


def test_a_withdrawal_is_read_from_its_log() -> None:
    """Its hash must be the one in the log."""
    assert message_passed(*_log(WITHDRAWAL, WITHDRAWAL.hash())) == WITHDRAWAL
    with pytest.raises(InputError, match="withdrawal hash"):
        message_passed(*_log(WITHDRAWAL, bytes(32)))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300), st.binary(max_size=300))
def test_a_mock_proof_binds_key_and_values(key: bytes, values: bytes, other: bytes) -> None:
    """Two proofs are equal when key and values are, and only then."""
    proof = mock_proof(Hash32(key), values)
    assert is_mock_proof(proof)
    assert (proof == mock_proof(Hash32(key), other)) == (values == other)
    assert not is_mock_proof(proof + b"\x00")
    assert not is_mock_proof(values)


def test_no_public_chain_is_a_dev_chain() -> None:
    """Mainnet, testnets and large rollups are not."""
    assert not any(is_dev_chain(n) for n in (1, 10, 56, 137, 8453, 17000, 42161, 560048, 11155111))
    assert {900, 901, 1337, 31337} <= DEV_CHAIN_IDS


def test_a_missing_tool_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither node_modules nor PATH has it."""
    monkeypatch.setenv("COPROVE_NODE_MODULES", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolNotFoundError, match="make setup"):
        find_tool("anvil")


@pytest.mark.anvil
def test_an_anvil_that_ends_early_is_a_typed_error() -> None:
    """A bad option ends it at once."""
    with pytest.raises(AnvilStartError, match="status"):
        start_anvil(extra=["--no-such-option"])
