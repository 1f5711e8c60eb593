"""Several endpoints for the same chain behind one transport.

They are asked in the order in which they were given, those that failed or lied lately last. What
one cannot answer, or answers wrongly, the next one is asked for.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from coprove.errors import CoproveError, InputError, Temporary
from coprove.rpc.errors import (
    EndpointBusyError,
    MalformedResponseError,
    MethodNotFoundError,
    NotYetAvailableError,
    RequestRefusedError,
    ResponseTooLargeError,
    RpcError,
)
from coprove.rpc.http import CallStats, EndpointOptions, Json
from coprove.rpc.queries import Answer, Call, Query, RpcTransport
from coprove.rpc.retry import Retry, RetryPolicy
from coprove.rpc.tasks import together
from coprove.rpc.transport import JsonRpcTransport
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import aiohttp

__all__ = ["EndpointHealth", "FailoverTransport", "open_transport", "split_urls"]

T = TypeVar("T")
A = TypeVar("A")
R = TypeVar("R")

_REVERTED_CODE = 3
_REST_AFTER_FAULT = 2.0
_REST_AFTER_LIE = 30.0
_LONGEST_REST = 300.0
_ATTEMPTS_EACH = 2
"""Attempts that one of several endpoints gets for a request before the next one is asked."""


@dataclass(slots=True)
class EndpointHealth:
    """How an endpoint did lately."""

    faults: int = 0
    """Requests in all that it failed: no answer, an error, a limit."""
    lies: int = 0
    """Answers in all that were malformed or not what their hash says."""
    in_a_row: int = 0
    """Failures since its last good answer."""
    rests_until: float = 0.0
    """Time of the event loop, in seconds, until which others are preferred."""

    def failed(self, failure: CoproveError, now: float) -> None:
        """Count a failure and let the endpoint rest: longer after each, and after a lie."""
        lied = isinstance(failure, InputError)
        self.lies += lied
        self.faults += not lied
        rest = (_REST_AFTER_LIE if lied else _REST_AFTER_FAULT) * 2.0 ** min(self.in_a_row, 10)
        self.in_a_row += 1
        self.rests_until = max(self.rests_until, now + min(rest, _LONGEST_REST))

    def answered(self) -> None:
        """Note a good answer; a rest that was imposed goes on."""
        self.in_a_row = 0


class FailoverTransport(RpcTransport):
    """Calls several endpoints as one. Each keeps its own rate limit and retry policy."""

    def __init__(
        self,
        endpoints: Sequence[JsonRpcTransport],
        *,
        quorum: int = 1,
        retry: RetryPolicy | None = None,
    ) -> None:
        """`endpoints` in order of preference; they are closed with this transport.

        `quorum` of them must agree on what no hash proves. `retry` says when all are asked again
        after all have failed. InputError for no endpoint, or a quorum that cannot be.
        """
        if not endpoints:
            raise InputError("RPC endpoints", expected="at least one", actual="none")
        if not 1 <= quorum <= len(endpoints):
            raise InputError("RPC quorum", expected=f"1 to {len(endpoints)}", actual=quorum)
        self.quorum = quorum
        self._endpoints = tuple(endpoints)
        self._retry = retry or RetryPolicy()
        self._health = {endpoint: EndpointHealth() for endpoint in endpoints}
        self._lacking: dict[JsonRpcTransport, set[str]] = {item: set() for item in endpoints}
        self._log = get_logger()

    @property
    def name(self) -> str:
        """The redacted addresses."""
        return ", ".join(endpoint.name for endpoint in self._endpoints)

    @property
    def stats(self) -> CallStats:
        """Sums over the endpoints."""
        total = CallStats()
        for endpoint in self._endpoints:
            total.calls += endpoint.stats.calls
            total.requests += endpoint.stats.requests
            total.retries += endpoint.stats.retries
            total.bytes_received += endpoint.stats.bytes_received
        return total

    @property
    def health(self) -> dict[str, EndpointHealth]:
        """How each endpoint did, by its redacted address and place."""
        return {
            f"{index}: {endpoint.name}": self._health[endpoint]
            for index, endpoint in enumerate(self._endpoints)
        }

    @property
    def endpoints(self) -> list[JsonRpcTransport]:
        """The endpoints in the order in which they would be asked now."""
        now = asyncio.get_running_loop().time()

        def rest(endpoint: JsonRpcTransport) -> float:
            return max(0.0, self._health[endpoint].rests_until - now)

        return sorted(self._endpoints, key=rest)

    async def close(self) -> None:
        """Close the connections of all endpoints."""
        for endpoint in self._endpoints:
            await endpoint.close()

    async def batch(
        self,
        calls: Sequence[Call],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a limit per request, not per call
        max_batch: int | None = None,
    ) -> list[Json | CoproveError]:
        """Return the results in order; where one endpoint cannot serve a call, the next one does.

        A JSON-RPC error that tells about the call, not about the endpoint, is the answer.
        """

        async def ask(endpoint: JsonRpcTransport, some: list[Call]) -> list[Json | CoproveError]:
            return await endpoint.batch(some, timeout=timeout, max_batch=max_batch)

        return await self._mended(calls, [call.method for call in calls], ask, _concerns_endpoint)

    async def read(
        self,
        queries: Sequence[Query[T]],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a limit per request, not per call
        max_batch: int | None = None,
    ) -> list[T]:
        """Return the checked values; what one endpoint lacks or gets wrong, the next one gives."""

        async def ask(endpoint: JsonRpcTransport, some: list[Query[T]]) -> list[T | CoproveError]:
            return await endpoint.outcomes(some, timeout=timeout, max_batch=max_batch)

        methods = [query.call.method for query in queries]
        values: list[T] = []
        for outcome in await self._mended(queries, methods, ask, _another_may_know):
            if isinstance(outcome, CoproveError):
                raise outcome
            values.append(outcome)
        return values

    async def each(self, query: Query[T], *, everyone: bool = False) -> list[Answer[T]]:
        """Return the answers of `quorum` endpoints, or with `everyone` of all that answer."""
        if self.quorum == 1:
            return [Answer(value=await self.read_one(query), source=self)]
        begun, attempt = asyncio.get_running_loop().time(), 1
        while True:
            wanted = len(self._endpoints) if everyone else self.quorum
            waiting = self.endpoints
            answers: list[Answer[T]] = []
            failure: CoproveError = NotYetAvailableError(f"{query.call.method}: no answer")
            while waiting and len(answers) < wanted:
                missing = wanted - len(answers)
                group, waiting = waiting[:missing], waiting[missing:]
                for found in await together(*(self._one(item, query) for item in group)):
                    if isinstance(found, CoproveError):
                        failure = _weightier(failure, found)
                    else:
                        answers.append(found)
            if len(answers) >= self.quorum:
                return answers
            await self._pause(failure, begun, attempt)
            attempt += 1

    def blame(self, source: RpcTransport, failure: CoproveError) -> None:
        """Let `source` rest: its answer turned out to be wrong."""
        if isinstance(source, JsonRpcTransport) and source in self._health:
            self._note(source, failure)

    async def _one(self, endpoint: JsonRpcTransport, query: Query[T]) -> Answer[T] | CoproveError:
        try:
            value = await endpoint.read_one(query)
        except CoproveError as failure:
            self._note(endpoint, failure)
            return failure
        self._health[endpoint].answered()
        return Answer(value=value, source=endpoint)

    async def _mended(
        self,
        items: Sequence[A],
        methods: Sequence[str],
        ask: Callable[[JsonRpcTransport, list[A]], Awaitable[list[R | CoproveError]]],
        mendable: Callable[[CoproveError], bool],
    ) -> list[R | CoproveError]:
        """Ask one endpoint after the other for what is still lacking, and all again later on."""
        results: list[R | CoproveError] = [
            MethodNotFoundError(f"{method} at {self.name}", code=-32601, message="served by none")
            for method in methods
        ]
        pending = list(range(len(items)))
        begun, attempt = asyncio.get_running_loop().time(), 1
        while True:
            failures: dict[int, CoproveError] = {}
            for endpoint in self.endpoints:
                todo = [i for i in pending if methods[i] not in self._lacking[endpoint]]
                if not todo:
                    continue
                try:
                    outcomes = await ask(endpoint, [items[i] for i in todo])
                except CoproveError as failure:
                    outcomes = [failure] * len(todo)
                self._judge(endpoint, [methods[i] for i in todo], outcomes)
                done: set[int] = set()
                for i, outcome in zip(todo, outcomes, strict=True):
                    if isinstance(outcome, CoproveError) and mendable(outcome):
                        results[i] = failures[i] = _weightier(failures.get(i), outcome)
                    else:
                        results[i] = outcome
                        done.add(i)
                pending = [i for i in pending if i not in done]
            pending = [i for i in pending if i in failures and _may_pass(failures[i])]
            if not pending:
                return results
            try:
                await self._pause(failures[pending[0]], begun, attempt)
            except CoproveError:
                return results
            attempt += 1

    async def _pause(self, failure: CoproveError, begun: float, attempt: int) -> None:
        """Wait before all endpoints are asked again; raise `failure` when there is no more try."""
        if not _may_pass(failure):
            raise failure
        # A lie of all endpoints is met like a fault of all: it may be one that passes.
        passing = failure if isinstance(failure, Temporary) else EndpointBusyError(str(failure))
        decision = self._retry.decide(
            passing,
            attempt=attempt,
            elapsed=asyncio.get_running_loop().time() - begun,
            chance=random.random(),  # noqa: S311 - spreads retries, protects nothing
        )
        if not isinstance(decision, Retry):
            raise failure
        await asyncio.sleep(decision.delay)

    def _judge(
        self,
        endpoint: JsonRpcTransport,
        methods: Sequence[str],
        outcomes: Sequence[object],
    ) -> None:
        """Draw from an endpoint's answers what to expect of it."""
        worst: CoproveError | None = None
        for method, outcome in zip(methods, outcomes, strict=True):
            if isinstance(outcome, MethodNotFoundError):
                self._lacking[endpoint].add(method)
            elif isinstance(outcome, CoproveError) and _is_fault(outcome):
                worst = _weightier(worst, outcome)
        if worst is None:
            self._health[endpoint].answered()
        else:
            self._note(endpoint, worst)

    def _note(self, endpoint: JsonRpcTransport, failure: CoproveError) -> None:
        if _is_fault(failure):
            self._health[endpoint].failed(failure, asyncio.get_running_loop().time())
            self._log.warning("endpoint rests", endpoint=endpoint.name, reason=str(failure))


