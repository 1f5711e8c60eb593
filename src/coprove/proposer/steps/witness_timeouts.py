"""Step 6: work of this process that takes too long, or that no task does any more."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from coprove.proposer import metrics as m
from coprove.proposer.handover import reconcile
from coprove.proposer.isolation import all_isolated
from coprove.proposer.requests import task_name
from coprove.storage import CLAIMED

if TYPE_CHECKING:
    from coprove.proposer.context import Context
    from coprove.storage import ProofRequest

__all__ = ["end_overdue"]


async def end_overdue(ctx: Context) -> None:
    """Cancel tasks past their time, and take up what has no task.

    The tasks end themselves in time; this is for one that does not, and for requests whose answer
    from the backend was lost. Nothing is asked for a second time before the backend has said what
    became of the first.
    """
    claimed = await ctx.store.find(statuses=CLAIMED)
    await all_isolated(
        ctx,
        m.RETRY_FAILED,
        [(f"work on request {item.id}", partial(_look_after, ctx, item)) for item in claimed],
    )


async def _look_after(ctx: Context, request: ProofRequest) -> None:
    name, error = task_name(request), "no task works on it"
    if ctx.background.is_running(name):
        begun = request.witness_begun_at or request.updated_at
        longest = ctx.settings.witness_timeout + ctx.settings.submit_timeout
        if ctx.now() <= begun + longest:
            return
        await ctx.background.cancel(name)
        ctx.metrics.count(m.TIMEOUT, "witness")
        error = f"not handed over within {longest:g} s"
    current = await ctx.store.get(request.id)
    if current.status in CLAIMED:
        await reconcile(ctx, current, error=error)
