"""The aggregator's own API, version 1: sessions, tasks by poll or push, states with real errors."""

# No `from __future__ import annotations`: FastAPI reads these annotations.

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.responses import JSONResponse, StreamingResponse

from coprove.avs.aggregator.server.callers import (
    address_of,
    caller_of,
    check_admin,
    is_admin,
    json_body,
    session_caller,
)
from coprove.avs.aggregator.server.desk import Caller, Desk
from coprove.avs.aggregator.server.views import evidence_view, status_view, task_answer
from coprove.avs.tasks import OP_STACK_TASK, Refusal, RefusedError
from coprove.errors import CoproveError
from coprove.telemetry import get_logger
from coprove.types import Hash32

__all__ = ["create_router"]

_After = Annotated[int, Query(ge=0, lt=2**63, description="Number of the last task seen.")]
_Kind = Annotated[int, Query(ge=0, lt=256, alias="type", description="Kind of task.")]
_Wait = Annotated[float, Query(ge=0, le=30, description="Seconds to wait for a task.")]
_Key = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$", description="Name of the task on chain.")]
_OptionalKey = Annotated[str | None, Query(pattern="^0x[0-9a-f]{64}$", description="Of one task.")]
_Limit = Annotated[int, Query(ge=1, le=1000, description="Most to show.")]
_LastEvent = Annotated[str, Header(pattern="^[0-9]{0,18}$", description="As browsers send it.")]
_PROBLEM: dict[str, Any] = {
    "description": "A problem (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"type": "object"}}},
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {"4XX": _PROBLEM, "5XX": _PROBLEM}
_PUSH_WAIT = 15.0
_log = get_logger(part="aggregator")


def create_router(desk: Desk) -> APIRouter:
    """Return the routes under /v1."""
    router = APIRouter(prefix="/v1", responses=_PROBLEMS)
    options = desk.options

    @router.post("/session")
    async def post_session(request: Request) -> dict[str, Any]:
        """Open a session by a signed handshake."""
        body = await json_body(desk, request, limit=options.max_body_bytes)
        session = await desk.handshake(body, address_of(request))
        return {"token": session.token, "expires_at": session.expires_at}

    @router.get("/tasks")
    async def get_task(
        request: Request, after: _After = 0, kind: _Kind = OP_STACK_TASK, wait: _Wait = 0.0
    ) -> dict[str, Any]:
        """Return the open task that follows one; `ok` is false when none comes in time."""
        caller = session_caller(desk, request)
        return task_answer(await desk.next_task(caller, after=after, kind=kind, wait=wait))

    @router.get("/tasks/stream", response_class=StreamingResponse)
    async def stream_tasks(
        request: Request,
        after: _After = 0,
        kind: _Kind = OP_STACK_TASK,
        last_event_id: _LastEvent = "",
    ) -> Response:
        """Push open tasks as server-sent events, each with its number as id."""
        caller = session_caller(desk, request)
        begin = max(after, int(last_event_id or 0))
        # The first look is made here, so that a refusal is still a problem.
        first = await desk.next_task(caller, after=begin, kind=kind, wait=0.0)
        events = _events(desk, request, caller, kind, begin if first is None else first.number - 1)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    @router.get("/tasks/{key}")
    async def get_status(request: Request, key: _Key) -> dict[str, Any]:
        """Tell where a task stands, and who signed it."""
        _check_reader(desk, request)
        task = await desk.ports.records.newest_of(Hash32.from_hex(key))
        if task is None:
            raise RefusedError(Refusal.UNKNOWN_TASK, expected="a task of mine", actual=key)
        return status_view(task, await desk.ports.records.signatures(task.number))

    @router.post("/submissions")
    async def post_submission(request: Request) -> dict[str, Any]:
        """Take a signed state in the shape of aggregator_submitTask's parameter."""
        caller = session_caller(desk, request)
        await desk.submit(caller, await json_body(desk, request, limit=options.max_body_bytes))
        return {"accepted": True}

    @router.post("/metrics", status_code=204)
    async def post_metrics(request: Request) -> None:
        """Keep an operator's metrics in the shape of aggregator_submitMetrics' parameter."""
        caller = session_caller(desk, request)
        body = await json_body(desk, request, limit=options.max_metrics_bytes)
        given = body if isinstance(body, dict) else {}
        desk.push(caller, given.get("name"), given.get("metrics"))

    @router.get("/evidence")
    async def get_evidence(
        request: Request, task: _OptionalKey = None, limit: _Limit = 100
    ) -> JSONResponse:
        """List signed evidence against operators, newest first. For administrators."""
        check_admin(desk, request)
        key = None if task is None else Hash32.from_hex(task)
        found = await desk.ports.records.evidence(key=key, limit=limit)
        return JSONResponse({"evidence": [evidence_view(item) for item in found]})

    return router


def _check_reader(desk: Desk, request: Request) -> None:
    if not is_admin(desk, request):
        session_caller(desk, request)


async def _events(
    desk: Desk, request: Request, caller: Caller, kind: int, after: int
) -> AsyncIterator[str]:
    """Yield tasks as events while the session lasts; a comment now and then keeps it open."""
    last = time.monotonic()
    while not desk.is_stopping:
        try:
            # The session may have ended meanwhile.
            caller_of(desk, request)
            wait = max(0.0, last + _PUSH_WAIT - time.monotonic())
            task = await desk.next_task(caller, after=after, kind=kind, wait=wait)
        except CoproveError as error:
            if not isinstance(error, RefusedError):
                _log.warning("a stream of tasks ends", error=error)
            return
        if task is not None:
            after = task.number
            data = json.dumps(task_answer(task), separators=(",", ":"))
            yield f"id: {after}\nevent: task\ndata: {data}\n\n"
        else:
            yield ": nothing new\n\n"
        last = time.monotonic()