def split_urls(urls: str | Sequence[str]) -> list[str]:
    """Return the URLs of a comma-separated list, or of a sequence, without blanks."""
    parts = urls.split(",") if isinstance(urls, str) else urls
    return [part.strip() for part in parts if part.strip()]


def open_transport(
    urls: str | Sequence[str],
    options: EndpointOptions | None = None,
    *,
    quorum: int = 1,
    session: aiohttp.ClientSession | None = None,
) -> RpcTransport:
    """Return a transport for one URL, or for several (a sequence, or separated by commas).

    `options` hold for each endpoint. `quorum` endpoints must agree on what no hash proves.
    """
    found = split_urls(urls)
    options = options or EndpointOptions()
    if len(found) == 1 and quorum == 1:
        return JsonRpcTransport(found[0], options, session=session)
    quick = replace(options.retry, attempts=min(_ATTEMPTS_EACH, options.retry.attempts))
    each = replace(options, retry=quick)
    transports = [JsonRpcTransport(url, each, session=session) for url in found]
    return FailoverTransport(transports, quorum=quorum, retry=options.retry)


def _concerns_endpoint(failure: CoproveError) -> bool:
    """Whether a failure tells about the endpoint rather than about the call."""
    return isinstance(
        failure,
        (
            Temporary,
            MalformedResponseError,
            MethodNotFoundError,
            RequestRefusedError,
            ResponseTooLargeError,
        ),
    )


