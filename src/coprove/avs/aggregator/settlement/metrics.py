"""What the settler counts."""

from __future__ import annotations

from typing import Final

from coprove.telemetry import MetricKind, MetricSpec

__all__ = ["CONTRADICTED", "DUE", "FAILED", "SENT", "SETTLED", "SETTLEMENT_METRICS"]

_PREFIX: Final = "coprove_avs_aggregator_settlements"

DUE: Final = MetricSpec(
    name=f"{_PREFIX}_due",
    kind=MetricKind.GAUGE,
    help="Slashings and rewards that no final block has yet.",
    labels=("kind",),
)
SENT: Final = MetricSpec(
    name=f"{_PREFIX}_sent",
    kind=MetricKind.COUNTER,
    help="Slashings and rewards whose transaction was mined.",
    labels=("kind",),
)
SETTLED: Final = MetricSpec(
    name=f"{_PREFIX}_settled",
    kind=MetricKind.COUNTER,
    help="Slashings and rewards that a final block has, whoever brought them.",
    labels=("kind",),
)
FAILED: Final = MetricSpec(
    name=f"{_PREFIX}_failed",
    kind=MetricKind.COUNTER,
    help="Slashings and rewards that were not taken, by error; they are tried again.",
    labels=("kind", "error"),
)
CONTRADICTED: Final = MetricSpec(
    name="coprove_avs_aggregator_proven_wrong",
    kind=MetricKind.COUNTER,
    help="Signatures that a proven output contradicts: one of the lanes is wrong.",
)
SETTLEMENT_METRICS: Final = (CONTRADICTED, DUE, SENT, SETTLED, FAILED)
"""All of them."""
