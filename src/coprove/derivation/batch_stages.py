"""From batches to the next block's batch: the queue before Holocene, the strict stage from it on.

Both follow the L1 origins, check batches against the safe head, stream the blocks of a valid span
batch, and make an empty batch when an epoch's sequencing window has closed without one.
Sources: https://specs.optimism.io/protocol/derivation.html#batch-queue and
https://specs.optimism.io/protocol/holocene/derivation.html#batch-queue
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from coprove.derivation.errors import PipelineError
from coprove.derivation.singular import SingularBatch
from coprove.derivation.span_validity import check_span_batch, check_span_prefix
from coprove.derivation.validity import BatchContext, Validity, check_singular_batch

if TYPE_CHECKING:
    from coprove.derivation.channel_reader import Batch
    from coprove.derivation.epochs import Epochs
    from coprove.derivation.l1_stream import L1Stream
    from coprove.derivation.source import L2Block
    from coprove.derivation.span import SpanBatch
    from coprove.types import L1BlockRef, L2BlockRef, RollupConfig

__all__ = ["BatchQueue", "BatchStage", "NextBatch", "SafeChain", "Wait"]


class Wait(Enum):
    """Why a stage has no batch."""

    AGAIN = "again"
    """It made progress: ask again."""
    L1_BLOCK = "L1 block"
    """All that the L1 block gives is used up: move to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextBatch:
    """The batch of the block after the safe head."""

    batch: SingularBatch
    """Its content."""
    is_last: bool
    """Whether no further block of the same span batch follows."""


class SafeChain(Protocol):
    """The safe L2 blocks, for span batches that reach back to them."""

    def block_ref(self, number: int) -> L2BlockRef | None:
        """Return the reference to a safe block; MissingL2BlockError when it is not known.

        None when the block was let go of: its L1 origin is more than a sequencing window and a
        block older than `BatchStage.oldest_inclusion` ever was.
        """

    def block(self, number: int) -> L2Block:
        """Return a safe block with its transactions; MissingL2BlockError as well."""


class _Stage:
    """What both stages share."""

    def __init__(
        self, config: RollupConfig, stream: L1Stream, epochs: Epochs, chain: SafeChain
    ) -> None:
        self._config = config
        self._stream = stream
        self._epochs = epochs
        self._chain = chain
        self._span: SpanBatch | None = None
        self._span_index = 0
        # How many blocks in a row came from the newest span.
        self._streamed = 0

    @property
    def oldest_inclusion(self) -> int:
        """Number of the oldest L1 block whose batches may still be checked."""
        return self._epochs.origin.number

    def _context(self, safe_head: L2BlockRef, inclusion: L1BlockRef) -> BatchContext:
        return BatchContext(
            config=self._config,
            epochs=self._epochs.blocks,
            safe_head=safe_head,
            inclusion=inclusion,
            safe_block=self._chain.block_ref,
            safe_payload=self._chain.block,
        )

    def _start_span(self, span: SpanBatch, safe_head: L2BlockRef) -> bool:
        """Make a span current at its first block behind the safe head.

        False when one of its new blocks has an L1 origin that is older than the safe head's.
        """
        index = (safe_head.timestamp - span.first_timestamp) // span.block_time + 1
        if self._epochs.find(span.epochs[index]) is None:
            return False
        self._span, self._span_index = span, index
        self._streamed = 0
        return True

    def _next_of_span(self, safe_head: L2BlockRef) -> NextBatch | None:
        """Take the current span's next block if it fits the safe head, else drop the span."""
        span, index = self._span, self._span_index
        if span is None:
            return None
        epoch = self._epochs.find(span.epochs[index])
        fits = span.timestamp(index) == safe_head.timestamp + self._config.block_time
        if not fits or epoch is None:
            self._span = None
            return None
        is_last = index + 1 == len(span)
        self._span_index += 1
        self._streamed += 1
        if is_last:
            self._span = None
        batch = span.singular(index, parent_hash=safe_head.hash, epoch_hash=epoch.hash)
        return NextBatch(batch=batch, is_last=is_last)

    def _empty_batch(self, safe_head: L2BlockRef, *, drained: bool) -> NextBatch | Wait:
        """Make an empty batch if the sequencing window of the current epoch has closed."""
        blocks = self._epochs.blocks
        expiry = blocks[0].number + self._config.seq_window_size
        origin = self._epochs.origin.number
        closed = expiry < origin or (expiry == origin and drained)
        if not closed or len(blocks) < 2:
            return Wait.L1_BLOCK if drained else Wait.AGAIN
        epoch, next_epoch = blocks[0], blocks[1]
        timestamp = safe_head.timestamp + self._config.block_time
        first_of_epoch = epoch.number == safe_head.l1_origin.number + 1
        if timestamp < next_epoch.timestamp or first_of_epoch:
            batch = SingularBatch(
                parent_hash=safe_head.hash,
                epoch_number=epoch.number,
                epoch_hash=epoch.hash,
                timestamp=timestamp,
                transactions=(),
            )
            return NextBatch(batch=batch, is_last=False)
        # This epoch has all the blocks that fit in: go on with the next one, and with the next L1
        # block first, as the reference node does.
        del blocks[0]
        return Wait.L1_BLOCK if drained else Wait.AGAIN


