"""Every metric of the proposer, declared once and shown under three sets of names.

Beside our own `coprove_proposer_*` stand those of op-succinct's Go proposer
(`op_succinct_proposer_default_*`) and of its validity proposer (`succinct_*`), so that dashboards
and alerts written for either keep working. Theirs are gauges or counters without the suffix
`_total`; ours follow the Prometheus conventions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from coprove.telemetry import MetricKind, Metrics, MetricSpec

__all__ = ["Event", "ProposerMetrics", "Quantity", "specs"]

_EARLY: Final = "op_succinct_proposer_default_"
_TODAY: Final = "succinct_"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value that goes up and down."""

    name: str
    """Our name, without `coprove_proposer_`."""
    help: str
    """A sentence for the person who reads it."""
    early: str | None = None
    """The Go proposer's name, without its prefix."""
    today: str | None = None
    """The validity proposer's name, without its prefix."""

    def specs(self) -> list[MetricSpec]:
        """Return the declarations under all its names."""
        return [_gauge(name, self.help) for name in self.names()]

    def names(self) -> list[str]:
        """Return all its names, ours first."""
        found = [f"coprove_proposer_{self.name}"]
        found += [] if self.early is None else [_EARLY + self.early]
        found += [] if self.today is None else [_TODAY + self.today]
        return found


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is counted."""

    name: str
    """Value of our label `event`."""
    today: str | None = None
    """The validity proposer's name for its count, without its prefix."""
    early: str | None = None
    """The Go proposer's name for its count, without its prefix; it has the label `reason`."""
    is_error: bool = True
    """Whether it counts among the errors in all."""


def _gauge(name: str, text: str, *labels: str) -> MetricSpec:
    return MetricSpec(name=name, kind=MetricKind.GAUGE, help=text, labels=labels)


UP = Quantity("up", "1 once the proposer has started.", early="up")
LEADING = Quantity("leading", "1 while this process leads, 0 while it stands by.")
UNREQUESTED = Quantity(
    "requests_waiting",
    "Requests that wait for their turn.",
    early="num_unrequested",
    today="current_unrequested_proofs",
)
WITNESSING = Quantity(
    "requests_collecting",
    "Requests whose witness is collected.",
    early="num_witness_gen",
    today="current_witnessgen_proofs",
)
EXECUTING = Quantity(
    "requests_executing",
    "Requests that run natively before they are proven.",
    today="current_execute_proofs",
)
PROVING = Quantity(
    "requests_proving",
    "Requests that a backend proves.",
    early="num_proving",
    today="current_proving_proofs",
)
FINALIZED = Quantity(
    "l2_finalized_block",
    "L2 block up to which blocks are proven as they come.",
    early="l2_finalized_block",
    today="l2_finalized_block",
)
UNSAFE = Quantity(
    "l2_unsafe_block", "Newest L2 block that the node knows.", today="l2_unsafe_head_block"
)
LATEST = Quantity(
    "latest_output_block",
    "L2 block of the contract's latest output.",
    early="latest_contract_l2_block",
    today="latest_contract_l2_block",
)
PROVEN = Quantity(
    "highest_proven_block",
    "Highest L2 block to which proven ranges lead from the latest output.",
    early="highest_proven_contiguous_l2_block",
    today="highest_proven_contiguous_block",
)
NEEDED = Quantity(
    "next_output_block",
    "Lowest L2 block that the next output may have.",
    early="min_block_to_prove_to_agg",
    today="min_block_to_prove_to_agg",
)
LAST_TICK = Quantity("last_tick_timestamp_seconds", "Unix time of the last tick without errors.")

RETRY = Event("retry", "proof_request_retry_count", is_error=False)
SPLIT = Event("split", is_error=False)
TIMEOUT = Event("timeout", "proof_request_timeout_error_count")
WITNESS_FAILED = Event("witness_failed", "witnessgen_error_count", "witness_gen_failures")
EXECUTION_FAILED = Event("execution_failed", "execution_error_count", "witness_gen_failures")
PROOF_FAILED = Event("proof_failed", None, "prove_failures")
RANGE_REQUEST_FAILED = Event(
    "range_request_failed", "range_proof_request_error_count", "prove_failures"
)
AGG_REQUEST_FAILED = Event(
    "aggregation_request_failed", "agg_proof_request_error_count", "prove_failures"
)
AGG_REFUSED = Event("aggregation_refused", "agg_proof_validation_error_count")
RELAY_FAILED = Event("relay_failed", "relay_agg_proof_error_count")
CALL_TIMEOUT = Event("call_timeout", "network_call_timeout_count")
RETRY_FAILED = Event("retry_failed", "retry_error_count")
STEP_FAILED = Event("step_failed")
REORG = Event("reorg", is_error=False)
PROPOSED = Event("output_proposed", is_error=False)
LOST_LEAD = Event("lead_lost", is_error=False)

