"""One HTTP endpoint: limits, timeouts, bounded answers, retries and redaction in one place."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

from coprove.closing import AsyncClosing
from coprove.errors import CoproveError, InputError
from coprove.primitives.bounded_json import Json, load_json
from coprove.rpc.errors import (
    EndpointUnavailableError,
    MalformedResponseError,
    RateLimitedError,
    RequestRefusedError,
    ResponseTooLargeError,
    RpcTimeoutError,
)
from coprove.rpc.limiter import RateLimiter
from coprove.rpc.retry import Retry, RetryPolicy
from coprove.telemetry import get_logger, redact_url, register_secret, url_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping
__all__ = [
    "CallStats",
    "EndpointClient",
    "EndpointOptions",
    "HttpAnswer",
    "HttpEndpoint",
    "Json",
    "parse_json",
]

_READ_SIZE = 1 << 18
_SECRET_HEADERS = ("auth", "key", "token", "secret", "cookie")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions:
    """How hard one endpoint may be used, and how long it is waited for."""

    timeout: float = 30.0
    """Seconds for one HTTP request, from connecting to the last byte."""
    max_response_bytes: int = 256 << 20
    """Longest answer accepted, in bytes after decompression."""
    max_concurrency: int = 16
    """HTTP requests under way at once."""
    calls_per_second: float = 0.0
    """Rate limit over all calls, each call of a batch counted; 0 for none."""
    burst: int = 50
    """Calls that may be made at once before the rate limit spaces them."""
    max_batch: int = 50
    """Calls in one JSON-RPC batch; 1 turns batching off."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    """When a failed request is made again."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers sent with every request (an API key, say); never logged."""


