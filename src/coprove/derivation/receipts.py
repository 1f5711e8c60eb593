"""Receipts of every transaction type of L1 and L2, decoded strictly.

Types that L1 may get in time are read as today's typed receipts are, so that a new one neither
hides a deposit nor stops derivation.
Source: https://specs.optimism.io/protocol/derivation.html#on-future-proof-transaction-log-derivation
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.errors import InputError
from coprove.primitives.rlp import (
    Item,
    RlpError,
    decode_int,
    decode_list,
    expect_bytes,
    expect_list,
)
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Log", "Receipt", "decode_receipt", "find_logs"]

_MAX_TOPICS = 4
_DEPOSIT = 0x7E
# Access list, fee market, blob and set code are known; deposits come on L2.
_FUTURE_TYPES = range(0x05, _DEPOSIT)
_TYPES = range(0x01, _DEPOSIT + 1)
_FIRST_LIST_PREFIX = 0xC0


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """An event that a contract emitted."""

    address: Address
    """The contract."""
    topics: tuple[Hash32, ...]
    """At most four words; the first is by custom the hash of the event's signature."""
    data: bytes
    """ABI-encoded values that are not indexed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a transaction did."""

    transaction_type: int
    """EIP-2718 type, 0 for a legacy transaction."""
    succeeded: bool
    """False when it reverted or ran out of gas; such a receipt has no logs."""
    cumulative_gas_used: int
    """Gas of the block up to and with this transaction."""
    logs_bloom: bytes
    """Bloom filter over the logs, 256 bytes."""
    logs: tuple[Log, ...]
    """The events."""
    deposit_nonce: int | None = None
    """Sender's nonce before a deposit (Regolith)."""
    deposit_receipt_version: int | None = None
    """1 when the receipt hash covers the nonce (Canyon)."""


def decode_receipt(raw: bytes) -> Receipt:
    """Parse an EIP-2718 receipt; InputError unless it is canonical and of a possible type."""
    if not raw:
        raise RlpError("receipt", expected="bytes", actual="nothing")
    kind = raw[0]
    if kind >= _FIRST_LIST_PREFIX:
        kind, body = 0, raw
    elif kind in _TYPES:
        body = raw[1:]
    else:
        raise RlpError("receipt type", expected="0x01 to 0x7e", actual=hex(kind))
    items = decode_list(body, "receipt")
    extra = items[4:]
    if len(items) < 4 or (extra and (kind != _DEPOSIT or len(extra) > 2)):
        raise RlpError("receipt", expected="its 4 fields", actual=f"{len(items)} items")
    status = expect_bytes(items[0], "receipt.status")
    # Before Byzantium a post-state root stands in the status field.
    if status not in (b"", b"\x01") and (kind or len(status) != 32):
        raise RlpError("receipt.status", expected="0 or 1", actual=status.hex())
    return Receipt(
        transaction_type=kind,
        succeeded=bool(status),
        cumulative_gas_used=decode_int(items[1], "receipt.cumulative_gas_used", 8),
        logs_bloom=expect_bytes(items[2], "receipt.logs_bloom", 256),
        logs=tuple(_log(item) for item in expect_list(items[3], "receipt.logs")),
        deposit_nonce=decode_int(extra[0], "receipt.deposit_nonce", 8) if extra else None,
        deposit_receipt_version=(
            decode_int(extra[1], "receipt.deposit_receipt_version", 8) if len(extra) > 1 else None
        ),
    )


def find_logs(receipts: Sequence[bytes], address: Address, topic: Hash32) -> list[tuple[int, Log]]:
    """Return the logs of `address` whose first topic is `topic`, with their index in the block.

    Logs of failed transactions are left out, and receipts of a future type that do not decode.
    InputError for any other malformed receipt.
    """
    # The address of every log stands in its receipt's bytes, so that most blocks end here.
    pattern = bytes(address)
    if not any(pattern in raw for raw in receipts):
        return []
    found: list[tuple[int, Log]] = []
    index = 0
    for raw in receipts:
        try:
            receipt = decode_receipt(raw)
        except InputError:
            if raw and raw[0] in _FUTURE_TYPES:
                continue
            raise
        for log in receipt.logs:
            if receipt.succeeded and log.address == address and log.topics[:1] == (topic,):
                found.append((index, log))
            index += 1
    return found


def _log(item: Item) -> Log:
    fields = expect_list(item, "log", 3)
    topics = expect_list(fields[1], "log.topics")
    if len(topics) > _MAX_TOPICS:
        raise RlpError("log.topics", expected=f"at most {_MAX_TOPICS}", actual=len(topics))
    return Log(
        address=Address(expect_bytes(fields[0], "log.address", 20)),
        topics=tuple(Hash32(expect_bytes(topic, "log.topic", 32)) for topic in topics),
        data=expect_bytes(fields[2], "log.data"),
    )
