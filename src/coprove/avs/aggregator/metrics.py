"""What the aggregator's core counts; names of the older aggregator keep their spelling."""

from __future__ import annotations

from typing import Final

from coprove.telemetry import MetricKind, MetricSpec

__all__ = [
    "BATCH_SIZE",
    "CLOSED",
    "CONFIRMATION_FAILURES",
    "DISAGREEMENTS",
    "ENGINE_METRICS",
    "EVIDENCE",
    "FETCHED_TASKS",
    "NEW_TASKS",
    "OPEN_TASKS",
    "REORGS",
    "SUBMISSIONS",
    "THRESHOLD_TO_TRANSACTION",
    "VERIFY_SECONDS",
]

_PREFIX: Final = "coprove_avs_aggregator"


def _counter(name: str, text: str, *labels: str) -> MetricSpec:
    return MetricSpec(name=f"{_PREFIX}_{name}", kind=MetricKind.COUNTER, help=text, labels=labels)


NEW_TASKS: Final = MetricSpec(
    name="avs_aggregator_new_task_counter",
    kind=MetricKind.GAUGE,
    help="Tasks issued, by kind.",
    labels=("type",),
)
FETCHED_TASKS: Final = MetricSpec(
    name="avs_aggregator_fetch_task_counter",
    kind=MetricKind.GAUGE,
    help="Tasks that operators fetched, by kind and whether they asked for a context.",
    labels=("type", "with_context"),
)
SUBMISSIONS: Final = _counter(
    "submissions", "Signed states by outcome: accepted, or why they were refused.", "outcome"
)
OPEN_TASKS: Final = MetricSpec(
    name=f"{_PREFIX}_open_tasks", kind=MetricKind.GAUGE, help="Tasks that signatures are taken for."
)
CLOSED: Final = _counter(
    "closed_tasks", "Tasks that were confirmed, expired, or lost their block.", "state"
)
DISAGREEMENTS: Final = _counter(
    "disagreements", "Further states that were signed for a task: one at most is true."
)
EVIDENCE: Final = _counter("evidence", "Evidence kept against operators, by offence.", "kind")
CONFIRMATION_FAILURES: Final = _counter(
    "confirmation_failures", "Confirmations that were not made, by the contract's error.", "error"
)
REORGS: Final = _counter("reorgs", "Confirmations and reference blocks that left the chain.")
BATCH_SIZE: Final = MetricSpec(
    name=f"{_PREFIX}_batch_size",
    kind=MetricKind.HISTOGRAM,
    help="Signatures that were verified together.",
    buckets=(1, 4, 16, 64, 256, 1024),
)
VERIFY_SECONDS: Final = MetricSpec(
    name=f"{_PREFIX}_verify",
    kind=MetricKind.HISTOGRAM,
    help="Time to verify a batch.",
    unit="seconds",
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2.0),
)
THRESHOLD_TO_TRANSACTION: Final = MetricSpec(
    name=f"{_PREFIX}_threshold_to_transaction",
    kind=MetricKind.HISTOGRAM,
    help="From the signature that met the thresholds to the transaction.",
    unit="seconds",
    buckets=(0.01, 0.05, 0.2, 1.0, 5.0, 30.0, 120.0),
)
ENGINE_METRICS: Final = (
    NEW_TASKS,
    FETCHED_TASKS,
    SUBMISSIONS,
    OPEN_TASKS,
    CLOSED,
    DISAGREEMENTS,
    EVIDENCE,
    CONFIRMATION_FAILURES,
    REORGS,
    BATCH_SIZE,
    VERIFY_SECONDS,
    THRESHOLD_TO_TRANSACTION,
)
"""All of them, for the service's `Metrics`."""
