"""Step 3: does everything still stand on the chains? Reorgs of L1 and L2 show in stored hashes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from coprove.proposer import metrics as m
from coprove.proposer.calls import within
from coprove.proposer.isolation import all_isolated
from coprove.proposer.requests import cancel_stale, stop_work
from coprove.rpc import NotYetAvailableError
from coprove.storage import LIVE, RequestKind, RequestStatus
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from coprove.proposer.context import Context
    from coprove.proposer.look import Look
    from coprove.rpc import L1Client, L2Client
    from coprove.storage import ProofRequest
    from coprove.types import Hash32

__all__ = ["revalidate"]

_log = get_logger(part="revalidation")


async def revalidate(ctx: Context, seen: Look) -> None:
    """Give up what stands on blocks that are gone, and queue it afresh.

    A block that a node does not have (it lags, or the chain got shorter) decides nothing: what
    stands on it is neither given up nor proposed until the node has another block there.
    """
    ranges = await ctx.store.live_ranges(above=seen.latest)
    ranges = await _cut_reorged_l2(ctx, ranges)
    aggregations = await ctx.store.find(
        kind=RequestKind.AGGREGATION, statuses=LIVE - {RequestStatus.RELAYED}
    )
    heads = {item.l1_head.number for item in ranges if item.l1_head is not None}
    heads |= {item.checkpoint.number for item in aggregations if item.checkpoint is not None}
    hashes = await _hashes(ctx, ctx.l1, heads)
    works = []
    for item in ranges:
        head = item.l1_head
        if head is not None and hashes.get(head.number, head.hash) != head.hash:
            error = f"L1 reorg: block {head.number} was {head.hash}"
            works.append((f"range {item.blocks}", partial(cancel_stale, ctx, item, error=error)))
    for item in aggregations:
        point = item.checkpoint
        if point is None:
            continue
        error = ""
        if hashes.get(point.number, point.hash) != point.hash:
            error = "L1 reorg: its checkpoint is gone"
        elif point.number in ctx.memory.refused_checkpoints:
            error = f"the contract does not hold L1 block {point.number} as its checkpoint"
        if error:
            drop = partial(_drop_checkpoint, ctx, item, error=error)
            works.append((f"aggregation {item.blocks}", drop))
    await all_isolated(ctx, m.STEP_FAILED, works)


async def _cut_reorged_l2(ctx: Context, ranges: Sequence[ProofRequest]) -> Sequence[ProofRequest]:
    """Cut the path where the L2 chain is another than it was; return what is left of it."""
    known = {item.blocks.end: item.end_hash for item in ranges if item.end_hash is not None}
    hashes = await _hashes(ctx, ctx.l2, known)
    for item in ranges:
        if item.end_hash is None or hashes.get(item.blocks.end, item.end_hash) == item.end_hash:
            continue
        error = f"L2 reorg: block {item.blocks.end} was {item.end_hash}"
        _log.warning("cut", above=item.blocks.start, error=error)
        ctx.metrics.count(m.REORG)
        cut = await ctx.store.cut_above(ctx.lease, item.blocks.start, error=error)
        await stop_work(ctx, cut.cancelled)
        return [kept for kept in ranges if kept.blocks.end <= item.blocks.start]
    return ranges


async def _hashes(
    ctx: Context, client: L1Client | L2Client, numbers: Iterable[int]
) -> dict[int, Hash32]:
    """Return the canonical hashes of blocks; those that the node does not have are left out."""
    wanted = sorted(numbers)
    if not wanted:
        return {}
    limit = ctx.settings.rpc_timeout
    try:
        headers = await within(limit, "headers", client.headers(wanted))
    except NotYetAvailableError:
        # One at a time, so that a single missing block does not hide the others.
        return {
            number: found
            for number in wanted
            if (found := await _hash(ctx, client, number)) is not None
        }
    return {header.header.number: header.hash for header in headers}


async def _hash(ctx: Context, client: L1Client | L2Client, number: int) -> Hash32 | None:
    try:
        found = await within(ctx.settings.rpc_timeout, "header", client.header(number))
    except NotYetAvailableError:
        return None
    return found.hash


async def _drop_checkpoint(ctx: Context, request: ProofRequest, *, error: str) -> None:
    """A proof under its checkpoint is of no use: another block is chosen."""
    if request.checkpoint is not None:
        await ctx.store.drop_checkpoint(ctx.lease, request.checkpoint.number)
    if request.status is RequestStatus.UNREQUESTED:
        await ctx.store.note(ctx.lease, request.id, checkpoint=None)
    else:
        await cancel_stale(ctx, request, error=error)
