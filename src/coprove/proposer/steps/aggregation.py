"""Step 7: proven ranges that lead from the latest output to the next one become an aggregation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.proposer.boundaries import output_end
from coprove.storage import LIVE, RequestKind
from coprove.telemetry import get_logger
from coprove.types import BlockRange

if TYPE_CHECKING:
    from coprove.proposer.context import Context
    from coprove.proposer.look import Look

__all__ = ["aggregate"]

_log = get_logger(part="aggregation")


async def aggregate(ctx: Context, seen: Look) -> None:
    """Queue the aggregation of the next output, unless there is one.

    A relayed one counts too: the look may be older than its output.
    """
    if seen.is_optimistic:
        return
    there = await ctx.store.find(kind=RequestKind.AGGREGATION, statuses=LIVE)
    if any(item.blocks.start == seen.latest for item in there):
        return
    prefix = await ctx.store.proven_prefix(seen.latest)
    end = output_end(
        {item.blocks.start: item.blocks.end for item in prefix},
        latest=seen.latest,
        interval=seen.interval,
        outputs_before_leap=ctx.settings.outputs_before_leap,
    )
    if end is None:
        return
    added = await ctx.store.add_aggregation(
        ctx.lease,
        BlockRange(start=seen.latest, end=end),
        backend=ctx.backend.name,
        config=ctx.identity,
    )
    _log.info("aggregation planned", request=added.id, blocks=str(added.blocks))
