"""Deposit transactions: their encoding, their source hashes, and those that users make on L1.

Source: specification, "Deposits".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from coprove.derivation.receipts import find_logs
from coprove.errors import Critical, InputError
from coprove.primitives import keccak256
from coprove.primitives.rlp import (
    RlpError,
    decode_int,
    decode_list,
    encode,
    encode_int,
    expect_bytes,
)
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.derivation.receipts import Log

__all__ = [
    "DEPOSIT_EVENT_TOPIC",
    "DEPOSIT_TYPE",
    "DepositLogError",
    "DepositTransaction",
    "deposit_from_log",
    "deposits_from_receipts",
    "l1_info_source_hash",
    "upgrade_source_hash",
    "user_source_hash",
]

DEPOSIT_TYPE = 0x7E
"""EIP-2718 type of a deposit transaction."""

DEPOSIT_EVENT_TOPIC = Hash32(
    bytes.fromhex("b3813568d9991fc951961fcb4c784893574240a28925604d09fc577c55bb7c32")
)
"""keccak256 of `TransactionDeposited(address,address,uint256,bytes)`."""

_USER_DOMAIN, _L1_INFO_DOMAIN, _UPGRADE_DOMAIN = 0, 1, 2
_TYPE_BYTE = bytes((DEPOSIT_TYPE,))
_FIELDS = 8
# mint and value (32 bytes each), gas (8), the creation flag (1)
_OPAQUE_FIXED = 73


class DepositLogError(Critical):
    """A log of the portal is no valid deposit: deposits may not be left out, so nothing goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositTransaction:
    """A transaction of type 0x7E, which L1 or the protocol itself puts into a block."""

    source_hash: Hash32
    """Identifies where the deposit comes from; makes its hash unique."""
    sender: Address
    """The account that it runs as."""
    to: Address | None
    """Recipient, None for a contract creation."""
    mint: int
    """Wei that the sender gets before the transaction runs."""
    value: int
    """Wei that the recipient gets from the sender."""
    gas: int
    """Gas limit."""
    is_system: bool
    """True for L1-attributes deposits before Regolith, which use no gas of the block."""
    data: bytes
    """Call data or creation code."""

    def encode(self) -> bytes:
        """Return the EIP-2718 bytes."""
        return _TYPE_BYTE + encode(
            (
                self.source_hash,
                self.sender,
                self.to or b"",
                encode_int(self.mint),
                encode_int(self.value),
                encode_int(self.gas),
                b"\x01" if self.is_system else b"",
                self.data,
            )
        )

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Parse EIP-2718 bytes; InputError unless they are a canonical deposit."""
        if not raw.startswith(_TYPE_BYTE):
            raise RlpError("deposit", expected="type 0x7e", actual=raw[:1].hex() or "nothing")
        items = decode_list(raw[1:], "deposit", _FIELDS)
        to = expect_bytes(items[2], "deposit.to")
        is_system = expect_bytes(items[6], "deposit.is_system")
        if is_system not in (b"", b"\x01"):
            raise RlpError("deposit.is_system", expected="a boolean", actual=is_system.hex())
        return cls(
            source_hash=Hash32(expect_bytes(items[0], "deposit.source_hash", 32)),
            sender=Address(expect_bytes(items[1], "deposit.sender", 20)),
            to=Address(to) if to else None,
            mint=decode_int(items[3], "deposit.mint"),
            value=decode_int(items[4], "deposit.value"),
            gas=decode_int(items[5], "deposit.gas", 8),
            is_system=bool(is_system),
            data=expect_bytes(items[7], "deposit.data"),
        )


def user_source_hash(l1_block_hash: Hash32, log_index: int) -> Hash32:
    """Return the source hash of a user's deposit; `log_index` counts the L1 block's logs."""
    return _source_hash(_USER_DOMAIN, l1_block_hash + log_index.to_bytes(32, "big"))


def l1_info_source_hash(l1_block_hash: Hash32, sequence_number: int) -> Hash32:
    """Return the source hash of an L1-attributes deposit."""
    return _source_hash(_L1_INFO_DOMAIN, l1_block_hash + sequence_number.to_bytes(32, "big"))


def upgrade_source_hash(intent: str) -> Hash32:
    """Return the source hash of an upgrade deposit; `intent` is its name in the specification."""
    return _source_hash(_UPGRADE_DOMAIN, intent.encode())


def deposits_from_receipts(
    receipts: Sequence[bytes], portal: Address, l1_block_hash: Hash32
) -> tuple[bytes, ...]:
    """Return the encoded deposits of an L1 block, in the order of their logs.

    `receipts` are all of the block's, EIP-2718 encoded. DepositLogError when the portal emitted
    something malformed, InputError for a malformed receipt.
    """
    return tuple(
        deposit_from_log(log, l1_block_hash, index).encode()
        for index, log in find_logs(receipts, portal, DEPOSIT_EVENT_TOPIC)
    )


def deposit_from_log(log: Log, l1_block_hash: Hash32, log_index: int) -> DepositTransaction:
    """Decode one TransactionDeposited log (version 0)."""
    try:
        return _decode_log(log, l1_block_hash, log_index)
    except InputError as error:
        where = f"log {log_index} of L1 block {l1_block_hash}"
        raise DepositLogError(f"malformed deposit in {where}: {error}") from error


def _decode_log(log: Log, l1_block_hash: Hash32, log_index: int) -> DepositTransaction:
    if len(log.topics) != 4:
        raise InputError("deposit topics", expected="4", actual=len(log.topics))
    if any(log.topics[3]):
        raise InputError("deposit version", expected="0", actual=log.topics[3])
    opaque = _opaque_data(log.data)
    if len(opaque) < _OPAQUE_FIXED:
        raise InputError("opaque data", expected=f"{_OPAQUE_FIXED} bytes", actual=len(opaque))
    return DepositTransaction(
        source_hash=user_source_hash(l1_block_hash, log_index),
        sender=Address(log.topics[1][12:]),
        to=None if opaque[72] else Address(log.topics[2][12:]),
        mint=int.from_bytes(opaque[:32], "big"),
        value=int.from_bytes(opaque[32:64], "big"),
        gas=int.from_bytes(opaque[64:72], "big"),
        is_system=False,
        data=opaque[_OPAQUE_FIXED:],
    )


def _opaque_data(data: bytes) -> bytes:
    """Return the one `bytes` value that a log's data encodes, with the least padding."""
    if len(data) < 64 or len(data) % 32:
        raise InputError("deposit data", expected="at least two words", actual=f"{len(data)} bytes")
    offset = int.from_bytes(data[:32], "big")
    if offset != 32:
        raise InputError("deposit data offset", expected="32", actual=offset)
    length = int.from_bytes(data[32:64], "big")
    room = len(data) - 64
    if not room - 32 < length <= room:
        raise InputError("deposit data length", expected=f"to fill {room} bytes", actual=length)
    return data[64 : 64 + length]


def _source_hash(domain: int, identity: bytes) -> Hash32:
    return Hash32(keccak256(domain.to_bytes(32, "big") + keccak256(identity)))
