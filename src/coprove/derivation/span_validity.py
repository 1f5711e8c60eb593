"""The rules of span batches.

The prefix rules judge where a span stands on the chains. From Holocene they are all, and each block
of the span is then judged on its own; before, the whole span must be valid, block by block, and
where it overlaps the safe chain it must repeat it.
Sources: https://specs.optimism.io/protocol/delta/span-batches.html#batch-queue and
https://specs.optimism.io/protocol/holocene/derivation.html#span-batches
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.derivation.deposits import DEPOSIT_TYPE
from coprove.derivation.errors import PipelineError
from coprove.derivation.span import CHECK_LENGTH
from coprove.derivation.validity import (
    Validity,
    Verdict,
    check_transactions,
    decide,
    within_drift,
)
from coprove.types import Fork

if TYPE_CHECKING:
    from coprove.derivation.span import SpanBatch
    from coprove.derivation.validity import BatchContext
    from coprove.types import L2BlockRef

__all__ = ["SPAN_BLOCK_RULES", "SPAN_PREFIX_RULES", "check_span_batch", "check_span_prefix"]


def check_span_prefix(ctx: BatchContext, batch: SpanBatch) -> Verdict:
    """Check where a span batch stands: all there is to check of the whole from Holocene."""
    return decide(SPAN_PREFIX_RULES, ctx, batch)


def check_span_batch(ctx: BatchContext, batch: SpanBatch) -> Verdict:
    """Check a span batch as a whole, as before Holocene."""
    return decide((*SPAN_PREFIX_RULES, *SPAN_BLOCK_RULES), ctx, batch)


def no_l1_origin(ctx: BatchContext, _batch: SpanBatch) -> Validity | None:
    """Undecided while no L1 block is known that could be an origin."""
    return None if ctx.epochs else Validity.UNDECIDED


def start_epoch_unknown(ctx: BatchContext, batch: SpanBatch) -> Validity | None:
    """Undecided while the next L1 origin is not read, to which the first block moves."""
    moves = batch.epochs[0] == ctx.epochs[0].number + 1
    return Validity.UNDECIDED if moves and len(ctx.epochs) < 2 else None


def delta_inactive(ctx: BatchContext, batch: SpanBatch) -> Validity | None:
    """Drop a span whose first L1 origin is older than Delta."""
    moves = batch.epochs[0] == ctx.epochs[0].number + 1
    origin = ctx.epochs[1 if moves else 0]
    return None if ctx.config.is_active(Fork.DELTA, origin.timestamp) else Validity.DROP


def starts_ahead(ctx: BatchContext, batch: SpanBatch) -> Validity | None:
    """Future when a gap lies before its first block; Holocene drops it."""
    if batch.first_timestamp <= ctx.next_timestamp:
        return None
    return Validity.DROP if ctx.holocene else Validity.FUTURE


def ends_behind(ctx: BatchContext, batch: SpanBatch) -> Validity | None:
    """Drop a span without a new block; from Holocene it is past."""
    if batch.last_timestamp >= ctx.next_timestamp:
        return None
    return Validity.PAST if ctx.holocene else Validity.DROP


def misaligned(ctx: BatchContext, batch: SpanBatch) -> Validity | None:
    """Drop a span that overlaps the safe chain but not at its blocks' timestamps."""
    behind = ctx.next_timestamp - batch.first_timestamp
    return Validity.DROP if behind % ctx.config.block_time else None


def parent_missing(ctx: BatchContext, batch: SpanBatch) -> Validity | None:
    """Drop a span that would hold the genesis block or older ones.

    From Holocene it is undecided, and so its channel goes on: the reference implementations cannot
    find the parent, and never learn more.
    """
    if _parent_number(ctx, batch) >= ctx.config.genesis.l2.number:
        return None
    return Validity.UNDECIDED if ctx.holocene else Validity.DROP


def sequence_window(ctx: BatchContext, batch: SpanBatch) -> Validity | None:
    """Drop what was included later than the sequencing window of its first epoch.

    The specification has this rule behind `parent_check`. Both drop, so the order does not show;
    this one first, no parent is looked for that lies before the window.
    """
    late = batch.epochs[0] + ctx.config.seq_window_size < ctx.inclusion.number
    return Validity.DROP if late else None


def parent_pruned(ctx: BatchContext, batch: SpanBatch) -> Validity | None:
    """Drop a span that follows a block from before the sequencing window.

    Its first epoch lies inside the window, so that `start_epoch_too_new` would drop it.
    """
    return Validity.DROP if _safe_parent(ctx, batch) is None else None


