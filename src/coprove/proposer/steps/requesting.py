"""Step 8: waiting requests are taken up, aggregations first, as many as the caps allow."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from coprove.errors import CoproveError, Critical, Reset
from coprove.proposer import metrics as m
from coprove.proposer.aggregation_work import choose_checkpoint, prepare_aggregation
from coprove.proposer.alerts import Alert
from coprove.proposer.errors import CallTimeoutError, OutputMismatchError
from coprove.proposer.isolation import ENDS_THE_TERM, isolated
from coprove.proposer.range_work import prepare_range
from coprove.proposer.requests import give_up, put_back, task_name
from coprove.proposer.selection import select
from coprove.prover import WorkerDiedError
from coprove.storage import CLAIMED, IntentKind, RequestKind, RequestStatus
from coprove.storage.errors import StaleRequestError
from coprove.telemetry import get_logger
from coprove.witness import RangeNotSafeError

if TYPE_CHECKING:
    from coprove.proposer.context import Context
    from coprove.storage import ProofRequest

__all__ = ["request_proofs"]

_log = get_logger(part="requesting")


async def request_proofs(ctx: Context) -> None:
    """Claim what may go on and start a task for each."""
    waiting = await ctx.store.find(statuses={RequestStatus.UNREQUESTED})
    due = [item for item in waiting if ctx.pauses.is_due(item, now=ctx.now())]
    if not due:
        return
    counts = await ctx.store.counts()
    collecting = sum(counts.get(status, 0) for status in CLAIMED)
    chosen = select(
        due,
        in_flight=collecting + counts.get(RequestStatus.PROVING, 0),
        collecting=collecting,
        max_in_flight=ctx.settings.max_concurrent_proof_requests,
        max_collecting=ctx.settings.max_concurrent_witness_gen,
    )
    for request in chosen:
        is_range = request.kind is RequestKind.RANGE
        await isolated(
            ctx,
            f"start of request {request.id}",
            m.RANGE_REQUEST_FAILED if is_range else m.AGG_REQUEST_FAILED,
            partial(_begin, ctx, request),
        )


async def _begin(ctx: Context, request: ProofRequest) -> None:
    if ctx.background.is_running(task_name(request)):
        return
    if request.kind is RequestKind.AGGREGATION:
        checkpoint = await choose_checkpoint(ctx, request)
        if checkpoint is None:
            return
        if checkpoint != request.checkpoint:
            await ctx.store.note(ctx.lease, request.id, checkpoint=checkpoint)
            _log.info("checkpoint chosen", request=request.id, l1_block=checkpoint.number)
    claimed = await ctx.store.move(
        ctx.lease,
        request.id,
        RequestStatus.UNREQUESTED,
        RequestStatus.WITNESS_GENERATION,
        error=None,
    )
    ctx.background.start(task_name(claimed), _work_on(ctx, claimed))


async def _work_on(ctx: Context, request: ProofRequest) -> None:
    """Prepare a claimed request and hand it over; its failure concerns no other request."""
    try:
        if request.kind is RequestKind.RANGE:
            await prepare_range(ctx, request)
        else:
            await prepare_aggregation(ctx, request)
    except ENDS_THE_TERM as error:
        _log.info("left as it is", request=request.id, error=error)
    except StaleRequestError as error:
        _log.debug("overtaken", request=request.id, error=error)
    except Exception as error:  # noqa: BLE001 - a defect in one request must not stop the others
        try:
            await isolated(
                ctx,
                f"failure of request {request.id}",
                m.RETRY_FAILED,
                partial(_failed, ctx, request.id, error),
            )
        except ENDS_THE_TERM as lost:
            _log.info("left as it is", request=request.id, error=lost)


async def _failed(ctx: Context, request_id: int, error: Exception) -> None:
    """Decide what a failure before the hand-over means: of the work, or of the moment."""
    request = await ctx.store.get(request_id)
    if request.status not in CLAIMED:
        return
    if not isinstance(error, CoproveError):
        _log.error("failed unexpectedly", request=request_id, exc_info=error)
    ctx.metrics.count(_event(request, error), type(error).__name__)
    if isinstance(error, RangeNotSafeError):
        ctx.memory.l1_tries[request.blocks] += 1
    if isinstance(error, OutputMismatchError):
        ctx.alerts.send(Alert.ROOT_MISMATCH, str(error))
    if await ctx.store.open_intents(IntentKind.PROOF_REQUEST, request_id):
        # The backend may have it: the step that looks after such requests asks it.
        _log.warning("hand-over not known to have worked", request=request_id, error=error)
        return
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, Critical | WorkerDiedError | CallTimeoutError):
        await give_up(ctx, request, error=text, too_big=False)
    else:
        await put_back(ctx, request, error=text, has_changed=isinstance(error, Reset))


def _event(request: ProofRequest, error: Exception) -> m.Event:
    if isinstance(error, CallTimeoutError):
        return m.TIMEOUT
    if request.kind is RequestKind.AGGREGATION:
        return m.AGG_REQUEST_FAILED
    if request.status is RequestStatus.EXECUTION:
        return m.EXECUTION_FAILED
    return m.WITNESS_FAILED
