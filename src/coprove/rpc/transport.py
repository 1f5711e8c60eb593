"""JSON-RPC 2.0 over HTTP: single calls and batches, each result matched to its call."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from typing import TYPE_CHECKING, TypeVar

from coprove.errors import CoproveError, InputError, Temporary
from coprove.rpc.errors import (
    EndpointBusyError,
    MalformedResponseError,
    MethodNotFoundError,
    NotYetAvailableError,
    QueryTooWideError,
    RateLimitedError,
    RequestRefusedError,
    ResponseTooLargeError,
    RpcError,
)
from coprove.rpc.http import (
    EndpointClient,
    EndpointOptions,
    HttpAnswer,
    Json,
    parse_json,
)
from coprove.rpc.logs import tells_too_wide
from coprove.rpc.queries import Answer, Call, Query, RpcTransport
from coprove.rpc.retry import Retry
from coprove.rpc.tasks import together
from coprove.telemetry import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aiohttp

__all__ = ["Call", "JsonRpcTransport"]

T = TypeVar("T")

_READ_ATTEMPTS = 3
"""Times that a result is asked for which does not pass its check."""
_BATCH_BYTES = 4 << 20
"""Size of a batch's answer that is aimed at, once the size of a method's results is known."""

_RATE_CODES = frozenset({-32005, -32016, -32029, 429})
_BUSY_CODES = frozenset({-32002, -32097})
_MISSING_METHOD_CODES = frozenset({-32601, -32004})
_REVERTED_CODE = 3
_RATE_TEXT = re.compile(r"rate.?limit|too many requests|limit exceeded|capacity exceeded", re.I)
_BUSY_TEXT = re.compile(r"timed? ?out|try again|temporar|overload|busy", re.I)
_MISSING_METHOD_TEXT = re.compile(
    r"method.{0,80}(does not exist|not (found|available|supported|allowed|whitelisted)|disabled)"
    r"|unsupported method",
    re.I | re.S,
)
_NOT_FOUND_TEXT = re.compile(r"not found|unknown block|missing trie node|no such block", re.I)


class JsonRpcTransport(EndpointClient, RpcTransport):
    """Calls one JSON-RPC endpoint. All clients of that endpoint share one transport, and with it
    one rate limit. Use as an async context manager, or `close()` it.
    """

    def __init__(
        self,
        url: str,
        options: EndpointOptions | None = None,
        *,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        """`url` may hold credentials: it appears in errors and logs only redacted."""
        super().__init__(url, options, session)
        self._ids = itertools.count(1)
        self._batching = self._endpoint.options.max_batch > 1
        self._result_bytes: dict[tuple[str, bool], float] = {}

    async def call(
        self,
        method: str,
        params: Sequence[Json] = (),
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a limit per request, not per call
    ) -> Json:
        """Return the result of one call.

        Raises Temporary leaves once retries are used up, RpcError for an error that the endpoint
        answers, MalformedResponseError when the answer is no JSON-RPC.
        """
        result = await self._single(Call(method, params), timeout)
        if isinstance(result, CoproveError):
            raise result
        return result

    async def batch(
        self,
        calls: Sequence[Call],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a limit per request, not per call
        max_batch: int | None = None,
    ) -> list[Json | CoproveError]:
        """Return the results in the order of `calls`; a call's own error stands in its place.

        Calls go out in batches, several at once: of at most `max_batch` at first, then of as many
        as give answers of some MiB. Batches whose answer is too large are halved, and endpoints
        that refuse batches get single calls. An error that concerns the endpoint as a whole is
        raised.
        """
        if not calls:
            return []
        largest = self._endpoint.options.max_batch
        known = self._result_bytes.get(_kind(calls[0]))
        wanted = max_batch or largest if known is None else int(_BATCH_BYTES / known)
        size = max(1, min(wanted, largest))
        chunks = [calls[i : i + size] for i in range(0, len(calls), size)]
        results = await together(*(self._chunk(chunk, timeout) for chunk in chunks))
        return [result for chunk in results for result in chunk]

    async def outcomes(
        self,
        queries: Sequence[Query[T]],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a limit per request, not per call
        max_batch: int | None = None,
    ) -> list[T | CoproveError]:
        """Ask once; return the values in order, in place of each that failed its error.

        An error that concerns the endpoint as a whole is raised, but for a malformed answer.
        """
        try:
            results = await self.batch(
                [query.call for query in queries], timeout=timeout, max_batch=max_batch
            )
        except MalformedResponseError as malformed:
            return [malformed] * len(queries)
        found: list[T | CoproveError] = []
        for result, query in zip(results, queries, strict=True):
            try:
                found.append(
                    result if isinstance(result, CoproveError) else query.read(result, self.name)
                )
            except CoproveError as failure:
                found.append(failure)
        return found

    async def read(
        self,
        queries: Sequence[Query[T]],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a limit per request, not per call
        max_batch: int | None = None,
    ) -> list[T]:
        """Return the checked values; what does not pass its check is asked for again, some times.

        Raises the first failure that stays.
        """
        values: dict[int, T] = {}
        pending = list(range(len(queries)))
        for left in range(_READ_ATTEMPTS - 1, -1, -1):
            asked = [queries[i] for i in pending]
            found = await self.outcomes(asked, timeout=timeout, max_batch=max_batch)
            failed: dict[int, CoproveError] = {}
            for i, outcome in zip(pending, found, strict=True):
                if isinstance(outcome, CoproveError):
                    failed[i] = outcome
                else:
                    values[i] = outcome
            for failure in failed.values():
                if not left or not isinstance(failure, InputError):
                    raise failure
            pending = list(failed)
            if not pending:
                break
            self.stats.retries += len(pending)
        return [values[i] for i in range(len(queries))]

    async def each(self, query: Query[T], *, everyone: bool = False) -> list[Answer[T]]:  # noqa: ARG002 - there is one endpoint
        """Return the one endpoint's answer."""
        return [Answer(value=await self.read_one(query), source=self)]

    def blame(self, source: RpcTransport, failure: CoproveError) -> None:
        """Do nothing: there is no other endpoint to prefer."""

    async def _single(self, call: Call, timeout: float | None) -> Json | CoproveError:  # noqa: ASYNC109
        """One call; errors in the JSON body are retried under the same policy as HTTP's."""
        loop = asyncio.get_running_loop()
        begun, attempt = loop.time(), 1
        while True:
            request = self._request(call)
            answer = await self._endpoint.send(call.method, body=_encode(request), timeout=timeout)
            self._measure(call, len(answer.body))
            result = self._result(self._parse(answer, call.method), call, request["id"])
            if not isinstance(result, Temporary):
                return result
            decision = self._endpoint.options.retry.decide(
                result, attempt=attempt, elapsed=loop.time() - begun
            )
            if not isinstance(decision, Retry):
                return result
            if isinstance(result, RateLimitedError):
                self._endpoint.limiter.penalise(decision.delay)
            attempt += 1
            self.stats.retries += 1
            await asyncio.sleep(decision.delay)

    async def _chunk(
        self,
        calls: Sequence[Call],
        timeout: float | None,  # noqa: ASYNC109
    ) -> list[Json | CoproveError]:
        if len(calls) == 1 or not self._batching:
            return await together(*(self._single(call, timeout) for call in calls))
        requests = [self._request(call) for call in calls]
        what = f"batch of {len(calls)} calls ({calls[0].method})"
        try:
            answer = await self._endpoint.send(
                what, body=_encode(requests), calls=len(calls), timeout=timeout
            )
        except ResponseTooLargeError:
            return await self._halves(calls, timeout)
        if answer.status == 413:
            return await self._halves(calls, timeout)
        self._measure(calls[0], len(answer.body) / len(calls))
        parsed = self._parse(answer, what)
        if isinstance(parsed, dict):
            # One object instead of a list: the endpoint refuses the batch as a whole.
            refusal = self._error(parsed, what)
            if isinstance(refusal, RateLimitedError):
                self._pause(refusal)
            else:
                self._batching = False
            return await together(*(self._single(call, timeout) for call in calls))
        results = self._match(parsed, requests, calls, what)
        again = [
            i
            for i, result in enumerate(results)
            if isinstance(result, Temporary) and not isinstance(result, NotYetAvailableError)
        ]
        limited = (result for result in results if isinstance(result, RateLimitedError))
        if (failure := next(limited, None)) is not None:
            self._pause(failure)
        repeated = await together(*(self._single(calls[i], timeout) for i in again))
        for i, result in zip(again, repeated, strict=True):
            results[i] = result
        return results

    async def _halves(
        self,
        calls: Sequence[Call],
        timeout: float | None,  # noqa: ASYNC109
    ) -> list[Json | CoproveError]:
        middle = len(calls) // 2
        first = await self._chunk(calls[:middle], timeout)
        return first + await self._chunk(calls[middle:], timeout)

    def _pause(self, failure: RateLimitedError) -> None:
        """Hold all calls of the endpoint back, which has refused some of a batch."""
        decision = self._endpoint.options.retry.decide(failure, attempt=1, elapsed=0.0)
        if isinstance(decision, Retry):
            self._endpoint.limiter.penalise(decision.delay)

    def _measure(self, call: Call, size: float) -> None:
        """Remember how long a method's results are: the longest lately, not to ask too much."""
        kind = _kind(call)
        self._result_bytes[kind] = max(1.0, size, 0.9 * self._result_bytes.get(kind, 0.0))

    def _request(self, call: Call) -> dict[str, Json]:
        return {
            "jsonrpc": "2.0",
            "id": next(self._ids),
            "method": call.method,
            "params": list(call.params),
        }

    def _parse(self, answer: HttpAnswer, what: str) -> Json:
        where = f"{what} at {self.name}"
        try:
            parsed = parse_json(answer.body, where)
        except MalformedResponseError:
            if answer.status >= 400:
                raise RequestRefusedError(where, status=answer.status) from None
            raise
        is_rpc = isinstance(parsed, list) or (isinstance(parsed, dict) and "jsonrpc" in parsed)
        if answer.status >= 400 and not is_rpc:
            raise RequestRefusedError(where, status=answer.status)
        return parsed

    def _match(
        self,
        parsed: Json,
        requests: Sequence[dict[str, Json]],
        calls: Sequence[Call],
        what: str,
    ) -> list[Json | CoproveError]:
        """Order the answers of a batch by their ids; each must be there exactly once."""
        by_id: dict[object, Json] = {}
        answers = parsed if isinstance(parsed, list) else []
        for answer in answers:
            key = answer.get("id") if isinstance(answer, dict) else None
            if isinstance(key, int) and not isinstance(key, bool) and key not in by_id:
                by_id[key] = answer
        wanted = [request["id"] for request in requests]
        if len(by_id) != len(answers) or set(by_id) != set(wanted):
            raise MalformedResponseError(
                f"{what} at {self.name}",
                expected=f"{len(calls)} answers with the ids of the calls",
                actual=f"{len(answers)} answers, {len(by_id)} of them with distinct ids",
            )
        return [
            self._result(by_id[key], call, key) for key, call in zip(wanted, calls, strict=True)
        ]

    def _result(self, answer: Json, call: Call, key: Json) -> Json | CoproveError:
        where = f"{call.method} at {self.name}"
        if not isinstance(answer, dict):
            return MalformedResponseError(
                where, expected="a JSON-RPC answer", actual=type(answer).__name__
            )
        if answer.get("error") is not None:
            return self._error(answer, where, call.method)
        if "result" not in answer or answer.get("id") != key:
            return MalformedResponseError(
                where, expected=f"the result of call {key}", actual=list(answer)
            )
        return answer["result"]

    def _error(self, answer: dict[str, Json], where: str, method: str = "") -> CoproveError:
        error = answer.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        message = error.get("message") if isinstance(error, dict) else None
        if not isinstance(error, dict) or not isinstance(code, int) or isinstance(code, bool):
            return MalformedResponseError(where, expected="an error with a code", actual=error)
        text = str(redact(message)) if isinstance(message, str) else ""
        data = error.get("data")
        # Some providers hide the reason of a refused query in the data.
        if method == "eth_getLogs" and tells_too_wide(code, f"{text} {str(data or '')[:500]}"):
            return QueryTooWideError(where, code=code, message=text, data=data)
        return _classify_error(where, code, text, data)


def _classify_error(where: str, code: int, text: str, data: Json) -> CoproveError:
    """Choose the leaf error for a JSON-RPC error; codes first, then well-known texts."""
    said = f"{where}: error {code}: {text[:300]}"
    if code == _REVERTED_CODE or "revert" in text:
        # The words of a contract's own message mean nothing about the endpoint.
        return RpcError(where, code=code, message=text, data=data)
    if code in _RATE_CODES or _RATE_TEXT.search(text):
        return RateLimitedError(said)
    if code in _MISSING_METHOD_CODES or _MISSING_METHOD_TEXT.search(text):
        return MethodNotFoundError(where, code=code, message=text, data=data)
    if _NOT_FOUND_TEXT.search(text):
        return NotYetAvailableError(said)
    if code in _BUSY_CODES or _BUSY_TEXT.search(text):
        return EndpointBusyError(said)
    return RpcError(where, code=code, message=text, data=data)


def _kind(call: Call) -> tuple[str, bool]:
    """Tell calls apart whose results differ in size: by method, and blocks whole or not."""
    return call.method, bool(call.params) and call.params[-1] is True


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
