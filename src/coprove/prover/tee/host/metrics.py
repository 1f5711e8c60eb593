"""Metrics of the TEE prover: ours, and those of the public prover under its own names.

The public prover's counters have no suffix `_total`, so they are declared as gauges here.
"""

from __future__ import annotations

from typing import Final

from coprove.prover.http import GuardMetrics
from coprove.telemetry import MetricKind, MetricSpec

__all__ = [
    "ALL",
    "AVS_ATTESTATION_MS",
    "AVS_CONTEXTS",
    "AVS_CONTEXT_MS",
    "AVS_METADATA",
    "AVS_PROOFS",
    "AVS_PROVE_MS",
    "AVS_RPC_MS",
    "AVS_WITNESS_SIZE",
    "CACHE",
    "FINISHED",
    "GUARDED",
    "INFO",
    "MEMORY",
    "QUOTES",
    "RECEIVED",
    "RPC_CALLS",
    "RUN_GAS",
    "RUN_SECONDS",
    "TASKS",
    "UP",
]


def _gauge(name: str, text: str, *labels: str) -> MetricSpec:
    return MetricSpec(name=name, kind=MetricKind.GAUGE, help=text, labels=labels)


def _counter(name: str, text: str, *labels: str, unit: str = "") -> MetricSpec:
    return MetricSpec(name=name, kind=MetricKind.COUNTER, help=text, labels=labels, unit=unit)


UP: Final = _gauge("coprove_tee_prover_up", "1 while the prover can do its work; as /healthz.")
INFO: Final = _gauge(
    "coprove_tee_prover_build",
    "1, with version, platform, the prover's address and whether all of it is simulated.",
    "version",
    "platform",
    "prover",
    "simulated",
)
TASKS: Final = _gauge("coprove_tee_prover_tasks", "Ranges that wait or run, by state.", "state")
FINISHED: Final = _counter(
    "coprove_tee_prover_finished_tasks",
    "Ranges that were signed, refused, or stopped, by outcome.",
    "outcome",
)
CACHE: Final = _counter(
    "coprove_tee_prover_lookups",
    "Requests for proofs by what they found: a proof, a run under way, or nothing.",
    "found",
)
RUN_SECONDS: Final = MetricSpec(
    name="coprove_tee_prover_run",
    kind=MetricKind.HISTOGRAM,
    help="Time to execute and sign a range.",
    unit="seconds",
    buckets=(0.01, 0.05, 0.2, 1, 5, 15, 60, 180, 600, 1800),
)
RUN_GAS: Final = _counter("coprove_tee_prover_executed_gas", "L2 gas of the ranges signed.")
RECEIVED: Final = _counter("coprove_tee_prover_received", "Bytes of witnesses.", unit="bytes")
MEMORY: Final = MetricSpec(
    name="coprove_tee_prover_witnesses",
    kind=MetricKind.GAUGE,
    help="Size of all witnesses held.",
    unit="bytes",
)
QUOTES: Final = _counter(
    "coprove_tee_prover_quotes",
    "Evidence asked of the platform by purpose (registration, avs, check) and outcome.",
    "purpose",
    "outcome",
)
RPC_CALLS: Final = _counter(
    "coprove_tee_prover_rpc_calls", "JSON-RPC calls by method and error code (0).", "method", "code"
)
GUARDED: Final = GuardMetrics(
    requests=_counter(
        "coprove_tee_prover_requests", "HTTP requests by route and status.", "route", "status"
    ),
    seconds=MetricSpec(
        name="coprove_tee_prover_request",
        kind=MetricKind.HISTOGRAM,
        help="From a request's first byte to its answer's last.",
        unit="seconds",
        labels=("route",),
        buckets=(0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300),
    ),
    refused=_counter(
        "coprove_tee_prover_refused",
        "Requests refused before they were looked at: token, host, rate or concurrency.",
        "reason",
    ),
)
AVS_METADATA: Final = _gauge(
    "avs_prover_metadata_counter", "Calls of prover_metadata, by version.", "version"
)
AVS_CONTEXTS: Final = _gauge(
    "avs_prover_gen_ctx_counter", "Witnesses collected, by kind of task.", "type"
)
AVS_PROOFS: Final = _gauge("avs_prover_prove_counter", "Proofs given, by kind of task.", "type")
AVS_CONTEXT_MS: Final = _gauge(
    "avs_prover_ctx_ms_gauge", "Milliseconds that the last witness took.", "type"
)
AVS_PROVE_MS: Final = _gauge(
    "avs_prover_prove_ms_gauge", "Milliseconds that the last proof took.", "type"
)
AVS_WITNESS_SIZE: Final = _gauge(
    "avs_prover_pob_size_gauge", "Bytes of the last witness in JSON.", "type"
)
AVS_RPC_MS: Final = _gauge(
    "avs_prover_rpc_call_ms_gauge", "Milliseconds that the last call took.", "method"
)
AVS_ATTESTATION_MS: Final = _gauge(
    "avs_prover_attestation_report_ms_gauge", "Milliseconds that the last evidence took."
)
ALL: Final = (
    UP,
    INFO,
    TASKS,
    FINISHED,
    CACHE,
    RUN_SECONDS,
    RUN_GAS,
    RECEIVED,
    MEMORY,
    QUOTES,
    RPC_CALLS,
    GUARDED.requests,
    GUARDED.seconds,
    GUARDED.refused,
    AVS_METADATA,
    AVS_CONTEXTS,
    AVS_PROOFS,
    AVS_CONTEXT_MS,
    AVS_PROVE_MS,
    AVS_WITNESS_SIZE,
    AVS_RPC_MS,
    AVS_ATTESTATION_MS,
)
