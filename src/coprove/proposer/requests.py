"""What happens to one request beside its way to a proof: put back, given up, split, cancelled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from coprove.errors import CoproveError
from coprove.proposer import metrics as m
from coprove.proposer.alerts import Alert
from coprove.proposer.boundaries import halves
from coprove.proposer.calls import within
from coprove.storage import (
    IntentKind,
    IntentState,
    RangePlan,
    RequestKind,
    RequestStatus,
)
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from coprove.proposer.context import Context
    from coprove.storage import ProofRequest, RequestChanges

__all__ = [
    "accepted",
    "cancel_stale",
    "give_up",
    "job_key",
    "proposal_task_name",
    "put_back",
    "requeue",
    "stop_work",
    "task_name",
]

_log = get_logger(part="requests")
_SHORT_PAUSE: Final = 2.0
_PUT_BACK_OFTEN: Final = 5
"""Times in a row that work is put back until a person is told."""
_SINGLE_FAILURES: Final = 3
"""Failures in a row, also of ranges that were split, after which a person is told."""


def job_key(request: ProofRequest) -> str:
    """Return the idempotency key of a request: one for each row, in any database."""
    kind = "range" if request.kind is RequestKind.RANGE else "aggregation"
    added = int(request.created_at * 1000)
    return f"{kind}-{request.blocks.start}-{request.blocks.end}-{request.id}-{added}"


def task_name(request: ProofRequest) -> str:
    """Return the name of the background task that prepares a request."""
    return f"request {request.id}"


def proposal_task_name(request: ProofRequest) -> str:
    """Return the name of the background task that proposes an aggregation's output."""
    return f"propose {request.id}"


async def accepted(ctx: Context, request: ProofRequest, key: str, proof_id: bytes) -> None:
    """Note that a backend has the request; the intent is settled after it."""
    changes: RequestChanges = {"proof_id": proof_id, "backend": ctx.backend.name, "error": None}
    await ctx.store.move(ctx.lease, request.id, request.status, RequestStatus.PROVING, **changes)
    await ctx.store.close_intent(ctx.lease, key, IntentState.DONE, {"proof_id": proof_id.hex()})
    ctx.pauses.succeeded(request)
    _log.info("proof requested", **_named(request), proof_id=proof_id)


async def put_back(
    ctx: Context, request: ProofRequest, *, error: str, has_changed: bool = False
) -> None:
    """Let a request wait its turn again: nothing was asked of a backend, nothing counts.

    `has_changed` says that it stood on something which is another by now: then it need not wait
    long, however often that happened.
    """
    at_most = _SHORT_PAUSE if has_changed else math.inf
    pause = ctx.pauses.failed(request, now=ctx.now(), at_most=at_most)
    await ctx.store.move(
        ctx.lease, request.id, request.status, RequestStatus.UNREQUESTED, error=error
    )
    _log.warning("put back", **_named(request), error=error, again_in_seconds=pause)
    if ctx.pauses.failures(request) == _PUT_BACK_OFTEN:
        ctx.alerts.send(
            Alert.REPEATED_FAILURE,
            f"{request.kind.early_name} {request.blocks} is put back again and again: {error}",
        )


async def requeue(ctx: Context, request: ProofRequest, *, error: str, pause: float = 0.0) -> None:
    """Queue the same blocks under a new number: the old one's key must not be used again.

    It does not count as a failure of the blocks.
    """
    ctx.pauses.failed(request, now=ctx.now(), at_least=pause)
    await ctx.store.replace(
        ctx.lease,
        request.id,
        request.status,
        RequestStatus.FAILED,
        error=error,
        attempts=request.attempts,
    )
    _log.warning("queued again", **_named(request), error=error)


async def give_up(ctx: Context, request: ProofRequest, *, error: str, too_big: bool) -> None:
    """Note a failure of the work itself and queue what takes its place.

    A range that is `too_big`, or failed often enough, is split in two that share their middle
    block; everything else is queued as it was: an aggregation as an aggregation.
    """
    failures = request.attempts + 1
    pieces = None
    if request.kind is RequestKind.RANGE and (
        too_big or failures >= ctx.settings.failures_before_split
    ):
        pieces = await _halves(ctx, request)
    pause = ctx.pauses.failed(request, now=ctx.now())
    replaced = await ctx.store.replace(
        ctx.lease,
        request.id,
        request.status,
        RequestStatus.FAILED,
        pieces,
        error=error,
        attempts=None if pieces is None else 0,
    )
    if pieces is not None:
        ctx.pauses.inherit(request, [piece.blocks for piece in pieces], now=ctx.now())
    ctx.metrics.count(m.SPLIT if pieces else m.RETRY)
    _log.warning(
        "split" if pieces else "failed, queued again",
        **_named(request),
        error=error,
        failures=failures,
        again_in_seconds=pause,
    )
    if max(failures, ctx.pauses.failures(request)) >= _SINGLE_FAILURES:
        ctx.alerts.send(
            Alert.REPEATED_FAILURE,
            f"{request.kind.early_name} {request.blocks} failed again: {error}",
        )
    await stop_work(ctx, (request, *replaced.cancelled))


async def cancel_stale(ctx: Context, request: ProofRequest, *, error: str) -> None:
    """Give up a request that stands on a chain which is gone, and queue its blocks afresh."""
    await ctx.background.cancel(task_name(request))
    current = await ctx.store.get(request.id)
    if not current.is_live:
        return
    replaced = await ctx.store.replace(
        ctx.lease,
        current.id,
        current.status,
        RequestStatus.CANCELLED,
        error=error,
        attempts=current.attempts,
    )
    ctx.metrics.count(m.REORG)
    _log.warning("stale", **_named(current), error=error)
    await stop_work(ctx, (current, *replaced.cancelled))


async def stop_work(ctx: Context, requests: Iterable[ProofRequest]) -> None:
    """End what goes on for requests that were given up; a backend that refuses is only logged."""
    for request in requests:
        await ctx.background.cancel(task_name(request))
        await ctx.background.cancel(proposal_task_name(request))
        if request.proof_id is None:
            await close_intents(ctx, request, IntentState.ABANDONED)
            continue
        try:
            await within(
                ctx.settings.network_calls_timeout,
                "cancel",
                ctx.backend.cancel(request.proof_id),
            )
        except CoproveError as error:
            _log.info("not cancelled at the backend", **_named(request), error=error)
        await close_intents(ctx, request, IntentState.DONE)


async def close_intents(ctx: Context, request: ProofRequest, state: IntentState) -> None:
    """Settle what is open of a request's proof requests."""
    for intent in await ctx.store.open_intents(IntentKind.PROOF_REQUEST, request.id):
        await ctx.store.close_intent(ctx.lease, intent.key, state)


async def _halves(ctx: Context, request: ProofRequest) -> Sequence[RangePlan] | None:
    pieces = halves(request.blocks)
    if pieces is None:
        return None
    first, second = pieces
    middle = await within(
        ctx.settings.rpc_timeout, "header of an L2 block", ctx.l2.header(first.end)
    )
    return (
        RangePlan(blocks=first, end_hash=middle.hash),
        RangePlan(blocks=second, end_hash=request.end_hash),
    )


def _named(request: ProofRequest) -> dict[str, object]:
    return {"request": request.id, "kind": request.kind.early_name, "blocks": str(request.blocks)}
