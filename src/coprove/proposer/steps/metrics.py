"""Step 1: what an operator watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.proposer import metrics as m
from coprove.storage import RequestStatus

if TYPE_CHECKING:
    from coprove.proposer.context import Context
    from coprove.proposer.look import Look

__all__ = ["measure"]


async def measure(ctx: Context, seen: Look) -> None:
    """Set the gauges from the store and from the look at the chains."""
    counts = await ctx.store.counts()
    for quantity, status in (
        (m.UNREQUESTED, RequestStatus.UNREQUESTED),
        (m.WITNESSING, RequestStatus.WITNESS_GENERATION),
        (m.EXECUTING, RequestStatus.EXECUTION),
        (m.PROVING, RequestStatus.PROVING),
    ):
        ctx.metrics.set(quantity, counts.get(status, 0))
    prefix = await ctx.store.proven_prefix(seen.latest)
    ctx.metrics.set(m.PROVEN, prefix[-1].blocks.end if prefix else seen.latest)
    ctx.metrics.set(m.LATEST, seen.latest)
    ctx.metrics.set(m.NEEDED, seen.latest + seen.interval)
    ctx.metrics.set(m.FINALIZED, seen.tip)
    ctx.metrics.set(m.UNSAFE, seen.status.unsafe_l2.number)