class BatchQueue(_Stage):
    """Before Holocene: batches wait for their turn, and a span batch counts only as a whole."""

    def __init__(
        self, config: RollupConfig, stream: L1Stream, epochs: Epochs, chain: SafeChain
    ) -> None:
        """Start with an empty queue."""
        super().__init__(config, stream, epochs, chain)
        self._queue: list[tuple[L1BlockRef, Batch]] = []

    @property
    def oldest_inclusion(self) -> int:
        """Number of the oldest L1 block whose batches may still be checked."""
        return self._queue[0][0].number if self._queue else super().oldest_inclusion

    def next_batch(self, safe_head: L2BlockRef) -> NextBatch | Wait:
        """Take one more batch in, then look for one that builds on the safe head."""
        streamed = self._next_of_span(safe_head)
        if streamed is not None:
            return streamed
        self._streamed = 0
        self._epochs.update(self._stream.origin, safe_head)
        batch = self._stream.next_batch()
        drained = batch is None
        if self._epochs.is_behind(safe_head):
            return Wait.L1_BLOCK if drained else Wait.AGAIN
        if batch is not None and self._validity(safe_head, self._epochs.origin, batch) not in (
            Validity.DROP,
            Validity.PAST,
        ):
            self._queue.append((self._epochs.origin, batch))
        self._epochs.check(safe_head)
        found, decided = self._find(safe_head)
        if found is None:
            if decided:
                return self._empty_batch(safe_head, drained=drained)
            return Wait.L1_BLOCK if drained else Wait.AGAIN
        if isinstance(found, SingularBatch):
            return NextBatch(batch=found, is_last=True)
        started = self._start_span(found, safe_head)
        streamed = self._next_of_span(safe_head) if started else None
        if streamed is None:
            raise PipelineError("an accepted span batch has no block for the safe head")
        return streamed

    def flush(self) -> None:
        """Let the span end: before Holocene an invalid payload does not touch its channel.

        The rest of its span goes when the next block is asked for on the same safe head. A span
        counts only as a whole, so that its blocks which are there already would have to go as well:
        PipelineError then, as no chain is better than another one than the reference node's.
        """
        if self._streamed > 1:
            raise PipelineError(
                f"an invalid payload before Holocene takes back the {self._streamed - 1} blocks "
                "that its span batch gave before it, which is not done here"
            )

    def _find(self, safe_head: L2BlockRef) -> tuple[Batch | None, bool]:
        """Return the first valid batch, and whether all were decided on."""
        kept: list[tuple[L1BlockRef, Batch]] = []
        for index, (inclusion, batch) in enumerate(self._queue):
            validity = self._validity(safe_head, inclusion, batch)
            if validity is Validity.ACCEPT:
                self._queue = kept + self._queue[index + 1 :]
                return batch, True
            if validity is Validity.UNDECIDED:
                self._queue = kept + self._queue[index:]
                return None, False
            if validity is Validity.FUTURE:
                kept.append((inclusion, batch))
        self._queue = kept
        return None, True

    def _validity(self, safe_head: L2BlockRef, inclusion: L1BlockRef, batch: Batch) -> Validity:
        ctx = self._context(safe_head, inclusion)
        if isinstance(batch, SingularBatch):
            return check_singular_batch(ctx, batch).validity
        return check_span_batch(ctx, batch).validity


class BatchStage(_Stage):
    """From Holocene: batches come strictly in order, and a bad one takes its channel with it."""

    def next_batch(self, safe_head: L2BlockRef) -> NextBatch | Wait:
        """Check the next block of the current span, or the next batch, against the safe head."""
        epochs = self._epochs
        epochs.update(self._stream.origin, safe_head)
        if epochs.origin.number <= safe_head.l1_origin.number:
            # A channel from this L1 block can only hold blocks that are there already.
            return Wait.L1_BLOCK if self._stream.next_batch() is None else Wait.AGAIN
        if len(epochs.blocks) < 2:
            raise PipelineError(
                f"L1 origin {safe_head.l1_origin.number} of the safe head was not read before "
                f"L1 block {epochs.origin.number}"
            )
        epochs.check(safe_head)
        candidate = self._next_of_span(safe_head) or self._next_candidate(safe_head)
        if candidate is Wait.L1_BLOCK:
            return self._empty_batch(safe_head, drained=True)
        if isinstance(candidate, Wait):
            return candidate
        ctx = self._context(safe_head, epochs.origin)
        validity = check_singular_batch(ctx, candidate.batch).validity
        if validity is Validity.ACCEPT:
            return candidate
        if validity is Validity.DROP:
            self.flush()
        return Wait.AGAIN

    def flush(self) -> None:
        """Drop what is left of the current span and of its channel."""
        self._span = None
        self._stream.flush_channel()

    def _next_candidate(self, safe_head: L2BlockRef) -> NextBatch | Wait:
        batch = self._stream.next_batch()
        if batch is None:
            return Wait.L1_BLOCK
        if isinstance(batch, SingularBatch):
            return NextBatch(batch=batch, is_last=True)
        ctx = self._context(safe_head, self._epochs.origin)
        validity = check_span_prefix(ctx, batch).validity
        if validity is Validity.ACCEPT and self._start_span(batch, safe_head):
            return self._next_of_span(safe_head) or Wait.AGAIN
        if validity in (Validity.ACCEPT, Validity.DROP):
            self.flush()
        return Wait.AGAIN