_QUANTITIES: Final = (
    *(UP, LEADING, UNREQUESTED, WITNESSING, EXECUTING, PROVING, FINALIZED),
    *(UNSAFE, LATEST, PROVEN, NEEDED, LAST_TICK),
)
_EVENTS: Final = (
    *(RETRY, SPLIT, TIMEOUT, WITNESS_FAILED, EXECUTION_FAILED, PROOF_FAILED, RANGE_REQUEST_FAILED),
    *(AGG_REQUEST_FAILED, AGG_REFUSED, RELAY_FAILED, CALL_TIMEOUT, RETRY_FAILED, STEP_FAILED),
    *(REORG, PROPOSED, LOST_LEAD),
)
_EVENT_COUNT: Final = MetricSpec(
    name="coprove_proposer_events",
    kind=MetricKind.COUNTER,
    help="What happened in the proposer, by kind and reason.",
    labels=("event", "reason"),
)
_PHASE_SECONDS: Final = MetricSpec(
    name="coprove_proposer_phase",
    kind=MetricKind.HISTOGRAM,
    unit="seconds",
    help="Time of a request by phase: witness, execution, submission, proof.",
    labels=("phase",),
    buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400),
)
_INFO: Final = _gauge(f"{_EARLY}info", "Version of the proposer.", "version")
_ERRORS_EARLY: Final = _gauge(f"{_EARLY}error_count", "Errors by type.", "type")
_ERRORS_TODAY: Final = _gauge(f"{_TODAY}total_error_count", "Errors in all.")
_COUNT_HELP: Final = "As coprove_proposer_events_total, under op-succinct's name."
_EARLY_COUNTS: Final = {
    name: _gauge(_EARLY + name, _COUNT_HELP, "reason")
    for name in sorted({event.early for event in _EVENTS if event.early is not None})
}
_TODAY_COUNTS: Final = {
    event.today: _gauge(_TODAY + event.today, _COUNT_HELP)
    for event in _EVENTS
    if event.today is not None
}


def specs() -> list[MetricSpec]:
    """Return the declaration of every metric, under every name."""
    found = [_EVENT_COUNT, _PHASE_SECONDS, _INFO, _ERRORS_EARLY, _ERRORS_TODAY]
    found += [spec for quantity in _QUANTITIES for spec in quantity.specs()]
    return [*found, *_EARLY_COUNTS.values(), *_TODAY_COUNTS.values()]


class ProposerMetrics:
    """The live metrics; each value is set once and shows under all its names."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        """`metrics` must hold `specs()`; None makes an own registry."""
        self.live = metrics or Metrics(specs())
        self._specs = {quantity: quantity.specs() for quantity in _QUANTITIES}

    def set(self, quantity: Quantity, value: float) -> None:
        """Set a quantity."""
        for spec in self._specs[quantity]:
            self.live.set(spec, value)

    def count(self, event: Event, reason: str = "") -> None:
        """Count an event; `reason` is a short word, such as an error's class name."""
        self.live.inc(_EVENT_COUNT, event=event.name, reason=reason)
        if event.early is not None:
            self.live.inc(_EARLY_COUNTS[event.early], reason=reason or event.name)
        if event.today is not None:
            self.live.inc(_TODAY_COUNTS[event.today])
        if event.is_error:
            self.live.inc(_ERRORS_EARLY, type=event.name)
            self.live.inc(_ERRORS_TODAY)

    def observe(self, phase: str, seconds: float) -> None:
        """Note how long a phase of a request took."""
        self.live.observe(_PHASE_SECONDS, seconds, phase=phase)

    def started(self, version: str) -> None:
        """Note that the proposer is up."""
        self.live.set(_INFO, 1, version=version)
        self.set(UP, 1)
