"""What becomes of a batch: the outcomes, what a rule looks at, and the rules of singular batches.

Rules are functions in the order of the specification; the first that has an opinion decides, and a
batch that none objects to is accepted.
Sources: https://specs.optimism.io/protocol/derivation.html#batch-queue and
https://specs.optimism.io/protocol/holocene/derivation.html#batch-queue
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeVar

from coprove.derivation.deposits import DEPOSIT_TYPE
from coprove.derivation.parameters import max_sequencer_drift
from coprove.types import Fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from coprove.derivation.singular import SingularBatch
    from coprove.derivation.source import L2Block
    from coprove.types import L1BlockRef, L2BlockRef, RollupConfig

__all__ = [
    "SINGULAR_RULES",
    "BatchContext",
    "Validity",
    "Verdict",
    "check_singular_batch",
    "check_transactions",
    "decide",
    "within_drift",
]

_SET_CODE_TYPE: Final = 4
# What a sequencer may add behind a block's transactions in a fork to come.
_POST_EXEC_TYPE: Final = 0x7D
# Forks whose first L2 block may hold deposits only, so that upgrades run alone.
_DEPOSITS_ONLY_ACTIVATIONS: Final = (Fork.JOVIAN, Fork.KARST)


class Validity(Enum):
    """What to do with a batch."""

    ACCEPT = "accept"
    """Build a block from it."""
    DROP = "drop"
    """Never valid on this chain."""
    UNDECIDED = "undecided"
    """More L1 data is needed to tell."""
    FUTURE = "future"
    """It may become valid when earlier blocks are there (before Holocene)."""
    PAST = "past"
    """Its blocks are already safe (from Holocene; a drop before)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An outcome, and the rule that led to it."""

    validity: Validity
    """What to do."""
    rule: str
    """Name of the rule that decided, "accepted" when none objected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchContext:
    """What a batch is checked against."""

    config: RollupConfig
    """The chain's parameters."""
    epochs: Sequence[L1BlockRef]
    """L1 blocks known as origins: that of the safe head (or the one after it) and those behind."""
    safe_head: L2BlockRef
    """The block that the next one follows."""
    inclusion: L1BlockRef
    """L1 block that the batch was read at."""
    safe_block: Callable[[int], L2BlockRef | None]
    """Gives a block of the safe chain by its number, None for one before the sequencing window."""
    safe_payload: Callable[[int], L2Block]
    """Gives such a block with its transactions."""

    @property
    def next_timestamp(self) -> int:
        """Timestamp that the next L2 block must have, in seconds."""
        return self.safe_head.timestamp + self.config.block_time

    @property
    def holocene(self) -> bool:
        """Whether Holocene's rules hold, by the time of the inclusion block."""
        return self.config.is_active(Fork.HOLOCENE, self.inclusion.timestamp)


_B = TypeVar("_B")


def decide(
    rules: Iterable[Callable[[BatchContext, _B], Validity | None]], ctx: BatchContext, batch: _B
) -> Verdict:
    """Apply the rules in order; the first that gives an outcome decides."""
    for rule in rules:
        validity = rule(ctx, batch)
        if validity is not None:
            return Verdict(validity=validity, rule=rule.__name__)
    return Verdict(validity=Validity.ACCEPT, rule="accepted")


def check_singular_batch(ctx: BatchContext, batch: SingularBatch) -> Verdict:
    """Check a singular batch, or one block of a Holocene span batch."""
    return decide(SINGULAR_RULES, ctx, batch)


def no_l1_origin(ctx: BatchContext, _batch: SingularBatch) -> Validity | None:
    """Undecided while no L1 block is known that could be the origin."""
    return None if ctx.epochs else Validity.UNDECIDED


def timestamp_ahead(ctx: BatchContext, batch: SingularBatch) -> Validity | None:
    """Future when it is not the next block's turn; Holocene drops such gaps."""
    if batch.timestamp <= ctx.next_timestamp:
        return None
    return Validity.DROP if ctx.holocene else Validity.FUTURE


def timestamp_behind(ctx: BatchContext, batch: SingularBatch) -> Validity | None:
    """Drop a block that there is already; from Holocene it is past, and others may follow."""
    if batch.timestamp >= ctx.next_timestamp:
        return None
    return Validity.PAST if ctx.holocene else Validity.DROP


def parent_hash(ctx: BatchContext, batch: SingularBatch) -> Validity | None:
    """Drop a block of another chain than the safe head's."""
    return None if batch.parent_hash == ctx.safe_head.hash else Validity.DROP


