"""Singular batches: the content of one L2 block.

batch = 0x00 ++ rlp([parent_hash, epoch_number, epoch_hash, timestamp, transactions]).
Source: https://specs.optimism.io/protocol/derivation.html#batch-format
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from coprove.derivation.wire import item_bounds, list_items
from coprove.errors import InputError
from coprove.primitives import rlp
from coprove.types import Hash32

__all__ = ["SINGULAR_BATCH_TYPE", "SingularBatch", "decode_singular_batch"]

SINGULAR_BATCH_TYPE: Final = 0
"""First byte of an encoded singular batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SingularBatch:
    """What a sequencer puts into one L2 block, beside the deposits."""

    parent_hash: Hash32
    """Hash of the L2 block that this one follows."""
    epoch_number: int
    """Number of the L1 origin; u64."""
    epoch_hash: Hash32
    """Hash of the L1 origin."""
    timestamp: int
    """Timestamp of the L2 block in seconds; u64."""
    transactions: tuple[bytes, ...]
    """User transactions, EIP-2718 encoded."""

    def encode(self) -> bytes:
        """Return the batch's bytes, its type first."""
        return bytes([SINGULAR_BATCH_TYPE]) + rlp.encode(
            [
                bytes(self.parent_hash),
                rlp.encode_int(self.epoch_number),
                bytes(self.epoch_hash),
                rlp.encode_int(self.timestamp),
                list(self.transactions),
            ]
        )


def decode_singular_batch(data: bytes) -> SingularBatch:
    """Decode a batch whose first byte is its type; bytes after the list are ignored.

    Raises InputError when the list is not canonical or its fields have another shape.
    """
    fields = list_items(data, 1, 5, "singular batch")
    if any(data[start] >= 0xC0 for start, _ in fields[:4]):
        raise InputError("singular batch", expected="four byte strings", actual="a list")
    parent_hash, epoch_number, epoch_hash, timestamp = (
        rlp.decode(data[start:end]) for start, end in fields[:4]
    )
    return SingularBatch(
        parent_hash=Hash32(rlp.expect_bytes(parent_hash, "batch parent hash", 32)),
        epoch_number=rlp.decode_int(epoch_number, "batch epoch number", 8),
        epoch_hash=Hash32(rlp.expect_bytes(epoch_hash, "batch epoch hash", 32)),
        timestamp=rlp.decode_int(timestamp, "batch timestamp", 8),
        transactions=_transactions(data, *fields[4]),
    )


def _transactions(data: bytes, start: int, end: int) -> tuple[bytes, ...]:
    """Read a list of byte strings; what else hides in it is not decoded."""
    if data[start] < 0xC0:
        raise InputError("batch transactions", expected="a list", actual="a byte string")
    at, _ = item_bounds(data, start, end)
    found: list[bytes] = []
    while at < end:
        if data[at] >= 0xC0:
            raise InputError("batch transaction", expected="a byte string", actual="a list")
        begin, at = item_bounds(data, at, end)
        found.append(data[begin:at])
    return tuple(found)
