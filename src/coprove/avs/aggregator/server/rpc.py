"""JSON-RPC 2.0 with the method names, shapes and texts that operators of the AVS know."""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, Response

from coprove.avs.aggregator.server import metrics as names
from coprove.avs.aggregator.server.callers import caller_of, json_body
from coprove.avs.aggregator.server.refused import (
    AGGREGATOR_PROBLEMS,
    RETRY_AFTER,
    as_refusal,
)
from coprove.avs.aggregator.server.views import task_answer
from coprove.avs.tasks import REFUSALS, Refusal, RefusedError, refusal_text
from coprove.prover.http.errors import ContentTypeError, MalformedBodyError, UploadStalledError
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from coprove.avs.aggregator.server.desk import Caller, Desk

__all__ = ["JsonRpc"]

_PARSE_ERROR, _INVALID_REQUEST, _NO_METHOD, _INTERNAL = -32700, -32600, -32601, -32603
_MAX_BATCH: Final = 16
_PUSH: Final = "aggregator_submitMetrics"
_UNKNOWN_METHOD: Final = "other"
_log = get_logger(part="aggregator")


class _Answer(JSONResponse):
    """JSON in ASCII: what a client sent comes back even where it is no Unicode text."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class JsonRpc:
    """Answers calls, one or some in a list."""

    def __init__(self, desk: Desk) -> None:
        """Speak for a desk."""
        self._desk = desk
        self._methods: dict[str, Callable[[Caller, Any, bool], Awaitable[Any]]] = {
            "aggregator_fetchTask": self._fetch_task,
            "aggregator_submitTask": self._submit_task,
            _PUSH: self._submit_metrics,
        }

    async def handle(self, request: Request) -> Response:
        """Answer an HTTP request: 200 with every error in its answer, which clients look at."""
        desk = self._desk
        try:
            caller = caller_of(desk, request)
            calls = await json_body(desk, request, limit=desk.options.max_metrics_bytes)
        except MalformedBodyError as error:
            return _respond(_failure(None, _PARSE_ERROR, str(error)))
        except (ContentTypeError, UploadStalledError) as error:
            status = AGGREGATOR_PROBLEMS.kind_of(error).status
            return _Answer(_failure(None, _INVALID_REQUEST, str(error)), status)
        except RefusedError as error:
            return _respond(_refused(None, error))
        if not isinstance(calls, list):
            return _respond(await self._call(caller, calls, alone=True))
        if not 0 < len(calls) <= _MAX_BATCH:
            text = f"a batch has 1 to {_MAX_BATCH} calls"
            return _respond(_failure(None, _INVALID_REQUEST, text))
        answers = [
            answer
            for call in calls
            if (answer := await self._call(caller, call, alone=False)) is not None
        ]
        return _respond(answers or None)

    async def _call(self, caller: Caller, call: Any, *, alone: bool) -> dict[str, Any] | None:
        """Return the answer to one call, None to a notification."""
        if not _is_call(call):
            return _failure(None, _INVALID_REQUEST, "this is no JSON-RPC 2.0 call")
        name, code = call["method"], 0
        method = self._methods.get(name)
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": call.get("id"), "result": None}
        if method is None:
            answer = _failure(call.get("id"), _NO_METHOD, f"there is no method {name[:100]!r}")
        else:
            try:
                answer["result"] = await method(caller, _first(call.get("params")), alone)
            except Exception as error:  # noqa: BLE001 - a defect is answered and told, not passed on
                answer = _told(call.get("id"), name, error)
        code = answer.get("error", {}).get("code", 0)
        label = name if method is not None else _UNKNOWN_METHOD
        self._desk.metrics.inc(names.RPC_CALLS, method=label, code=str(code))
        return answer if "id" in call else None

    async def _fetch_task(self, caller: Caller, given: Any, alone: bool) -> dict[str, Any]:
        """Return the task after `prev_task_id`; in a list of calls without waiting for one."""
        values = _object(given)
        wait = _whole(values, "max_wait_secs") if alone else 0
        with_context = values.get("with_context") is True
        task = await self._desk.next_task(
            caller,
            after=max(0, _whole(values, "prev_task_id")),
            kind=_whole(values, "task_type"),
            wait=wait,
            with_context=with_context,
        )
        return task_answer(task)

    async def _submit_task(self, caller: Caller, given: Any, _alone: bool) -> None:
        """Take a signed state."""
        await self._desk.submit(caller, given)

    async def _submit_metrics(self, caller: Caller, given: Any, _alone: bool) -> None:
        """Keep an operator's metrics."""
        values = _object(given)
        self._desk.push(caller, values.get("name"), values.get("metrics"))


def _is_call(call: Any) -> bool:
    if not isinstance(call, dict) or call.get("jsonrpc") != "2.0":
        return False
    call_id = call.get("id")
    if isinstance(call_id, float) and not math.isfinite(call_id):
        return False
    return isinstance(call.get("method"), str) and isinstance(call_id, str | int | float | None)


def _first(params: Any) -> Any:
    """Return the only parameter; Go's clients send it in a list."""
    if isinstance(params, dict):
        return params
    if isinstance(params, list) and len(params) == 1:
        return params[0]
    raise _malformed("params", "one object", type(params).__name__)


def _object(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise _malformed("params", "an object", type(given).__name__)
    return given


def _whole(values: dict[str, Any], name: str) -> int:
    """Return a Go int; one that is missing is zero."""
    value = values.get(name, 0)
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise _malformed(name, "a whole number of 64 bits", str(value)[:80])
    return value


def _malformed(what: str, expected: str, actual: object) -> RefusedError:
    return RefusedError(Refusal.MALFORMED, expected=f"{what}: {expected}", actual=actual)


def _told(call_id: object, method: str, error: Exception) -> dict[str, Any]:
    refused = as_refusal(error)
    if refused is None:
        _log.error("defect", method=method, error=error)
        return _failure(call_id, _INTERNAL, "internal error")
    if refused is not error:
        _log.warning("a call could not be served now", method=method, error=error)
    return _refused(call_id, refused)


def _refused(call_id: object, error: RefusedError) -> dict[str, Any]:
    return _failure(call_id, REFUSALS[error.refusal].code, refusal_text(error))


def _respond(answer: Any) -> Response:
    if answer is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    several = answer if isinstance(answer, list) else [answer]
    codes = {item["error"]["code"] for item in several if "error" in item}
    later = {known.code for known in REFUSALS.values() if known.retry}
    headers = {"Retry-After": str(RETRY_AFTER)} if codes & later else None
    return _Answer(answer, HTTPStatus.OK, headers)


def _failure(call_id: object, code: int, text: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": call_id, "error": {"code": code, "message": text}}
