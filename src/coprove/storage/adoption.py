"""Work of another proposer, taken over into an empty scope in one step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coprove.storage.checks import checked_block, checked_number, checked_path
from coprove.storage.errors import AdoptionError
from coprove.storage.records import RangePlan
from coprove.storage.session import NewRequest, RequestFilter
from coprove.storage.states import DEAD, RequestKind, RequestStatus
from coprove.storage.steps import is_proven, move, new_ranges
from coprove.types import BlockRange

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from coprove.storage.records import ConfigIdentity, ProofRequest, RequestChanges
    from coprove.storage.session import Session
    from coprove.types import BlockId

__all__ = ["Adopted", "AdoptionPlan", "ForeignRequest", "adopt", "plan_adoption"]

_WAY = (
    RequestStatus.UNREQUESTED,
    RequestStatus.WITNESS_GENERATION,
    RequestStatus.PROVING,
    RequestStatus.COMPLETE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRequest:
    """A request as another proposer stored it."""

    kind: RequestKind
    """Range or aggregation."""
    status: RequestStatus
    """Where it stood."""
    blocks: BlockRange
    """Its blocks."""
    proof_id: bytes | None = None
    """The network's identifier."""
    proof: bytes | None = field(default=None, repr=False)
    """The proof, when it is complete."""
    l1_head: BlockId | None = None
    """The L1 block that it stands on, where that is known with its hash."""
    checkpoint: BlockId | None = None
    """Aggregation: its L1 checkpoint."""

    @property
    def worth(self) -> RequestStatus:
        """How far it is once it is here: only what was paid for keeps its state."""
        if self.status is RequestStatus.COMPLETE and self.proof is not None:
            return RequestStatus.COMPLETE
        if self.status is RequestStatus.PROVING and self.proof_id is not None:
            return RequestStatus.PROVING
        return RequestStatus.UNREQUESTED


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionPlan:
    """What is taken over, as one path from the anchor."""

    anchor: int
    """The contract's latest block."""
    ranges: tuple[ForeignRequest, ...]
    """The path, with new ranges where the other left gaps."""
    filled: tuple[BlockRange, ...]
    """Those gaps."""
    aggregations: tuple[ForeignRequest, ...]
    """Aggregations from the anchor that are proving or proven."""
    attempts: dict[BlockRange, int]
    """How often ranges failed before."""
    left_out: tuple[ForeignRequest, ...]
    """Live requests that overlap others, lie below the anchor or fit no path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What was taken over."""

    plan: AdoptionPlan
    """Where it came from."""
    requests: tuple[ProofRequest, ...]
    """What is stored now: ranges in order, then aggregations."""


def plan_adoption(rows: Iterable[ForeignRequest], anchor: int) -> AdoptionPlan:
    """Choose one path from `anchor` among requests that may overlap and leave gaps.

    At each block the request that is furthest goes on, of equal ones the longest. Where none
    begins, a new range leads to the next one that does: what was paid for above is not lost.
    """
    every = list(rows)
    failed = Counter(
        row.blocks
        for row in every
        if row.kind is RequestKind.RANGE and row.status is RequestStatus.FAILED
    )
    live = [row for row in every if row.status not in DEAD]
    ranges = sorted(
        (row for row in live if row.kind is RequestKind.RANGE and row.blocks.start >= anchor),
        key=lambda row: (row.blocks.start, -row.worth, -row.blocks.end),
    )
    path: list[ForeignRequest] = []
    filled: list[BlockRange] = []
    at = anchor
    for row in ranges:
        if row.blocks.start < at:
            continue
        if row.blocks.start > at:
            gap = BlockRange(start=at, end=row.blocks.start)
            filled.append(gap)
            path.append(
                ForeignRequest(kind=RequestKind.RANGE, status=RequestStatus.UNREQUESTED, blocks=gap)
            )
        path.append(row)
        at = row.blocks.end
    aggregations: dict[BlockRange, ForeignRequest] = {}
    for row in sorted(live, key=lambda row: row.worth):
        is_paid = row.worth is not RequestStatus.UNREQUESTED
        if row.kind is RequestKind.AGGREGATION and row.blocks.start == anchor and is_paid:
            aggregations[row.blocks] = row
    taken = {id(row) for row in (*path, *aggregations.values())}
    return AdoptionPlan(
        anchor=anchor,
        ranges=tuple(path),
        filled=tuple(filled),
        aggregations=tuple(aggregations.values()),
        attempts=dict(failed),
        left_out=tuple(row for row in live if id(row) not in taken),
    )


async def adopt(
    session: Session,
    plan: AdoptionPlan,
    *,
    backend: str,
    config: ConfigIdentity | None,
    now: float,
) -> Adopted:
    """Store the plan in an empty scope; AdoptionError when it has requests already,
    RangeGapError when the plan's ranges are no path.

    An aggregation whose ranges are not all proven is left out.
    """
    if await session.select(RequestFilter(limit=1)):
        raise AdoptionError("the scope has requests of its own already")
    checked_number("anchor", plan.anchor)
    path = [RangePlan(blocks=row.blocks) for row in plan.ranges]
    checked_path("adopted ranges", path, plan.anchor)
    await session.set_anchor(plan.anchor)
    stored: list[ProofRequest] = []
    for row in plan.ranges:
        attempts = plan.attempts.get(row.blocks, 0)
        new = new_ranges([RangePlan(blocks=row.blocks)], backend, config, attempts=attempts)
        stored.append(await _walked(session, row, new, now))
    for row in plan.aggregations:
        checked_block("checkpoint", row.checkpoint)
        if await is_proven(session, row.blocks):
            new = [
                NewRequest(
                    kind=row.kind,
                    backend=backend,
                    blocks=row.blocks,
                    config=config,
                    checkpoint=row.checkpoint,
                )
            ]
            stored.append(await _walked(session, row, new, now))
    return Adopted(plan=plan, requests=tuple(stored))


async def _walked(
    session: Session, row: ForeignRequest, new: Sequence[NewRequest], now: float
) -> ProofRequest:
    """Insert a request and take it as far as it was."""
    (request,) = await session.insert(new, now)
    for target in _WAY[1 : _WAY.index(row.worth) + 1]:
        changes: RequestChanges = {"proof_id": row.proof_id, "l1_head": row.l1_head}
        request = await move(session, request.id, request.status, target, changes=changes, now=now)
    if row.worth is RequestStatus.COMPLETE and row.proof is not None:
        await session.put_proof(request.id, row.proof)
    return request
