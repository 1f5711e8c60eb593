"""Step 5: what became of the proofs that were asked for.

A final answer is acted on before anything else is looked at, and no answer at all changes nothing:
the backend's own deadline is the only limit on a proof that is paid for.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from coprove.proposer import metrics as m
from coprove.proposer.calls import within
from coprove.proposer.isolation import all_isolated
from coprove.proposer.requests import close_intents, give_up
from coprove.prover import Execution, Fulfillment, UnknownProofError
from coprove.storage import IntentState, RequestStatus
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from coprove.proposer.context import Context
    from coprove.prover import ProofCost, ProofStatus
    from coprove.storage import ProofRequest, Values

__all__ = ["poll", "verdict"]

_log = get_logger(part="proving")


async def poll(ctx: Context) -> None:
    """Ask after every request that a backend has."""
    proving = await ctx.store.find(statuses={RequestStatus.PROVING})
    await all_isolated(
        ctx,
        m.STEP_FAILED,
        [(f"proof of request {item.id}", partial(_poll_one, ctx, item)) for item in proving],
    )


def verdict(status: ProofStatus, *, now: float, grace: float) -> str | None:
    """Return why there will be no proof; None while there may be one.

    A program that cannot be executed is final, whatever the fulfillment says yet.
    """
    reason = f": {status.reason}" if status.reason else ""
    if status.execution in (Execution.UNEXECUTABLE, Execution.VALIDATION_FAILED):
        return f"{status.execution.name.lower()}{reason}"
    if status.fulfillment.is_final and status.fulfillment is not Fulfillment.FULFILLED:
        return f"{status.fulfillment.name.lower()}{reason}"
    if status.deadline is not None and now > status.deadline + grace:
        return "the backend's deadline has passed"
    return None


async def _poll_one(ctx: Context, request: ProofRequest) -> None:
    if request.proof_id is None:
        await give_up(ctx, request, error="no identifier is stored", too_big=False)
        return
    limit = ctx.settings.network_calls_timeout
    try:
        status = await within(limit, "status", ctx.backend.status(request.proof_id))
    except UnknownProofError as error:
        ctx.metrics.count(m.PROOF_FAILED, "unknown")
        await give_up(ctx, request, error=str(error), too_big=False)
        return
    if status.fulfillment is Fulfillment.FULFILLED:
        await _complete(ctx, request, status)
        return
    problem = verdict(status, now=ctx.now(), grace=ctx.settings.deadline_grace)
    if problem is not None:
        is_late = not status.fulfillment.is_final and status.execution < Execution.UNEXECUTABLE
        ctx.metrics.count(m.TIMEOUT if is_late else m.PROOF_FAILED, status.fulfillment.name.lower())
        too_big = status.execution is Execution.UNEXECUTABLE
        await give_up(ctx, request, error=problem, too_big=too_big)
        return
    if status.deadline is not None and status.deadline != request.deadline:
        await ctx.store.note(ctx.lease, request.id, deadline=status.deadline)


async def _complete(ctx: Context, request: ProofRequest, status: ProofStatus) -> None:
    """Fetch a fulfilled proof; when that fails it is fetched at the next tick."""
    if request.proof_id is None:
        return
    proof = await within(ctx.settings.submit_timeout, "proof", ctx.backend.proof(request.proof_id))
    seconds = None if request.requested_at is None else max(0.0, ctx.now() - request.requested_at)
    await ctx.store.move(
        ctx.lease,
        request.id,
        RequestStatus.PROVING,
        RequestStatus.COMPLETE,
        proof=proof,
        proof_seconds=seconds,
        cost=_cost(status.cost),
    )
    await close_intents(ctx, request, IntentState.DONE)
    ctx.pauses.succeeded(request)
    if seconds is not None:
        ctx.metrics.observe("proof", seconds)
    _log.info(
        "proof complete",
        request=request.id,
        kind=request.kind.early_name,
        blocks=str(request.blocks),
        seconds=None if seconds is None else round(seconds, 1),
    )


def _cost(cost: ProofCost | None) -> Values:
    if cost is None:
        return {}
    known = {
        "cycles": cost.cycles,
        "gas": cost.gas,
        "price": cost.price,
        "seconds": cost.seconds,
    }
    return {name: value for name, value in known.items() if value is not None}
