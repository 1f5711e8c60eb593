"""Metrics of a proof server."""

from __future__ import annotations

from typing import Final

from coprove.telemetry import MetricKind, MetricSpec

__all__ = [
    "ALL",
    "BACKEND_FAILURES",
    "FINISHED",
    "INFO",
    "JOBS",
    "PROVING_SECONDS",
    "REFUSED",
    "REQUESTS",
    "REQUEST_SECONDS",
    "UP",
    "UPLOADED",
    "WITNESS_CACHE",
    "WITNESS_CACHE_BYTES",
    "WITNESS_SECONDS",
    "WITNESS_SIZE",
]

UP: Final = MetricSpec(
    name="coprove_server_up",
    kind=MetricKind.GAUGE,
    help="1 while the server works; what /healthz says.",
)
INFO: Final = MetricSpec(
    name="coprove_server_build",
    kind=MetricKind.GAUGE,
    help="1, with the version, the backend and whether its proofs are simulated.",
    labels=("version", "backend", "simulated"),
)
REQUESTS: Final = MetricSpec(
    name="coprove_server_requests",
    kind=MetricKind.COUNTER,
    help="HTTP requests by route and status.",
    labels=("route", "status"),
)
REQUEST_SECONDS: Final = MetricSpec(
    name="coprove_server_request",
    kind=MetricKind.HISTOGRAM,
    help="From a request's first byte to its answer's last.",
    unit="seconds",
    labels=("route",),
    buckets=(0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1200),
)
REFUSED: Final = MetricSpec(
    name="coprove_server_refused",
    kind=MetricKind.COUNTER,
    help="Requests refused before they were looked at: token, host, rate or concurrency.",
    labels=("reason",),
)
UPLOADED: Final = MetricSpec(
    name="coprove_server_uploaded",
    kind=MetricKind.COUNTER,
    help="Bytes of aggregation bodies received.",
    unit="bytes",
)
JOBS: Final = MetricSpec(
    name="coprove_server_jobs",
    kind=MetricKind.GAUGE,
    help="Jobs by kind and state.",
    labels=("kind", "state"),
)
FINISHED: Final = MetricSpec(
    name="coprove_server_finished_jobs",
    kind=MetricKind.COUNTER,
    help="Jobs that came to an end since the start, by kind and final state.",
    labels=("kind", "state"),
)
WITNESS_SECONDS: Final = MetricSpec(
    name="coprove_server_witness",
    kind=MetricKind.HISTOGRAM,
    help="Time to collect the input of a range.",
    unit="seconds",
    buckets=(0.1, 0.5, 2, 5, 15, 30, 60, 120, 300, 600, 1200),
)
WITNESS_SIZE: Final = MetricSpec(
    name="coprove_server_witness_size",
    kind=MetricKind.HISTOGRAM,
    help="Size of the input of a range.",
    unit="bytes",
    buckets=(1e5, 1e6, 5e6, 2e7, 5e7, 1e8, 2.5e8, 5e8, 1e9),
)
WITNESS_CACHE: Final = MetricSpec(
    name="coprove_server_witness_lookups",
    kind=MetricKind.COUNTER,
    help="Looks into the cache of inputs by outcome: hit, miss or stale (after a reorg).",
    labels=("outcome",),
)
WITNESS_CACHE_BYTES: Final = MetricSpec(
    name="coprove_server_witness_cache",
    kind=MetricKind.GAUGE,
    help="Size of all inputs in the cache.",
    unit="bytes",
)
PROVING_SECONDS: Final = MetricSpec(
    name="coprove_server_proving",
    kind=MetricKind.HISTOGRAM,
    help="From the backend's acceptance to the stored proof.",
    unit="seconds",
    labels=("kind",),
    buckets=(1, 10, 60, 180, 300, 600, 1200, 3600, 14400),
)
BACKEND_FAILURES: Final = MetricSpec(
    name="coprove_server_backend_failures",
    kind=MetricKind.COUNTER,
    help="Calls of the backend that failed, by call and error.",
    labels=("call", "error"),
)
ALL: Final = (
    UP,
    INFO,
    REQUESTS,
    REQUEST_SECONDS,
    REFUSED,
    UPLOADED,
    JOBS,
    FINISHED,
    WITNESS_SECONDS,
    WITNESS_SIZE,
    WITNESS_CACHE,
    WITNESS_CACHE_BYTES,
    PROVING_SECONDS,
    BACKEND_FAILURES,
)
