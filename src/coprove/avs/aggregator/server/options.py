"""How an aggregator's server behaves."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AggregatorServerOptions"]

_KIB = 1 << 10
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatorServerOptions:
    """Addresses and limits. Times are in seconds, sizes in bytes."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 18_540
    """TCP port; 0 takes a free one."""
    public: bool = False
    """Whether strangers may send requests under any host name; needed beyond loopback."""
    audiences: tuple[str, ...] = ()
    """URLs by which operators know it, for their handshakes; empty for the one it listens at."""
    admin_tokens: tuple[str, ...] = ()
    """Administrators' tokens: evidence, and metrics where strangers come."""
    max_body_bytes: int = 64 * _KIB
    """Longest body of all but pushed metrics."""
    max_metrics_bytes: int = _MIB
    """Longest body of pushed metrics."""
    bytes_per_second: int = 256 * _KIB
    """What is parsed of a client address in the long run."""
    bytes_burst: int = 8 * _MIB
    """What is parsed of it before that rate counts."""
    requests_per_second: float = 50.0
    """Rate limit for each client address; 0 for none."""
    burst: int = 200
    """Requests that a client address may make before the rate limit counts."""
    operator_requests_per_second: float = 2.0
    """Rate limit for what names an operator; 0 for none."""
    operator_burst: int = 40
    """Such requests before the rate limit counts."""
    handshakes_per_second: float = 0.2
    """Handshakes of a client address."""
    handshake_burst: int = 20
    """Such handshakes before the rate limit counts."""
    all_handshakes_per_second: float = 20.0
    """Handshakes whose signature is looked at, of all together."""
    session_ttl: int = 3600
    """How long a session lasts."""
    clock_skew: int = 60
    """How far an operator's clock may be off in a handshake."""
    max_requests: int = 2048
    """HTTP requests under way at once, polls included."""
    max_polls: int = 1024
    """Polls and streams that wait at once."""
    client_polls: int = 64
    """Of them, without a session, of one client address."""
    operator_polls: int = 8
    """Of them, of one operator's sessions."""
    max_wait: float = 30.0
    """Longest poll."""
    max_pushing: int = 1024
    """Operators whose metrics are kept."""
    max_series: int = 2000
    """Samples kept of an operator."""
    pushed_ttl: float = 1800.0
    """How long they are kept; older operators push every ten minutes."""
    body_idle_timeout: float = 10.0
    """Longest pause of a client in the middle of its body."""
    stop_timeout: float = 10.0
    """How long a stop waits for requests under way."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """None: operators come without one (see `GuardOptions`)."""
        return ()
