"""The first half of the pipeline: from L1 blocks to decoded batches.

It reads nothing of L2, so it may run ahead of the second half as far as memory allows; what the
second half sees is the same whether it did or not. Each batch carries the L1 block that it was
read at, which is the one where its channel became whole.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coprove.derivation.channel import ChannelAssembler, ChannelBank, ChannelStage
from coprove.derivation.channel_reader import Batch, read_batches
from coprove.derivation.data_source import read_batch_data
from coprove.derivation.errors import L1ReorgError, PipelineError
from coprove.derivation.frames import parse_frames, prune_frames
from coprove.derivation.system_config import apply_config_updates
from coprove.errors import InputError
from coprove.types import Fork

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coprove.derivation.source import L1Block, L1Source
    from coprove.types import L1BlockRef, RollupConfig, SystemConfig

__all__ = ["L1Stream"]


@dataclass(slots=True, kw_only=True)
class _ReadBlock:
    """An L1 block, and what was read from it so far."""

    block: L1Block
    """The block."""
    ref: L1BlockRef
    """Its reference."""
    batches: deque[tuple[int, Batch]] = field(default_factory=deque)
    """Batches that were decoded and not taken yet, each with the serial number of its channel."""
    rest: Iterator[tuple[int, Batch]] | None = None
    """Decodes the further batches; None when there are no more."""


class L1Stream:
    """L1 blocks in order, each with its batches; a cursor stands on one of them."""

    def __init__(
        self,
        config: RollupConfig,
        source: L1Source,
        origin: L1BlockRef,
        system_config: SystemConfig,
    ) -> None:
        """Start at `origin`, where `system_config` holds."""
        self._config = config
        self._source = source
        self._start = origin
        self._system_config = system_config
        self._stage: ChannelStage = (
            ChannelAssembler(config)
            if config.is_active(Fork.HOLOCENE, origin.timestamp)
            else ChannelBank(config)
        )
        self._channels = 0
        self._flushed = -1
        self._taken_from = -1
        # The front is the block that the cursor stands on, the back the newest that was read.
        self._window: deque[_ReadBlock] = deque()

    def open(self) -> bool:
        """Read the first block if that is still to be done; say whether it is there."""
        return bool(self._window) or self._read_next()

    @property
    def block(self) -> L1Block:
        """The L1 block that the cursor stands on."""
        return self._window[0].block

    @property
    def origin(self) -> L1BlockRef:
        """The reference of that block; the start before anything was read."""
        return self._window[0].ref if self._window else self._start

    def next_batch(self) -> Batch | None:
        """Take the next batch of the cursor's block; None when there are no more."""
        current = self._window[0]
        while True:
            if not current.batches and not self._decode_one(current):
                return None
            channel, batch = current.batches.popleft()
            if channel != self._flushed:
                self._taken_from = channel
                return batch

    def flush_channel(self) -> None:
        """Drop what is left of the channel that the last batch came from."""
        self._flushed = self._taken_from

    def advance(self) -> bool:
        """Move the cursor to the next L1 block; False when the source does not have it (yet)."""
        while self._decode_one(self._window[0]):
            pass  # the channel stage must have seen all frames of a block before the next block's
        if len(self._window) == 1 and not self._read_next():
            return False
        self._window.popleft()
        return True

    def prefetch(self) -> bool:
        """Decode one batch more, or read one L1 block more, ahead of the cursor."""
        if self._window and self._decode_one(self._window[-1]):
            return True
        return self._read_next()

    def _decode_one(self, read: _ReadBlock) -> bool:
        if read.rest is None:
            return False
        item = next(read.rest, None)
        if item is None:
            read.rest = None
            return False
        read.batches.append(item)
        return True

    def _read_next(self) -> bool:
        """Read the L1 block behind the newest one; a failure leaves everything as it was."""
        parent = self._window[-1].ref if self._window else None
        number = self._start.number if parent is None else parent.number + 1
        block = self._source.block_by_number(number)
        if block is None:
            return False
        if block.header.number != number:
            raise PipelineError(f"asked for L1 block {number}, got {block.header.number}")
        system_config = self._system_config
        if parent is None:
            if block.hash != self._start.hash:
                raise L1ReorgError(number, expected=self._start.hash, actual=block.hash)
        else:
            if block.header.parent_hash != parent.hash:
                raise L1ReorgError(number, expected=parent.hash, actual=block.header.parent_hash)
            if block.receipts is not None:
                system_config = apply_config_updates(
                    self._config, system_config, block.receipts, block.header.timestamp
                )
        datas = read_batch_data(self._config, self._source, block, system_config.batcher_address)
        ref = block.ref
        self._system_config = system_config
        if isinstance(self._stage, ChannelBank) and self._config.is_active(
            Fork.HOLOCENE, ref.timestamp
        ):
            # Holocene's first L1 block: all that was buffered is discarded.
            self._stage = ChannelAssembler(self._config)
        self._window.append(_ReadBlock(block=block, ref=ref, rest=self._batches(ref, datas)))
        return True

    def _batches(self, origin: L1BlockRef, datas: list[bytes]) -> Iterator[tuple[int, Batch]]:
        """Decode what becomes readable at `origin`: channels in order, batch by batch."""
        strict = self._config.is_active(Fork.HOLOCENE, origin.timestamp)
        yield from self._ready(origin)
        for data in datas:
            try:
                frames = parse_frames(data)
            except InputError:
                continue  # one bad frame makes the whole transaction invalid
            for frame in prune_frames(frames) if strict else frames:
                self._stage.ingest(frame, origin)
                yield from self._ready(origin)

    def _ready(self, origin: L1BlockRef) -> Iterator[tuple[int, Batch]]:
        while (channel := self._stage.read(origin)) is not None:
            serial = self._channels
            self._channels += 1
            for batch in read_batches(self._config, channel.data, origin.timestamp):
                if serial == self._flushed:
                    break
                yield serial, batch
