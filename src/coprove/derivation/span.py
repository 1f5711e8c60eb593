"""Span batches: the content of a run of consecutive L2 blocks.

batch = 0x01 ++ prefix ++ payload, prefix = rel_timestamp ++ l1_origin_num ++ parent_check ++
l1_origin_check, payload = block_count ++ origin_bits ++ block_tx_counts ++ txs.
Source: https://specs.optimism.io/protocol/delta/span-batches.html#span-batch-format
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

from coprove.derivation.parameters import MAX_SPAN_BATCH_ELEMENTS
from coprove.derivation.singular import SingularBatch
from coprove.derivation.span_transactions import (
    SpanTransactions,
    decode_span_transactions,
    encode_span_transactions,
)
from coprove.derivation.wire import Reader, encode_bits, encode_uvarint
from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.types import Hash32, RollupConfig

__all__ = [
    "CHECK_LENGTH",
    "SPAN_BATCH_TYPE",
    "RawSpanBatch",
    "SpanBatch",
    "decode_span_batch",
    "encode_span_batch",
]

SPAN_BATCH_TYPE: Final = 1
"""First byte of an encoded span batch."""

CHECK_LENGTH: Final = 20
"""Bytes of a block hash that a span batch carries."""

_U64: Final = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanBatch:
    """A run of consecutive L2 blocks; their parent and origin hashes are known in part only."""

    parent_check: bytes
    """First 20 bytes of the hash of the L2 block that the first one follows."""
    origin_check: bytes
    """First 20 bytes of the hash of the last block's L1 origin."""
    first_timestamp: int
    """Timestamp of the first block in seconds."""
    block_time: int
    """Seconds from block to block."""
    epochs: Sequence[int]
    """Number of each block's L1 origin, never decreasing."""
    offsets: Sequence[int]
    """Index of each block's first transaction; one more than there are blocks."""
    transactions: Sequence[bytes]
    """The user transactions of all blocks in order, EIP-2718 encoded."""

    def __len__(self) -> int:
        """Return how many blocks there are; at least one."""
        return len(self.epochs)

    def timestamp(self, index: int) -> int:
        """Return the timestamp of a block, in seconds."""
        return (self.first_timestamp + index * self.block_time) & _U64

    @property
    def last_timestamp(self) -> int:
        """Timestamp of the last block in seconds."""
        return self.timestamp(len(self.epochs) - 1)

    def block_transactions(self, index: int) -> tuple[bytes, ...]:
        """Return the user transactions of a block."""
        return tuple(self.transactions[self.offsets[index] : self.offsets[index + 1]])

    def singular(self, index: int, *, parent_hash: Hash32, epoch_hash: Hash32) -> SingularBatch:
        """Return a block of the span as a batch of its own, given the hashes it does not hold."""
        return SingularBatch(
            parent_hash=parent_hash,
            epoch_number=self.epochs[index],
            epoch_hash=epoch_hash,
            timestamp=self.timestamp(index),
            transactions=self.block_transactions(index),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSpanBatch:
    """A span batch as it is encoded."""

    relative_timestamp: int
    """Seconds from L2 genesis to the first block; u64."""
    last_epoch: int
    """Number of the last block's L1 origin; u64."""
    parent_check: bytes
    """As in SpanBatch."""
    origin_check: bytes
    """As in SpanBatch."""
    origin_bits: str
    """For each block "1" if its L1 origin is another than its parent's, else "0"."""
    transaction_counts: tuple[int, ...]
    """How many transactions each block has."""
    transactions: SpanTransactions
    """The transactions, field by field."""

    def derive(self, config: RollupConfig) -> SpanBatch:
        """Fill in what follows from the chain's parameters.

        Raises InputError for transactions that cannot be put together.
        """
        epochs = [self.last_epoch] * len(self.origin_bits)
        if "1" in self.origin_bits[1:]:
            epoch = self.last_epoch
            for index in range(len(epochs) - 1, -1, -1):
                epochs[index] = epoch
                if self.origin_bits[index] == "1":
                    epoch = (epoch - 1) & _U64
        return SpanBatch(
            parent_check=self.parent_check,
            origin_check=self.origin_check,
            first_timestamp=(config.genesis.l2_time + self.relative_timestamp) & _U64,
            block_time=config.block_time,
            epochs=epochs,
            offsets=list(accumulate(self.transaction_counts, initial=0)),
            transactions=self.transactions.rebuild(config.l2_chain_id),
        )


def decode_span_batch(data: bytes) -> RawSpanBatch:
    """Decode a batch whose first byte is its type; bytes after the batch are ignored.

    Raises InputError when it ends early, holds no block, or has more than 10,000,000 blocks or
    transactions.
    """
    reader = Reader(data, 1)
    relative_timestamp = reader.uvarint()
    last_epoch = reader.uvarint()
    parent_check = reader.take(CHECK_LENGTH)
    origin_check = reader.take(CHECK_LENGTH)
    blocks = reader.uvarint()
    if not 0 < blocks <= MAX_SPAN_BATCH_ELEMENTS:
        raise InputError("span batch", expected="1 to 10,000,000 blocks", actual=blocks)
    origin_bits = reader.bits(blocks)
    counts = reader.uvarints(blocks)
    total = sum(counts)
    if total > MAX_SPAN_BATCH_ELEMENTS:
        raise InputError("span batch", expected="10,000,000 transactions at most", actual=total)
    return RawSpanBatch(
        relative_timestamp=relative_timestamp,
        last_epoch=last_epoch,
        parent_check=parent_check,
        origin_check=origin_check,
        origin_bits=origin_bits,
        transaction_counts=counts,
        transactions=decode_span_transactions(reader, total),
    )


def encode_span_batch(
    batches: Sequence[SingularBatch], *, first_changes_origin: bool, config: RollupConfig
) -> bytes:
    """Encode consecutive blocks as one span batch, its type first.

    `first_changes_origin` says whether the first block has another L1 origin than its parent.
    Raises InputError when there is no block or a transaction does not fit in.
    """
    if not batches:
        raise InputError("span batch", expected="one block or more", actual="none")
    first, last = batches[0], batches[-1]
    origin_bits = [first_changes_origin]
    for before, batch in pairwise(batches):
        if batch.timestamp != before.timestamp + config.block_time:
            raise InputError(
                "span batch",
                expected=f"timestamp {before.timestamp + config.block_time}",
                actual=batch.timestamp,
            )
        step = batch.epoch_number - before.epoch_number
        if step not in (0, 1):
            raise InputError("span batch", expected="an origin step of 0 or 1", actual=step)
        origin_bits.append(step == 1)
    transactions = [raw for batch in batches for raw in batch.transactions]
    return b"".join(
        (
            bytes([SPAN_BATCH_TYPE]),
            encode_uvarint(first.timestamp - config.genesis.l2_time),
            encode_uvarint(last.epoch_number),
            first.parent_hash[:CHECK_LENGTH],
            last.epoch_hash[:CHECK_LENGTH],
            encode_uvarint(len(batches)),
            encode_bits(origin_bits),
            *(encode_uvarint(len(batch.transactions)) for batch in batches),
            encode_span_transactions(transactions, config.l2_chain_id),
        )
    )