@dataclass(slots=True, kw_only=True)
class CallStats:
    """Counters of one endpoint since its creation, for progress displays and benchmarks."""

    calls: int = 0
    """Calls asked for: JSON-RPC calls or GETs."""
    requests: int = 0
    """HTTP requests sent, retries included."""
    retries: int = 0
    """Requests sent again after a failure."""
    bytes_received: int = 0
    """Bytes of all answers after decompression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """A complete HTTP answer."""

    status: int
    """HTTP status, 2xx or 4xx."""
    body: bytes
    """The decompressed body."""


def parse_json(body: bytes, where: str) -> Json:
    """Parse `body` from the endpoint `where`; MalformedResponseError on anything else than JSON."""
    try:
        return load_json(body)
    except ValueError as error:
        raise MalformedResponseError(
            f"answer of {where}", expected="JSON", actual=f"{body[:60]!r} ({type(error).__name__})"
        ) from None


class HttpEndpoint:
    """Sends bounded requests to one base URL. Use as an async context manager, or `close()` it."""

    def __init__(
        self,
        url: str,
        options: EndpointOptions | None = None,
        *,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        """`url` may hold credentials; a given `session` is shared and stays open on `close`."""
        if not url.startswith(("http://", "https://")):
            raise InputError("endpoint URL", expected="http:// or https://", actual=redact_url(url))
        self.options = options or EndpointOptions()
        self.stats = CallStats()
        self.name = redact_url(url)
        self.limiter = RateLimiter(self.options.calls_per_second, self.options.burst)
        # Endpoints name the key in their errors, and those are logged.
        for secret in (*url_secrets(url), *_header_secrets(self.options.headers)):
            register_secret(secret)
        self._url = url.rstrip("/")
        self._session = session
        self._owns_session = session is None
        self._gate = asyncio.Semaphore(self.options.max_concurrency)
        self._log = get_logger(endpoint=self.name)

    async def close(self) -> None:
        """Close the connections, unless the session was given."""
        if self._session is not None and self._owns_session:
            await self._session.close()
            self._session = None

    async def send(
        self,
        what: str,
        *,
        path: str = "",
        body: bytes | None = None,
        content_type: str = "application/json",
        calls: int = 1,
        timeout: float | None = None,  # noqa: ASYNC109 - a limit per request, not per call
    ) -> HttpAnswer:
        """GET `path`, or POST the `body`, with rate limit, retries and time limit.

        `what` names the call in errors and logs. Returns answers of status 2xx and of those 4xx
        that the caller must read itself; raises Temporary leaves when retries are used up.
        """
        self.stats.calls += calls
        loop = asyncio.get_running_loop()
        begun = loop.time()
        attempt = 1
        while True:
            try:
                async with self._gate:
                    # Asked last of all: whoever waited at the gate keeps to a pause as well.
                    await self.limiter.acquire(calls)
                    sent = None if body is None else (body, content_type)
                    return await self._request(what, path, sent, timeout or self.options.timeout)
            except CoproveError as failure:
                decision = self.options.retry.decide(
                    failure,
                    attempt=attempt,
                    elapsed=loop.time() - begun,
                    chance=random.random(),  # noqa: S311 - spreads retries, protects nothing
                )
                if not isinstance(decision, Retry):
                    raise
                if isinstance(failure, RateLimitedError):
                    self.limiter.penalise(decision.delay)
                self._log.debug("retry", call=what, attempt=attempt, delay=decision.delay)
            attempt += 1
            self.stats.retries += 1
            await asyncio.sleep(decision.delay)

    async def _request(
        self,
        what: str,
        path: str,
        body: tuple[bytes, str] | None,
        timeout: float,  # noqa: ASYNC109
    ) -> HttpAnswer:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        where = f"{what} at {self.name}"
        headers = dict(self.options.headers)
        if body is not None:
            headers["Content-Type"] = body[1]
        self.stats.requests += 1
        try:
            async with self._session.request(
                "GET" if body is None else "POST",
                self._url + path,
                data=None if body is None else body[0],
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout),
                allow_redirects=False,  # a redirect could carry credentials elsewhere
            ) as response:
                content = await self._read(response, where)
                return _classify(response.status, response.headers, content, where)
        except TimeoutError:
            raise RpcTimeoutError(f"{where}: no answer within {timeout:g} s") from None
        except aiohttp.InvalidURL:
            raise InputError("endpoint URL", expected="a valid URL", actual=self.name) from None
        except (aiohttp.ClientError, OSError) as error:
            # Texts of aiohttp's errors may hold the whole URL: only the kind is passed on.
            raise EndpointUnavailableError(f"{where}: {type(error).__name__}") from None

    async def _read(self, response: aiohttp.ClientResponse, where: str) -> bytes:
        limit = self.options.max_response_bytes
        content = bytearray()
        async for chunk in response.content.iter_chunked(_READ_SIZE):
            content += chunk
            if len(content) > limit:
                response.close()
                raise ResponseTooLargeError(f"{where}: answer exceeds {limit} bytes")
        self.stats.bytes_received += len(content)
        return bytes(content)


def _header_secrets(headers: Mapping[str, str]) -> list[str]:
    return [
        value.removeprefix("Bearer ").removeprefix("Basic ")
        for name, value in headers.items()
        if any(word in name.lower() for word in _SECRET_HEADERS)
    ]


def _classify(status: int, headers: Mapping[str, str], body: bytes, where: str) -> HttpAnswer:
    """Turn an HTTP status into an answer or a typed error."""
    if status == 429:
        raise RateLimitedError(
            f"{where}: HTTP 429", retry_after=_seconds(headers.get("Retry-After"))
        )
    if status >= 500 and status != 501:
        raise EndpointUnavailableError(f"{where}: HTTP {status}")
    if 300 <= status < 400:
        raise RequestRefusedError(where, status=status, body="redirect refused")
    return HttpAnswer(status=status, body=body)


def _seconds(value: str | None) -> float | None:
    """Parse Retry-After; its date form is rare and treated as absent."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 3600 else None


class EndpointClient(AsyncClosing):
    """What every client of one endpoint shares: its name, its counters, and being closed.

    Use as an async context manager, or `close()` it.
    """

    def __init__(
        self, url: str, options: EndpointOptions | None, session: aiohttp.ClientSession | None
    ) -> None:
        """`url` may hold credentials: it appears in errors and logs only redacted."""
        self._endpoint = HttpEndpoint(url, options, session=session)

    @property
    def name(self) -> str:
        """The redacted address, for messages."""
        return self._endpoint.name

    @property
    def stats(self) -> CallStats:
        """Counters since creation."""
        return self._endpoint.stats

    async def close(self) -> None:
        """Close the connections, unless the session was given."""
        await self._endpoint.close()
