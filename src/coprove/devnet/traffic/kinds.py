"""What the traffic is made of: unsigned transactions of each kind, as pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eth_abi.abi import encode

from coprove.primitives import keccak256
from coprove.types import Address

__all__ = [
    "MESSAGE_PASSER",
    "STORE_CODE",
    "Payload",
    "call_store",
    "create_store",
    "deposit",
    "transfer",
    "withdrawal",
]

MESSAGE_PASSER: Final = Address.from_hex("0x4200000000000000000000000000000000000016")
"""The L2ToL1MessagePasser, to which withdrawals go."""

_DEPOSIT: Final = keccak256(b"depositTransaction(address,uint256,uint64,bool,bytes)")[:4]
_WITHDRAW: Final = keccak256(b"initiateWithdrawal(address,uint256,bytes)")[:4]
_MESSAGE_GAS: Final = 100_000

STORE_CODE: Final = bytes.fromhex("60003560005401600055600054602060002055")
"""A contract that adds the call's first word to slot 0 and writes slot keccak256(0) besides:
PUSH1 0 CALLDATALOAD PUSH1 0 SLOAD ADD PUSH1 0 SSTORE, then SLOAD, SHA3 and SSTORE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What a transaction does; nonce, fees and signature come later."""

    kind: str
    """Name of the kind, for logs and metrics."""
    to: Address | None
    """Receiver; None creates a contract."""
    value: int
    """Wei sent along."""
    data: bytes
    """Calldata or creation code."""
    gas: int
    """Gas limit."""


def transfer(to: Address, value: int) -> Payload:
    """Send `value` wei to `to`."""
    return Payload(kind="transfer", to=to, value=value, data=b"", gas=21_000)


def create_store() -> Payload:
    """Create a contract with `STORE_CODE`."""
    # PUSH1 size, DUP1, PUSH1 9, PUSH0, CODECOPY, PUSH0, RETURN: 9 bytes, the code follows them.
    head = bytes([0x60, len(STORE_CODE), 0x80, 0x60, 0x09, 0x5F, 0x39, 0x5F, 0xF3])
    return Payload(kind="creation", to=None, value=0, data=head + STORE_CODE, gas=200_000)


def call_store(contract: Address, amount: int) -> Payload:
    """Call a contract made by `create_store`."""
    return Payload(kind="call", to=contract, value=0, data=amount.to_bytes(32, "big"), gas=120_000)


def withdrawal(to: Address, value: int) -> Payload:
    """Withdraw `value` wei to `to` on L1: sent on L2."""
    body = encode(["address", "uint256", "bytes"], [str(to), _MESSAGE_GAS, b""])
    return Payload(
        kind="withdrawal", to=MESSAGE_PASSER, value=value, data=_WITHDRAW + body, gas=300_000
    )


def deposit(portal: Address, to: Address, value: int) -> Payload:
    """Deposit `value` wei to `to` on L2: sent on L1, to the portal."""
    body = encode(
        ["address", "uint256", "uint64", "bool", "bytes"],
        [str(to), value, _MESSAGE_GAS, False, b""],
    )
    return Payload(kind="deposit", to=portal, value=value, data=_DEPOSIT + body, gas=400_000)