def _another_may_know(failure: CoproveError) -> bool:
    """Whether another endpoint may have data that this one lacks or gets wrong."""
    if _concerns_endpoint(failure) or isinstance(failure, InputError):
        return True
    # Pruned state and the like come as errors of many codes; a revert is an answer.
    return isinstance(failure, RpcError) and failure.code != _REVERTED_CODE


def _is_fault(failure: CoproveError) -> bool:
    """Whether an endpoint deserves a rest for it: not for what it never had."""
    if isinstance(failure, (NotYetAvailableError, RpcError)):
        return False
    return _concerns_endpoint(failure) or isinstance(failure, InputError)


def _may_pass(failure: CoproveError) -> bool:
    """Whether asking all endpoints again may help."""
    if isinstance(failure, NotYetAvailableError):
        return False
    return isinstance(failure, (Temporary, InputError))


def _weightier(before: CoproveError | None, failure: CoproveError) -> CoproveError:
    """Choose the failure to tell of: one that may pass over one that tells of absence."""
    return before if before is not None and _weight(before) >= _weight(failure) else failure


def _weight(failure: CoproveError) -> int:
    if isinstance(failure, MethodNotFoundError):
        return 0
    if isinstance(failure, NotYetAvailableError):
        return 1
    return 3 if isinstance(failure, InputError) else 2