def parent_check(ctx: BatchContext, batch: SpanBatch) -> Validity | None:
    """Drop a span that follows another block than the safe chain's."""
    matches = _parent(ctx, batch).hash[:CHECK_LENGTH] == batch.parent_check
    return None if matches else Validity.DROP


def start_epoch_too_new(ctx: BatchContext, batch: SpanBatch) -> Validity | None:
    """Drop a span whose first block steps over an L1 origin."""
    too_new = batch.epochs[0] > _parent(ctx, batch).l1_origin.number + 1
    return Validity.DROP if too_new else None


def origin_check(ctx: BatchContext, batch: SpanBatch) -> Validity | None:
    """Drop a span made for another L1 chain; undecided while its last origin is not read."""
    index = batch.epochs[-1] - ctx.epochs[0].number
    if not 0 <= index < len(ctx.epochs):
        return Validity.UNDECIDED
    matches = ctx.epochs[index].hash[:CHECK_LENGTH] == batch.origin_check
    return None if matches else Validity.DROP


def start_epoch_too_old(ctx: BatchContext, batch: SpanBatch) -> Validity | None:
    """Drop a span whose first block's L1 origin is older than its parent's."""
    too_old = batch.epochs[0] < _parent(ctx, batch).l1_origin.number
    return Validity.DROP if too_old else None


SPAN_PREFIX_RULES: Final = (
    no_l1_origin,
    start_epoch_unknown,
    delta_inactive,
    starts_ahead,
    ends_behind,
    misaligned,
    parent_missing,
    sequence_window,
    parent_pruned,
    parent_check,
    start_epoch_too_new,
    origin_check,
    start_epoch_too_old,
)
"""The rules of a span batch as a whole, in order."""


def new_blocks(ctx: BatchContext, batch: SpanBatch) -> Validity | None:
    """Apply the rules of L1 origin, time, drift and transactions to each block that is new.

    A drop or an undecided for one block is that of the whole span.
    """
    first_epoch = ctx.epochs[0].number
    for index in range(_first_new(ctx, batch), len(batch)):
        epoch_index = batch.epochs[index] - first_epoch
        if not 0 <= epoch_index < len(ctx.epochs):
            return Validity.DROP
        timestamp = batch.timestamp(index)
        if timestamp < ctx.epochs[epoch_index].timestamp:
            return Validity.DROP
        if index > 0:
            advances = batch.epochs[index] > batch.epochs[index - 1]
        else:
            advances = batch.epochs[0] == _parent(ctx, batch).l1_origin.number + 1
        block_transactions = batch.block_transactions(index)
        verdict = within_drift(
            ctx,
            timestamp=timestamp,
            empty=not block_transactions,
            epoch_index=epoch_index,
            advances=advances,
        ) or check_transactions(ctx, timestamp, block_transactions)
        if verdict is not None:
            return verdict
    return None


def overlapped_blocks(ctx: BatchContext, batch: SpanBatch) -> Validity | None:
    """Drop a span that repeats safe blocks with other transactions or another L1 origin."""
    number = _parent_number(ctx, batch) + 1
    for index in range(_first_new(ctx, batch)):
        safe = ctx.safe_payload(number + index)
        users = tuple(raw for raw in safe.transactions if raw[:1] != bytes([DEPOSIT_TYPE]))
        if users != batch.block_transactions(index):
            return Validity.DROP
        if safe.ref.l1_origin.number != batch.epochs[index]:
            return Validity.DROP
    return None


SPAN_BLOCK_RULES: Final = (new_blocks, overlapped_blocks)
"""The rules of the blocks of a span batch, before Holocene."""


def _first_new(ctx: BatchContext, batch: SpanBatch) -> int:
    """Return the index of the first block behind the safe head."""
    return (ctx.next_timestamp - batch.first_timestamp) // ctx.config.block_time


def _parent_number(ctx: BatchContext, batch: SpanBatch) -> int:
    return ctx.safe_head.number - _first_new(ctx, batch)


def _safe_parent(ctx: BatchContext, batch: SpanBatch) -> L2BlockRef | None:
    if batch.first_timestamp == ctx.next_timestamp:
        return ctx.safe_head
    return ctx.safe_block(_parent_number(ctx, batch))


def _parent(ctx: BatchContext, batch: SpanBatch) -> L2BlockRef:
    """Return the block that the span follows, once `parent_pruned` has let it pass."""
    parent = _safe_parent(ctx, batch)
    if parent is None:
        raise PipelineError("the parent of a span batch was pruned")
    return parent
