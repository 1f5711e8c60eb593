"""Metrics of the node, each declared once."""

from __future__ import annotations

from typing import Final

from coprove.telemetry import MetricKind, MetricSpec

__all__ = ["ALL", "HEAD", "L1_HEAD", "POOL", "RESETS", "RPC_CALLS"]

HEAD: Final = MetricSpec(
    name="coprove_node_l2_head",
    kind=MetricKind.GAUGE,
    help="Number of an L2 head: unsafe, safe or finalized.",
    labels=("head",),
)
L1_HEAD: Final = MetricSpec(
    name="coprove_node_l1_head",
    kind=MetricKind.GAUGE,
    help="Number of an L1 block: L1's head, or the one that derivation has come to (current).",
    labels=("head",),
)
POOL: Final = MetricSpec(
    name="coprove_node_pool_transactions",
    kind=MetricKind.GAUGE,
    help="Transactions in the pool.",
)
RESETS: Final = MetricSpec(
    name="coprove_node_resets",
    kind=MetricKind.GAUGE,
    help="How often the heads were set again since the start, the start included.",
)
RPC_CALLS: Final = MetricSpec(
    name="coprove_node_rpc_calls",
    kind=MetricKind.COUNTER,
    help="JSON-RPC calls answered, by method and outcome (ok, error).",
    labels=("method", "outcome"),
)
ALL: Final = (HEAD, L1_HEAD, POOL, RESETS, RPC_CALLS)
"""All metrics of this service."""
