"""What the process counts beside its core and its server."""

from __future__ import annotations

from typing import Final

from coprove.telemetry import MetricKind, MetricSpec

__all__ = [
    "ALARMS",
    "DRAFTS",
    "LEADING",
    "LOOP_FAILURES",
    "OPENED",
    "REGISTRY_BLOCK",
    "REGISTRY_REORGS",
    "SERVICE_METRICS",
]

_PREFIX: Final = "coprove_avs_aggregator"

LEADING: Final = MetricSpec(
    name=f"{_PREFIX}_leading", kind=MetricKind.GAUGE, help="1 while this process leads."
)
ALARMS: Final = MetricSpec(
    name=f"{_PREFIX}_registry_alarms",
    kind=MetricKind.COUNTER,
    help="Times that an L1 endpoint contradicted itself about operators: it lies or loses logs.",
)
REGISTRY_BLOCK: Final = MetricSpec(
    name=f"{_PREFIX}_registry_block",
    kind=MetricKind.GAUGE,
    help="Newest L1 block up to which operators' events were read.",
)
REGISTRY_REORGS: Final = MetricSpec(
    name=f"{_PREFIX}_registry_reorgs",
    kind=MetricKind.GAUGE,
    help="Times that blocks with operators' events were replaced since the start.",
)
LOOP_FAILURES: Final = MetricSpec(
    name=f"{_PREFIX}_loop_failures",
    kind=MetricKind.COUNTER,
    help="Failures of the process' loops, by loop and kind of error.",
    labels=("loop", "error"),
)
DRAFTS: Final = MetricSpec(
    name=f"{_PREFIX}_drafts",
    kind=MetricKind.GAUGE,
    help="Ranges that a source has to sign now.",
    labels=("source",),
)
OPENED: Final = MetricSpec(
    name=f"{_PREFIX}_opened",
    kind=MetricKind.COUNTER,
    help="Drafts that were given to the core, by source.",
    labels=("source",),
)
SERVICE_METRICS: Final = (
    LEADING,
    ALARMS,
    REGISTRY_BLOCK,
    REGISTRY_REORGS,
    LOOP_FAILURES,
    DRAFTS,
    OPENED,
)
"""All of them, for the service's `Metrics`."""
