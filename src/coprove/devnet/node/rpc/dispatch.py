"""JSON-RPC 2.0 over bytes: parse, check, call, answer; knows neither HTTP nor Ethereum."""

from __future__ import annotations

import asyncio
import inspect
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from coprove.devnet.node.rpc.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    LIMIT_EXCEEDED,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RESPONSE_TOO_LARGE,
    SERVER_ERROR,
    RpcError,
)
from coprove.errors import CoproveError, InputError, Temporary
from coprove.primitives.bounded_json import load_json

__all__ = ["Dispatcher", "Method"]

Method = Callable[..., Awaitable[Any]]
"""A handler; takes the positional parameters and returns what JSON can hold."""

_log = structlog.get_logger("coprove.devnet.node.rpc")


def _error(request_id: Any, error: RpcError) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "error": error.to_json()}


class Dispatcher:
    """Answers JSON-RPC requests from a table of methods."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        *,
        max_batch: int,
        max_answer_bytes: int = 25_000_000,
        observe: Callable[[str, bool], None] = lambda _method, _ok: None,
    ) -> None:
        """Serve `methods`; a batch holds at most `max_batch` calls.

        The answers of a batch have `max_answer_bytes` together (geth's default); those that do not
        fit any more are errors.
        `observe` hears of each call: a known method's name (or "unknown") and whether it worked.
        """
        self._methods = dict(methods)
        self._signatures = {name: inspect.signature(method) for name, method in methods.items()}
        self._max_batch = max_batch
        self._max_answer_bytes = max_answer_bytes
        self._observe = observe

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods served."""
        return tuple(sorted(self._methods))

    async def handle(self, body: bytes) -> bytes | None:
        """Answer one request or batch; None when only notifications came."""
        try:
            request: Any = load_json(body)
        except ValueError:
            return _dump(_error(None, RpcError(PARSE_ERROR, "parse error")))
        if not isinstance(request, list):
            answer = await self._call(request)
            return None if answer is None else _dump(answer)
        if not request:
            return _dump(_error(None, RpcError(INVALID_REQUEST, "empty batch")))
        if len(request) > self._max_batch:
            error = RpcError(LIMIT_EXCEEDED, f"batch of more than {self._max_batch} calls")
            return _dump(_error(None, error))
        return await self._batch(request)

    async def _batch(self, requests: list[Any]) -> bytes | None:
        answers: list[bytes] = []
        left = self._max_answer_bytes
        for request in requests:
            answer = _too_large(request) if left < 0 else await self._call(request)
            if answer is not None:
                shown = _dump(answer)
                left -= len(shown)
                answers.append(shown if left >= 0 else _dump(_too_large(request)))
            # Most methods never wait: without this nothing else would run until the batch is done.
            await asyncio.sleep(0)
        return b"[" + b",".join(answers) + b"]" if answers else None

    async def _call(self, request: Any) -> dict[str, Any] | None:
        if not isinstance(request, dict):
            return _error(None, RpcError(INVALID_REQUEST, "a request is an object"))
        request_id = request.get("id")
        if not _is_id(request_id):
            return _error(None, RpcError(INVALID_REQUEST, "id: a string, a number or null"))
        name = request.get("method")
        if request.get("jsonrpc") != "2.0" or not isinstance(name, str):
            return _error(request_id, RpcError(INVALID_REQUEST, "not a JSON-RPC 2.0 request"))
        try:
            result = await self._run(name, request.get("params", []))
            answer = {"jsonrpc": "2.0", "id": request_id, "result": result}
            worked = True
        except RpcError as error:
            answer = _error(request_id, error)
            worked = False
        self._observe(name if name in self._methods else "unknown", worked)
        return answer if "id" in request else None

    async def _run(self, name: str, params: Any) -> Any:
        method = self._methods.get(name)
        if method is None:
            shown = name[:100]
            raise RpcError(METHOD_NOT_FOUND, f"the method {shown} does not exist/is not available")
        if params is None:
            params = []
        if not isinstance(params, list):
            raise RpcError(INVALID_PARAMS, "params: expected a list")
        try:
            self._signatures[name].bind(*params)
        except TypeError as error:
            raise RpcError(INVALID_PARAMS, f"params: {error}") from error
        try:
            return await method(*params)
        except RpcError:
            raise
        except InputError as error:
            raise RpcError(INVALID_PARAMS, str(error)) from error
        except Temporary as error:
            raise RpcError(SERVER_ERROR, str(error)) from error
        except CoproveError as error:
            _log.error("rpc.failed", method=name, error=str(error))
            raise RpcError(INTERNAL_ERROR, str(error)) from error
        except Exception as error:
            # One broken call must not take the server down; the log has the whole story.
            _log.exception("rpc.broken", method=name)
            raise RpcError(INTERNAL_ERROR, "internal error") from error


def _too_large(request: Any) -> dict[str, Any] | None:
    request_id = request.get("id") if isinstance(request, dict) else None
    if isinstance(request, dict) and "id" not in request:
        return None
    error = RpcError(RESPONSE_TOO_LARGE, "response too large")
    return _error(request_id if _is_id(request_id) else None, error)


def _is_id(value: Any) -> bool:
    # Python's parser takes NaN and infinities, which no answer can repeat in JSON.
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int | None) and not isinstance(value, bool)


def _dump(answer: Any) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()
