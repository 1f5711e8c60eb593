"""Step 4: finalized L2 blocks become ranges, from the contract's latest block on, without a gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.proposer.boundaries import RangeLimits, cover, cut, stride_of
from coprove.proposer.calls import within
from coprove.proposer.requests import stop_work
from coprove.storage import RangePlan, RequestKind, RequestStatus
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.proposer.context import Context
    from coprove.proposer.look import Look
    from coprove.types import BlockRange

__all__ = ["plan"]

_log = get_logger(part="ranges")
_HEADERS_AT_ONCE = 2000


async def plan(ctx: Context, seen: Look) -> None:
    """Let the path of ranges begin at the latest output and reach as far as the tip allows."""
    await _anchor(ctx, seen)
    start = await ctx.store.highest_end()
    waiting = await ctx.store.counts(RequestKind.RANGE)
    room = ctx.settings.ranges_ahead - waiting.get(RequestStatus.UNREQUESTED, 0)
    if start is None or start >= seen.tip or room <= 0:
        return
    gas, tip = None, seen.tip
    if ctx.settings.gas_per_range:
        tip = min(tip, start + _HEADERS_AT_ONCE)
        gas = await _gas(ctx, start, tip)
    ranges = cut(start, tip, limits=_limits(ctx, seen), most=room, gas=gas)
    if not ranges:
        return
    planned = await ctx.store.plan_ranges(
        ctx.lease,
        await _with_hashes(ctx, ranges),
        backend=ctx.backend.name,
        config=ctx.identity,
    )
    _log.info("ranges planned", ranges=[str(item.blocks) for item in planned])


async def _anchor(ctx: Context, seen: Look) -> None:
    """Let the path begin at the latest output, also one that someone else proposed."""
    anchor = await ctx.store.anchor()
    if anchor is not None and ctx.memory.anchored_at == seen.latest:
        return
    fill: Sequence[RangePlan] = ()
    above = await ctx.store.live_ranges(above=seen.latest)
    if anchor is not None and above and above[0].blocks.start != seen.latest:
        # The latest output lies inside a range, or below the path: what lies behind is kept.
        joint = (
            above[0].blocks.end if above[0].blocks.start < seen.latest else above[0].blocks.start
        )
        fill = await _with_hashes(ctx, cover(seen.latest, joint, limits=_limits(ctx, seen)))
    moved = await ctx.store.reanchor(
        ctx.lease, seen.latest, fill=fill, backend=ctx.backend.name, config=ctx.identity
    )
    ctx.memory.anchored_at = seen.latest
    await stop_work(ctx, moved.cancelled)
    ctx.pauses.forget_below(seen.latest)
    await ctx.cache.prune(seen.latest)
    if moved.cancelled or moved.new:
        _log.info(
            "path of ranges moved",
            to=seen.latest,
            cancelled=[str(item.blocks) for item in moved.cancelled],
            new=[str(item.blocks) for item in moved.new],
        )


def _limits(ctx: Context, seen: Look) -> RangeLimits:
    return RangeLimits(
        max_blocks=ctx.settings.max_blocks_per_range,
        max_gas=ctx.settings.gas_per_range,
        anchor=seen.latest,
        stride=stride_of(interval=seen.interval, max_blocks=ctx.settings.max_blocks_per_range),
    )


async def _gas(ctx: Context, start: int, tip: int) -> dict[int, int]:
    """Return the gas used by each block after `start` up to `tip`."""
    numbers = list(range(start + 1, tip + 1))
    headers = await within(ctx.settings.rpc_timeout, "L2 headers", ctx.l2.headers(numbers))
    return {item.header.number: item.header.gas_used for item in headers}


async def _with_hashes(ctx: Context, ranges: Sequence[BlockRange]) -> list[RangePlan]:
    """Return plans that remember the L2 chain as it is now."""
    ends = [item.end for item in ranges]
    headers = await within(ctx.settings.rpc_timeout, "L2 headers", ctx.l2.headers(ends))
    return [
        RangePlan(blocks=blocks, end_hash=header.hash)
        for blocks, header in zip(ranges, headers, strict=True)
    ]
