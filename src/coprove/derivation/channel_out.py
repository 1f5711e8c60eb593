"""The batcher's half: L2 blocks into a channel, the channel into frames.

Source: https://specs.optimism.io/protocol/batcher.html
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from coprove.derivation.compression import Compression, compress
from coprove.derivation.deposits import DEPOSIT_TYPE
from coprove.derivation.frames import FRAME_ENVELOPE, Frame
from coprove.derivation.parameters import MAX_FRAME_LENGTH
from coprove.derivation.singular import SingularBatch
from coprove.derivation.span import encode_span_batch
from coprove.errors import InputError
from coprove.primitives import rlp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.types import L2BlockRef, RollupConfig

__all__ = ["BatchType", "ChannelOut", "batch_from_block", "split_channel"]

_CHANNEL_ID_LENGTH: Final = 16
_MAX_FRAMES: Final = 1 << 16


class BatchType(Enum):
    """How a channel's blocks are encoded."""

    SINGULAR = "singular"
    """One batch a block."""
    SPAN = "span"
    """One batch for all blocks (from Delta)."""


def batch_from_block(block: L2BlockRef, transactions: Sequence[bytes]) -> SingularBatch:
    """Return the batch of an L2 block: its user transactions, without the deposits."""
    return SingularBatch(
        parent_hash=block.parent_hash,
        epoch_number=block.l1_origin.number,
        epoch_hash=block.l1_origin.hash,
        timestamp=block.timestamp,
        transactions=tuple(raw for raw in transactions if raw[0] != DEPOSIT_TYPE),
    )


class ChannelOut:
    """A channel that takes blocks until it is closed."""

    def __init__(
        self,
        config: RollupConfig,
        channel_id: bytes,
        *,
        batch_type: BatchType = BatchType.SPAN,
        compression: Compression = Compression.BROTLI,
        level: int | None = None,
    ) -> None:
        """Open an empty channel with a 16-byte id that is unique among the chain's channels.

        `level` is the compression level, 0 to 9 for zlib and 0 to 11 for brotli.
        """
        if len(channel_id) != _CHANNEL_ID_LENGTH:
            raise InputError("channel id", expected="16 bytes", actual=len(channel_id))
        self._config = config
        self._channel_id = channel_id
        self._batch_type = batch_type
        self._compression = compression
        self._level = level
        self._batches: list[SingularBatch] = []
        self._first_changes_origin = False
        self._input_size = 0

    @property
    def blocks(self) -> int:
        """How many blocks are in the channel."""
        return len(self._batches)

    @property
    def input_size(self) -> int:
        """Bytes of the blocks' transactions, before compression."""
        return self._input_size

    def add(self, batch: SingularBatch, sequence_number: int) -> None:
        """Add the next block; `sequence_number` is its distance from its epoch's first block.

        Raises InputError when the block does not directly follow the one before it.
        """
        if self._batches:
            expected = self._batches[-1].timestamp + self._config.block_time
            if batch.timestamp != expected:
                raise InputError("batch timestamp", expected=str(expected), actual=batch.timestamp)
        else:
            self._first_changes_origin = sequence_number == 0
        self._batches.append(batch)
        self._input_size += sum(len(raw) for raw in batch.transactions)

    def compressed(self) -> bytes:
        """Return the whole channel's bytes; InputError while it is empty."""
        if not self._batches:
            raise InputError("channel", expected="one block or more", actual="none")
        if self._batch_type is BatchType.SPAN:
            encoded = [
                encode_span_batch(
                    self._batches,
                    first_changes_origin=self._first_changes_origin,
                    config=self._config,
                )
            ]
        else:
            encoded = [batch.encode() for batch in self._batches]
        content = b"".join(rlp.encode(batch) for batch in encoded)
        return compress(content, self._compression, level=self._level)

    def frames(self, max_frame_size: int) -> list[Frame]:
        """Return the channel cut into frames of at most `max_frame_size` bytes, envelope included.

        Raises InputError when it would take more than 65,536 frames.
        """
        return split_channel(self._channel_id, self.compressed(), max_frame_size)


def split_channel(channel_id: bytes, data: bytes, max_frame_size: int) -> list[Frame]:
    """Cut the bytes of a channel into frames, the last one marked."""
    size = min(max_frame_size - FRAME_ENVELOPE, MAX_FRAME_LENGTH)
    if size < 1:
        raise InputError("frame size", expected=f"more than {FRAME_ENVELOPE}", actual=size)
    count = max(1, -(-len(data) // size))
    if count > _MAX_FRAMES:
        raise InputError("channel", expected=f"{_MAX_FRAMES} frames at most", actual=count)
    return [
        Frame(
            channel_id=channel_id,
            number=number,
            data=data[number * size : (number + 1) * size],
            is_last=number + 1 == count,
        )
        for number in range(count)
    ]
