"""What the server counts."""

from __future__ import annotations

from typing import Final

from coprove.prover.http import GuardMetrics
from coprove.telemetry import MetricKind, MetricSpec

__all__ = ["GUARDED", "POLLS", "PUSHES", "RPC_CALLS", "SERVER_METRICS", "SESSIONS", "UP"]

_PREFIX: Final = "coprove_avs_aggregator"


def _counter(name: str, text: str, *labels: str) -> MetricSpec:
    return MetricSpec(name=f"{_PREFIX}_{name}", kind=MetricKind.COUNTER, help=text, labels=labels)


UP: Final = MetricSpec(
    name=f"{_PREFIX}_up", kind=MetricKind.GAUGE, help="1 while it works; what /healthz says."
)
RPC_CALLS: Final = _counter(
    "rpc_calls", "JSON-RPC calls by method and error code (0).", "method", "code"
)
SESSIONS: Final = _counter("handshakes", "Handshakes: opened, or why not.", "outcome")
PUSHES: Final = _counter("pushes", "Metrics that operators pushed: taken, or why not.", "outcome")
POLLS: Final = MetricSpec(
    name=f"{_PREFIX}_polls", kind=MetricKind.GAUGE, help="Polls and streams that wait for a task."
)
GUARDED: Final = GuardMetrics(
    requests=_counter("requests", "HTTP requests by route and status.", "route", "status"),
    seconds=MetricSpec(
        name=f"{_PREFIX}_request",
        kind=MetricKind.HISTOGRAM,
        help="From a request's first byte to its answer's last.",
        unit="seconds",
        labels=("route",),
        buckets=(0.005, 0.02, 0.1, 0.5, 2, 10, 30, 60),
    ),
    refused=_counter(
        "refused", "Requests refused before they were looked at: host, rate, concurrency.", "reason"
    ),
)
SERVER_METRICS: Final = (
    UP,
    RPC_CALLS,
    SESSIONS,
    PUSHES,
    POLLS,
    GUARDED.requests,
    GUARDED.seconds,
    GUARDED.refused,
)
"""All of them, for the service's `Metrics`."""
