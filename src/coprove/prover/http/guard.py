"""What stands before every request: host, token, rate and concurrency; and what counts them."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from coprove.prover.http.problems import Kind, problem
from coprove.prover.http.serving import is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from coprove.telemetry import Metrics, MetricSpec

__all__ = ["Guard", "GuardMetrics", "GuardOptions", "TokenBuckets"]

_OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
_UNAUTHORIZED: Final = Kind("unauthorized", 401, "A token is needed")
_WRONG_HOST: Final = Kind("wrong-host", 421, "This server does not go by that name")
_MOST_CLIENTS: Final = 4096
_UNKNOWN_ROUTE: Final = "other"


class GuardOptions(Protocol):
    """What a guard goes by; options of services have these members."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """Any of these must be presented; empty for none."""

    @property
    def requests_per_second(self) -> float:
        """Rate limit for each client address; 0 for none."""

    @property
    def burst(self) -> int:
        """Requests that a client may make before the rate limit counts."""

    @property
    def max_requests(self) -> int:
        """Requests under way at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardMetrics:
    """What a guard counts in; the service declares them."""

    requests: MetricSpec
    """Counter with `route` and `status`."""
    seconds: MetricSpec
    """Histogram with `route`."""
    refused: MetricSpec
    """Counter with `reason`."""


class TokenBuckets:
    """A token bucket for each client; the longest unseen are forgotten."""

    def __init__(self, rate: float, burst: int) -> None:
        """`rate` tokens a second up to `burst`; a rate of 0 lets everything through."""
        self._rate, self._burst = rate, float(max(1, burst))
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_of(self, client: str, now: float) -> float:
        """Take a token at time `now`; return 0, or the seconds until there is one."""
        if self._rate <= 0:
            return 0.0
        tokens, last = self._clients.pop(client, (self._burst, now))
        tokens = min(self._burst, tokens + (now - last) * self._rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._clients[client] = (tokens - 1 if wait == 0 else tokens, now)
        if len(self._clients) > _MOST_CLIENTS:
            self._clients.popitem(last=False)
        return wait


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        options: GuardOptions,
        metrics: Metrics,
        names: GuardMetrics,
        public: bool = False,
    ) -> None:
        """Refuse what `options` do not allow, before the application sees it.

        `public`: strangers may come, under any host name and without a token; what needs one is
        the application's to say.
        """
        self._public = public
        self._app, self._options = app, options
        self._metrics, self._names = metrics, names
        self._tokens = [token.encode() for token in options.tokens]
        self._buckets = TokenBuckets(options.requests_per_second, options.burst)
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status = 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        refused = self._refusal(scope, began)
        try:
            if refused is not None:
                reason, response = refused
                self._metrics.inc(self._names.refused, reason=reason)
                await response(scope, receive, counted)
                return
            self._under_way += 1
            try:
                await self._app(scope, receive, counted)
            finally:
                self._under_way -= 1
        finally:
            route = getattr(scope.get("route"), "path", _UNKNOWN_ROUTE)
            self._metrics.inc(self._names.requests, route=route, status=str(status))
            seconds = time.monotonic() - began
            self._metrics.observe(self._names.seconds, seconds, route=route)

    def _refusal(self, scope: Scope, now: float) -> tuple[str, ASGIApp] | None:
        if scope["path"] in _OPEN_PATHS:
            return None
        headers = dict(scope["headers"])
        client = scope["client"][0] if scope.get("client") else ""
        wait = self._buckets.wait_of(client, now)
        if wait > 0:
            kind = Kind("rate-limited", 429, "Too many requests", wait)
            return "rate", problem(kind, f"the limit is {self._options.requests_per_second:g}/s")
        if self._public:
            pass
        elif self._tokens:
            if not self._knows(headers.get(b"authorization", b"")):
                response = problem(_UNAUTHORIZED, "send a bearer token, or it as the password")
                response.headers["WWW-Authenticate"] = (
                    'Bearer realm="coprove", Basic realm="coprove"'
                )
                return "token", response
        elif not _names_this_machine(headers.get(b"host", b"")):
            # Without a token only the name keeps out a web page that resolves its own to loopback.
            return "host", problem(
                _WRONG_HOST, "without tokens the host must be a loopback address"
            )
        if self._under_way >= self._options.max_requests:
            kind = Kind("busy", 503, "Too many requests under way", 1)
            return "concurrency", problem(kind, f"{self._under_way} requests are under way")
        return None

    def _knows(self, authorization: bytes) -> bool:
        scheme, _, credentials = authorization.partition(b" ")
        presented = credentials.strip()
        if scheme.lower() == b"basic":
            # What the Go proposer sends for a URL of the form http://name:token@host.
            try:
                presented = base64.b64decode(presented, validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return False
        elif scheme.lower() != b"bearer":
            return False
        # Every token is compared, so that the time tells nothing.
        matches = [hmac.compare_digest(presented, token) for token in self._tokens]
        return any(matches)


def _names_this_machine(host: bytes) -> bool:
    name = host.decode("latin-1").lower()
    bare = name.rpartition("]")[0].lstrip("[") if name.startswith("[") else name.partition(":")[0]
    return is_loopback(bare)
