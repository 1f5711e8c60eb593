"""Metrics of an operator: the AVS' own names and labels, and EigenLayer's.

Counters of the AVS have no suffix `_total`, so they are declared as gauges here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from coprove.telemetry import MetricKind, Metrics, MetricSpec

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = [
    "ALL",
    "ATTESTATION_BALANCE",
    "ATTESTATION_COST",
    "FEES_EARNED",
    "FETCHED",
    "LATEST_TASK",
    "LIVENESS_TIME",
    "METADATA",
    "NEXT_ATTESTATION",
    "PERFORMANCE",
    "POE_MS",
    "PROCESS_MS",
    "REFUSED",
    "REGISTERED_STAKES",
    "REPORT_MS",
    "RPC_REQUESTS",
    "RPC_SECONDS",
    "SLASHING_STATUS",
    "SUBMITTED",
    "SUBMIT_MS",
    "UNCONFIRMED",
    "families_json",
    "operator_metrics",
]


def _gauge(name: str, text: str, *labels: str) -> MetricSpec:
    return MetricSpec(name=name, kind=MetricKind.GAUGE, help=text, labels=("avs_name", *labels))


METADATA: Final = _gauge(
    "avs_operator_metadata_counter",
    "1 for the operator, its prover and their versions.",
    "operator_addr",
    "version",
    "attestation_addr",
    "prover_url_hash",
    "prover_version",
    "task_fetch_with_context",
    "scroll_with_context",
    "linea_with_context",
)
FETCHED: Final = _gauge(
    "avs_operator_fetch_task_counter", "Requests for a task.", "type", "with_context"
)
SUBMITTED: Final = _gauge("avs_operator_submit_task_counter", "Submissions of states.", "type")
LATEST_TASK: Final = _gauge("avs_operator_latest_task_gauge", "Number of the last task.", "type")
PROCESS_MS: Final = _gauge(
    "avs_operator_process_task_ms_gauge", "Milliseconds that the last task took.", "type"
)
POE_MS: Final = _gauge(
    "avs_operator_gen_poe_ms_gauge", "Milliseconds that the last proof took.", "type"
)
SUBMIT_MS: Final = _gauge(
    "avs_operator_submit_task_ms_gauge", "Milliseconds that the last submission took.", "type"
)
REPORT_MS: Final = _gauge(
    "avs_operator_gen_report_ms_gauge", "Milliseconds that the last evidence took."
)
LIVENESS_TIME: Final = _gauge(
    "avs_operator_liveness_ts_gauge", "When evidence was submitted last, Unix seconds."
)
NEXT_ATTESTATION: Final = _gauge(
    "avs_operator_next_attestation_ts_gauge", "When evidence is due next, Unix seconds."
)
ATTESTATION_COST: Final = _gauge(
    "avs_operator_last_attestation_cost_gauge", "ETH that the last attestation cost."
)
ATTESTATION_BALANCE: Final = _gauge(
    "avs_operator_attestation_acc_balance_gauge", "ETH of the account that pays attestations."
)
REFUSED: Final = MetricSpec(
    name="coprove_operator_refused_tasks",
    kind=MetricKind.COUNTER,
    help="Tasks that ended unsigned or untaken, by the error's name.",
    labels=("reason",),
)
UNCONFIRMED: Final = MetricSpec(
    name="coprove_operator_unconfirmed_tasks",
    kind=MetricKind.GAUGE,
    help="Ranges that were signed and are late: the chain does not have them confirmed.",
)
FEES_EARNED: Final = MetricSpec(
    name="eigen_fees_earned",
    kind=MetricKind.COUNTER,
    help="Fees earned, in units of a token.",
    labels=("avs_name", "token"),
)
PERFORMANCE: Final = _gauge("eigen_performance_score", "Share of services that are not down, 0-100")
SLASHING_STATUS: Final = MetricSpec(
    name="eigen_slashing_status",
    kind=MetricKind.GAUGE,
    help="1 once stake of the operator was slashed in a set of this AVS.",
)
REGISTERED_STAKES: Final = _gauge(
    "eigen_registered_stakes",
    "Stake in a quorum, as the StakeRegistry has it.",
    "quorum_number",
    "quorum_name",
)
RPC_SECONDS: Final = MetricSpec(
    name="eigen_rpc_request_duration",
    kind=MetricKind.HISTOGRAM,
    help="Time of JSON-RPC requests to L1.",
    unit="seconds",
    labels=("avs_name", "method", "client_version"),
)
RPC_REQUESTS: Final = MetricSpec(
    name="eigen_rpc_request",
    kind=MetricKind.COUNTER,
    help="JSON-RPC requests to L1.",
    labels=("avs_name", "method", "client_version"),
)
ALL: Final = (
    METADATA,
    FETCHED,
    SUBMITTED,
    LATEST_TASK,
    PROCESS_MS,
    POE_MS,
    SUBMIT_MS,
    REPORT_MS,
    LIVENESS_TIME,
    NEXT_ATTESTATION,
    ATTESTATION_COST,
    ATTESTATION_BALANCE,
    REFUSED,
    UNCONFIRMED,
    FEES_EARNED,
    PERFORMANCE,
    SLASHING_STATUS,
    REGISTERED_STAKES,
    RPC_SECONDS,
    RPC_REQUESTS,
)
"""All of them."""
_PUSHED: Final = ("avs_operator_", "eigen_", "coprove_operator_")
_TYPES: Final = {"counter": 0, "gauge": 1}
"""MetricType of Prometheus' client model."""


def families_json(registry: CollectorRegistry) -> list[dict[str, Any]]:
    """Return counters and gauges as `aggregator_submitMetrics` takes them.

    Each is a MetricFamily of Prometheus' client model as Go's encoder writes it.
    """
    found: list[dict[str, Any]] = []
    for family in registry.collect():
        if not family.name.startswith(_PUSHED) or family.type not in _TYPES:
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        metrics = [
            {
                "label": [{"name": label, "value": text} for label, text in sample.labels.items()],
                family.type: {"value": sample.value},
            }
            for sample in family.samples
            # Beside a counter stands when it was made; JSON has no infinity.
            if sample.name == name and math.isfinite(sample.value)
        ]
        if metrics:
            found.append(
                {
                    "name": name,
                    "help": family.documentation,
                    "type": _TYPES[family.type],
                    "metric": metrics,
                }
            )
    return found


def operator_metrics() -> Metrics:
    """Return live metrics of one operator."""
    return Metrics(ALL)
