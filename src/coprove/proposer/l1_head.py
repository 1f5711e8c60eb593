"""Up to which L1 block a range may read: far enough to derive it, and no nearer to L1's tip than
that takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.proposer.calls import within
from coprove.proposer.errors import SafeHeadsUnknownError
from coprove.witness.l1 import first_safe_l1_block

if TYPE_CHECKING:
    from coprove.proposer.context import Context
    from coprove.types import L2BlockRef

__all__ = ["choose_l1_head", "head_number"]

_MOST_TRIES = 8


def head_number(
    *, first_safe: int | None, origin: int, buffer: int, tries: int, safe: int, latest: int
) -> int:
    """Return the number of the L1 block that a range reads up to.

    `first_safe` is the L1 block from which the range's end is safe, None where the node does not
    tell; then it is looked for from the end's L1 `origin` on. `buffer` blocks are added, twice as
    many for each of the `tries` that were not enough. The block lies at or behind L1's `safe` one,
    so that a reorg hardly reaches it, unless that would be too few; never behind `latest`.
    """
    base = origin if first_safe is None else first_safe
    wanted = base + (max(buffer, 1) << min(tries, _MOST_TRIES) if tries else buffer)
    bound = safe if tries == 0 and safe >= base else latest
    return max(base, min(wanted, bound))


async def choose_l1_head(ctx: Context, end: L2BlockRef, *, tries: int) -> int:
    """Return the L1 block for the range that ends in `end`.

    RangeNotSafeError while the node does not call `end` safe; SafeHeadsUnknownError when it keeps
    no safe-head database and the fallback is off.
    """
    limit = ctx.settings.rpc_timeout
    status = await within(limit, "sync status", ctx.node.sync_status())
    first = await within(limit, "safe heads", first_safe_l1_block(ctx.node, status, end))
    if first is None and not ctx.settings.safe_db_fallback:
        raise SafeHeadsUnknownError("optimism_safeHeadAtL1Block does not tell, and fallback is off")
    return head_number(
        first_safe=first,
        origin=end.l1_origin.number,
        buffer=ctx.settings.l1_head_buffer,
        tries=tries,
        safe=status.safe_l1.number,
        latest=status.head_l1.number,
    )
