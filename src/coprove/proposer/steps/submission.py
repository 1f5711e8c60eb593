"""Step 9: the complete aggregation that reaches furthest is proposed, one at a time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from coprove.proposer import metrics as m
from coprove.proposer.alerts import Alert
from coprove.proposer.errors import (
    ChainChangedError,
    CheckpointMismatchError,
    OutputMismatchError,
    ProposalRefusedError,
)
from coprove.proposer.isolation import ENDS_THE_TERM, isolated
from coprove.proposer.relay import propose
from coprove.proposer.requests import proposal_task_name
from coprove.storage import RequestKind, RequestStatus
from coprove.storage.errors import NotProvenError
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.proposer.context import Context
    from coprove.proposer.look import Look
    from coprove.storage import ProofRequest

__all__ = ["best", "submit"]

_log = get_logger(part="submission")
_REFUSED_OFTEN = 3
_CONTRADICTED_OFTEN = 3


async def submit(ctx: Context, seen: Look) -> None:
    """Begin to propose the best output, unless one is on its way."""
    if seen.is_optimistic:
        return
    complete = await ctx.store.find(kind=RequestKind.AGGREGATION, statuses={RequestStatus.COMPLETE})
    if any(ctx.background.is_running(proposal_task_name(item)) for item in complete):
        return
    request = best(complete, latest=seen.latest, lowest=seen.next_block)
    if request is not None and ctx.pauses.is_due(request, now=ctx.now()):
        ctx.background.start(proposal_task_name(request), _propose(ctx, request))


def best(complete: Sequence[ProofRequest], *, latest: int, lowest: int) -> ProofRequest | None:
    """Return the aggregation to propose: from the latest output as far as there is one."""
    fitting = [
        item for item in complete if item.blocks.start == latest and item.blocks.end >= lowest
    ]
    return max(fitting, key=lambda item: item.blocks.end, default=None)


async def _propose(ctx: Context, request: ProofRequest) -> None:
    try:
        await isolated(
            ctx,
            f"output of request {request.id}",
            m.RELAY_FAILED,
            partial(_propose_or_tell, ctx, request),
        )
    except ENDS_THE_TERM as error:
        _log.info("left as it is", request=request.id, error=error)


async def _propose_or_tell(ctx: Context, request: ProofRequest) -> None:
    try:
        await propose(ctx, request)
    except OutputMismatchError as error:
        ctx.pauses.failed(request, now=ctx.now())
        ctx.alerts.send(Alert.ROOT_MISMATCH, str(error))
        raise
    except (ChainChangedError, NotProvenError):
        # The steps that compare with the chains see why, and queue what is needed.
        ctx.pauses.failed(request, now=ctx.now())
        raise
    except CheckpointMismatchError as error:
        ctx.pauses.failed(request, now=ctx.now())
        if ctx.pauses.failures(request) % _CONTRADICTED_OFTEN == 0:
            # One answer may be a node's slip and a proof costs money; but a checkpoint that stays
            # wrong or lost makes the proof worthless: revalidation drops it.
            ctx.memory.refused_checkpoints.add(error.l1_block)
            ctx.alerts.send(Alert.REPEATED_FAILURE, str(error))
        raise
    except ProposalRefusedError as error:
        ctx.pauses.failed(request, now=ctx.now())
        if ctx.pauses.failures(request) == _REFUSED_OFTEN:
            ctx.alerts.send(Alert.REPEATED_FAILURE, str(error))
        raise
