"""The steps that move or cut the path of live ranges, upon any database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.storage.checks import MAX_NUMBER, checked_number, checked_path
from coprove.storage.errors import RangeGapError
from coprove.storage.records import Reanchored
from coprove.storage.session import RequestFilter
from coprove.storage.states import LIVE, RequestStatus
from coprove.storage.steps import cancel_aggregations, give_up, new_ranges
from coprove.types import BlockRange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.storage.records import ConfigIdentity, ProofRequest, RangePlan
    from coprove.storage.session import Session

__all__ = ["cut_above", "reanchor"]

_UNPROVEN = LIVE - {RequestStatus.COMPLETE}


async def reanchor(
    session: Session,
    block: int,
    *,
    fill: Sequence[RangePlan],
    backend: str,
    config: ConfigIdentity | None,
    now: float,
) -> Reanchored:
    """Let the path begin at `block`; see `RequestStore.reanchor`."""
    checked_number("anchor", block)
    joined = checked_path("ranges to fill the gap", fill, block)
    anchor = await session.anchor()
    path_end = await session.path_end()
    if anchor is None or path_end is None:
        await session.set_anchor(block)
        new = await session.insert(new_ranges(fill, backend, config), now)
        return Reanchored(anchor=block, new=tuple(new), cancelled=())

    error = f"the contract stands at block {block}"
    on_boundary = await _is_boundary(session, block, anchor, path_end)
    root = await _root(session, block, anchor) if on_boundary else block
    # Where the path goes on as it was: nowhere, when it cannot be reached from `block`.
    kept_from = joined if fill or on_boundary else MAX_NUMBER
    if fill and joined < path_end and not await _is_boundary(session, joined, anchor, path_end):
        raise RangeGapError(
            "ranges to fill the gap", expected="to end where a range begins", actual=joined
        )

    cancelled = await _cancel_ranges(session, _touching(anchor, root), error, now)
    cancelled += await _cancel_ranges(session, _touching(block, kept_from), error, now)
    if block > 0:
        # An aggregation that begins below the contract's block can never be proposed.
        below = await cancel_aggregations(session, BlockRange(start=0, end=block), error, now)
        cancelled += below
    if root != anchor:
        await session.set_anchor(root)
    new = await session.insert(new_ranges(fill, backend, config), now)
    return Reanchored(anchor=root, new=tuple(new), cancelled=tuple(cancelled))


async def cut_above(session: Session, block: int, error: str, now: float) -> Reanchored:
    """Cancel all that ends above `block`; see `RequestStore.cut_above`."""
    checked_number("block", block)
    anchor = await session.anchor()
    if anchor is None:
        raise RangeGapError("cut", expected="a path that is anchored", actual="none")
    above = _touching(block, MAX_NUMBER)
    cancelled = await _cancel_ranges(session, above, error, now)
    if above is not None:
        cancelled += await cancel_aggregations(session, above, error, now)
    return Reanchored(anchor=anchor, new=(), cancelled=tuple(cancelled))


def _touching(start: int, end: int) -> BlockRange | None:
    return BlockRange(start=start, end=end) if start < end else None


async def _is_boundary(session: Session, block: int, anchor: int, path_end: int) -> bool:
    if block in (anchor, path_end):
        return True
    if not anchor < block < path_end:
        return False
    following = await session.select(RequestFilter(on_path=True, start_from=block, limit=1))
    return bool(following) and following[0].blocks.start == block


async def _root(session: Session, block: int, anchor: int) -> int:
    """Return the lowest boundary from which complete ranges lead to `block`."""
    if block == anchor:
        return block
    unproven = await session.select(
        RequestFilter(
            on_path=True, statuses=_UNPROVEN, touching=BlockRange(start=anchor, end=block)
        )
    )
    return unproven[-1].blocks.end if unproven else anchor


async def _cancel_ranges(
    session: Session, blocks: BlockRange | None, error: str, now: float
) -> list[ProofRequest]:
    """Cancel the live ranges over any of `blocks`, and the aggregations that stand on them."""
    if blocks is None:
        return []
    cancelled: list[ProofRequest] = []
    for request in await session.select(RequestFilter(on_path=True, touching=blocks)):
        cancelled.append(
            await give_up(
                session,
                request,
                request.status,
                RequestStatus.CANCELLED,
                error=error,
                now=now,
            )
        )
        if request.status is RequestStatus.COMPLETE:
            cancelled += await cancel_aggregations(session, request.blocks, error, now)
    return cancelled
