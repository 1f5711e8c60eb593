"""JSON-RPC 2.0 at the root, with the public prover's error codes."""

from __future__ import annotations

import json
import math
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, Response

from coprove.errors import CoproveError
from coprove.primitives.bounded_json import load_json
from coprove.prover.http.bodies import check_content_type
from coprove.prover.http.errors import ContentTypeError, UploadStalledError
from coprove.prover.tee.enclave import (
    EvidenceRequestError,
    QuoteMismatchError,
    QuoteUnavailableError,
)
from coprove.prover.tee.host import metrics as names
from coprove.prover.tee.host.errors import (
    BatchError,
    ContextError,
    MemoryFullError,
    MethodMissingError,
    NoWitnessSourceError,
    ParamsError,
    ProvingRefusedError,
    TooManyTasksError,
    UnknownTaskError,
    UnknownWitnessError,
    UnsupportedTaskError,
    WitnessTooLargeError,
)
from coprove.prover.tee.host.memory import received
from coprove.prover.tee.host.problems import TEE_PROBLEMS
from coprove.prover.tee.host.rpc_methods import RpcMethods
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from starlette.requests import Request

    from coprove.prover.tee.host.service import TeeService

__all__ = ["CODES", "JsonRpc"]

CODES: Final[dict[type[Exception], int]] = {
    BatchError: 14001,
    EvidenceRequestError: 14002,
    QuoteUnavailableError: 14003,
    QuoteMismatchError: 14003,
    ContextError: 14004,
    UnknownTaskError: 14005,
    UnknownWitnessError: 14006,
    UnsupportedTaskError: 14010,
    NoWitnessSourceError: 14011,
    TooManyTasksError: 14444,
    MemoryFullError: 14444,
    ProvingRefusedError: 15001,
    ParamsError: -32602,
    MethodMissingError: -32601,
}
"""The public prover's codes, then JSON-RPC's own; the most special class that fits decides."""
_PARSE_ERROR, _INVALID_REQUEST, _INTERNAL = -32700, -32600, -32603
_SERVER_ERROR: Final = -32000
_RATE_LIMITED: Final = 14444
_MAX_BATCH: Final = 16
_MAX_PARTS: Final = 4096
_PART_SIGNS: Final = (b"[", b"{", b",", b":")
_UNKNOWN_METHOD: Final = "other"
_log = get_logger(part="tee-prover")


class _Answer(JSONResponse):
    """JSON in ASCII: what a client sent comes back even where it is no Unicode text."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class JsonRpc:
    """Answers calls, one or some in a list."""

    def __init__(self, service: TeeService) -> None:
        """Speak for a service."""
        self._service = service
        self._methods = RpcMethods(service).table

    async def handle(self, request: Request) -> Response:
        """Answer an HTTP request.

        200 with every error in its answer, since the AVS's clients look at no other; Retry-After
        says when to come back where there was no room.
        """
        options = self._service.options
        try:
            check_content_type(request)
            body = await received(
                request,
                self._service.budget,
                limit=options.max_rpc_bytes,
                idle=options.body_idle_timeout,
                count=lambda size: self._service.metrics.inc(names.RECEIVED, size),
            )
        except (ContentTypeError, WitnessTooLargeError, UploadStalledError) as error:
            status = TEE_PROBLEMS.kind_of(error).status
            return _Answer(_failure(None, _INVALID_REQUEST, str(error)), status)
        except MemoryFullError as error:
            return self._respond(_failure(None, _RATE_LIMITED, str(error)))
        try:
            calls = _parsed(body.data)
        except ValueError as error:
            return self._respond(_failure(None, _PARSE_ERROR, f"not read as JSON: {error}"))
        # What counts from here on is the parsed text, which is as long.
        body.data = b""
        if not isinstance(calls, list):
            return self._respond(await self._call(calls))
        if not 0 < len(calls) <= _MAX_BATCH:
            text = f"a batch has 1 to {_MAX_BATCH} calls"
            return self._respond(_failure(None, _INVALID_REQUEST, text))
        answers = [answer for call in calls if (answer := await self._call(call)) is not None]
        return self._respond(answers or None)

    def _respond(self, answer: Any) -> Response:
        if answer is None:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        several = answer if isinstance(answer, list) else [answer]
        codes = {item["error"]["code"] for item in several if "error" in item}
        if _RATE_LIMITED not in codes:
            return _Answer(answer)
        seconds = str(round(self._service.options.retry_after))
        return _Answer(answer, HTTPStatus.OK, {"Retry-After": seconds})

    async def _call(self, call: Any) -> dict[str, Any] | None:
        """Return the answer to one call, None to a notification."""
        if (
            not isinstance(call, dict)
            or call.get("jsonrpc") != "2.0"
            or not isinstance(call.get("method"), str)
            or not isinstance(call.get("id"), str | int | float | None)
            or (isinstance(call.get("id"), float) and not math.isfinite(call["id"]))
        ):
            return _failure(None, _INVALID_REQUEST, "this is no JSON-RPC 2.0 call")
        name, began = call["method"], time.monotonic()
        method = self._methods.get(name)
        code, answer = 0, {"jsonrpc": "2.0", "id": call.get("id"), "result": None}
        try:
            if method is None:
                raise MethodMissingError(f"there is no method {name[:100]!r}")
            answer["result"] = await method(call.get("params"))
        except CoproveError as error:
            code = _code_of(error)
            answer = _failure(call.get("id"), code, str(error))
        except Exception as error:  # noqa: BLE001 - a defect is answered and told, not passed on
            _log.error("defect", method=name, error=error)
            code = _INTERNAL
            answer = _failure(call.get("id"), code, "internal error")
        label = name if method is not None else _UNKNOWN_METHOD
        metrics = self._service.metrics
        metrics.inc(names.RPC_CALLS, method=label, code=str(code))
        metrics.set(names.AVS_RPC_MS, (time.monotonic() - began) * 1000, method=label)
        return answer if "id" in call else None


def _parsed(body: bytes) -> Any:
    """Return what a body says; ValueError when it is not JSON or has very many values.

    A call is a few values, long strings among them. Millions of values would hold up everybody
    while they are read, and take many times the memory that was counted for them.
    """
    if sum(map(body.count, _PART_SIGNS)) > _MAX_PARTS:
        raise ValueError(f"more than {_MAX_PARTS} values")
    return load_json(body)


def _code_of(error: CoproveError) -> int:
    for base in type(error).__mro__:
        if base in CODES:
            return CODES[base]
    return _SERVER_ERROR


def _failure(call_id: object, code: int, text: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": call_id, "error": {"code": code, "message": text}}
