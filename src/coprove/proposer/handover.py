"""Asking a backend for a proof: once, whatever dies in between.

The intent is stored first, and an answer that did not come never leads to a second question:
`reconcile` asks the backend what became of the first.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from coprove.errors import Critical
from coprove.proposer import metrics as m
from coprove.proposer.alerts import Alert
from coprove.proposer.calls import within
from coprove.proposer.requests import accepted, give_up, put_back, requeue
from coprove.prover import BudgetExceededError
from coprove.storage import IntentKind, IntentState, RequestKind
from coprove.storage.errors import IntentConflictError
from coprove.storage.intent_log import RequestIntentLog
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from coprove.proposer.context import Context
    from coprove.prover import AggregationJob, RangeJob
    from coprove.storage import ProofRequest

__all__ = ["hand_over", "reconcile"]

_log = get_logger(part="handover")


async def hand_over(ctx: Context, request: ProofRequest, job: RangeJob | AggregationJob) -> None:
    """Ask the backend for the proof of a prepared request.

    A refusal of the job itself counts as a failure of the request. Any other error leaves the
    intent open, and the request as it is, for `reconcile`; it goes up to be logged.
    """
    await ctx.leadership.confirm()
    intent = await ctx.store.open_intent(
        ctx.lease, job.key, IntentKind.PROOF_REQUEST, request_id=request.id
    )
    if intent.state is not IntentState.OPEN:
        raise IntentConflictError(f"intent {job.key} is {intent.state.value}")
    log = RequestIntentLog(ctx.store, ctx.lease, request.id)
    try:
        proof_id = await within(ctx.settings.submit_timeout, "submit", ctx.backend.submit(job, log))
    except BudgetExceededError as error:
        ctx.alerts.send(Alert.BUDGET_EXCEEDED, str(error))
        await ctx.store.close_intent(ctx.lease, job.key, IntentState.ABANDONED)
        await requeue(ctx, request, error=str(error), pause=_until_midnight(ctx.now()))
        return
    except Critical as error:
        is_range = request.kind is RequestKind.RANGE
        event = m.RANGE_REQUEST_FAILED if is_range else m.AGG_REQUEST_FAILED
        ctx.metrics.count(event, type(error).__name__)
        await ctx.store.close_intent(ctx.lease, job.key, IntentState.ABANDONED)
        await give_up(ctx, request, error=str(error), too_big=False)
        return
    await accepted(ctx, request, job.key, proof_id)


async def reconcile(ctx: Context, request: ProofRequest, *, error: str) -> None:
    """Find out what became of a request that no task of this process works on any more.

    With an intent the backend is asked: what it has is taken up, what it certainly does not have
    is queued again; as long as it cannot say (a Temporary leaf goes up) nothing changes. Without
    one nothing was asked of it, and the request is put back.
    """
    intents = await ctx.store.open_intents(IntentKind.PROOF_REQUEST, request.id)
    if not intents:
        await put_back(ctx, request, error=error)
        return
    log = RequestIntentLog(ctx.store, ctx.lease, request.id)
    for intent in intents:
        found = await within(
            ctx.settings.network_calls_timeout, "find", ctx.backend.find(intent.key, log)
        )
        if found is not None:
            _log.info("an earlier request was found", request=request.id, proof_id=found)
            await accepted(ctx, request, intent.key, found)
            return
        await ctx.store.close_intent(ctx.lease, intent.key, IntentState.ABANDONED)
    await requeue(ctx, request, error=error)


def _until_midnight(now: float) -> float:
    """Return the seconds until the next day begins (UTC)."""
    time = datetime.datetime.fromtimestamp(now, tz=datetime.UTC)
    midnight = datetime.datetime.combine(
        time.date() + datetime.timedelta(days=1), datetime.time(), tzinfo=datetime.UTC
    )
    return (midnight - time).total_seconds()