def sequence_window(ctx: BatchContext, batch: SingularBatch) -> Validity | None:
    """Drop what was included later than the sequencing window of its epoch."""
    late = batch.epoch_number + ctx.config.seq_window_size < ctx.inclusion.number
    return Validity.DROP if late else None


def epoch_too_old(ctx: BatchContext, batch: SingularBatch) -> Validity | None:
    """Drop a step back of the L1 origin."""
    return Validity.DROP if batch.epoch_number < ctx.epochs[0].number else None


def epoch_unknown(ctx: BatchContext, batch: SingularBatch) -> Validity | None:
    """Undecided while the next L1 origin is not read, to which the block wants to move."""
    moves = batch.epoch_number == ctx.epochs[0].number + 1
    return Validity.UNDECIDED if moves and len(ctx.epochs) < 2 else None


def epoch_too_new(ctx: BatchContext, batch: SingularBatch) -> Validity | None:
    """Drop a step over an L1 origin: each has one L2 block at least."""
    return Validity.DROP if batch.epoch_number > ctx.epochs[0].number + 1 else None


def epoch_hash(ctx: BatchContext, batch: SingularBatch) -> Validity | None:
    """Drop a block made for another L1 chain."""
    return None if batch.epoch_hash == _origin(ctx, batch).hash else Validity.DROP


def before_l1_origin(ctx: BatchContext, batch: SingularBatch) -> Validity | None:
    """Drop a block that is older than its L1 origin."""
    return Validity.DROP if batch.timestamp < _origin(ctx, batch).timestamp else None


def activation_block(ctx: BatchContext, batch: SingularBatch) -> Validity | None:
    """Drop user transactions in the first block of Jovian or Karst."""
    if batch.transactions and any(
        ctx.config.activates_at(fork, batch.timestamp) for fork in _DEPOSITS_ONLY_ACTIVATIONS
    ):
        return Validity.DROP
    return None


def sequencer_drift(ctx: BatchContext, batch: SingularBatch) -> Validity | None:
    """Drop a block too far ahead of its L1 origin, unless it is empty and could not help it."""
    index = batch.epoch_number - ctx.epochs[0].number
    return within_drift(
        ctx,
        timestamp=batch.timestamp,
        empty=not batch.transactions,
        epoch_index=index,
        advances=index > 0,
    )


def transactions(ctx: BatchContext, batch: SingularBatch) -> Validity | None:
    """Drop a block with a transaction that a sequencer may not include."""
    return check_transactions(ctx, batch.timestamp, batch.transactions)


SINGULAR_RULES: Final = (
    no_l1_origin,
    timestamp_ahead,
    timestamp_behind,
    parent_hash,
    sequence_window,
    epoch_too_old,
    epoch_unknown,
    epoch_too_new,
    epoch_hash,
    before_l1_origin,
    activation_block,
    sequencer_drift,
    transactions,
)
"""The rules of a singular batch, in order."""


def within_drift(
    ctx: BatchContext, *, timestamp: int, empty: bool, epoch_index: int, advances: bool
) -> Validity | None:
    """Apply the maximum sequencer drift to a block with origin `ctx.epochs[epoch_index]`.

    An empty block may exceed it when it moves to the next origin, or when that one is too young.
    """
    origin = ctx.epochs[epoch_index]
    if timestamp <= origin.timestamp + max_sequencer_drift(ctx.config, origin.timestamp):
        return None
    if not empty:
        return Validity.DROP
    if advances:
        return None
    if epoch_index + 1 >= len(ctx.epochs):
        return Validity.UNDECIDED
    return Validity.DROP if timestamp >= ctx.epochs[epoch_index + 1].timestamp else None


def check_transactions(
    ctx: BatchContext, timestamp: int, batch_transactions: Iterable[bytes]
) -> Validity | None:
    """Drop on an empty transaction, a deposit, a post-exec, or a set-code one before Isthmus.

    Other unknown types are left to execution, as the reference node does.
    """
    refused = {DEPOSIT_TYPE, _POST_EXEC_TYPE}
    if not ctx.config.is_active(Fork.ISTHMUS, timestamp):
        refused.add(_SET_CODE_TYPE)
    dropped = any(not raw or raw[0] in refused for raw in batch_transactions)
    return Validity.DROP if dropped else None


def _origin(ctx: BatchContext, batch: SingularBatch) -> L1BlockRef:
    return ctx.epochs[batch.epoch_number - ctx.epochs[0].number]
