"""Metrics declared once: name, unit and help stand in a spec, and the live objects follow it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MetricKind", "MetricSpec", "Metrics"]


class MetricKind(StrEnum):
    """What a metric does over time."""

    COUNTER = "counter"
    """Only grows; exposed with the suffix `_total`."""
    GAUGE = "gauge"
    """Goes up and down."""
    HISTOGRAM = "histogram"
    """Observations counted in buckets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """The one declaration of a metric."""

    name: str
    """Prometheus name without unit and `_total`, such as `coprove_devnet_head`."""
    kind: MetricKind
    """Counter, gauge or histogram."""
    help: str
    """A sentence for the person who reads it."""
    unit: str = ""
    """Base unit (`seconds`, `bytes`, `blocks`), appended to the name; empty for plain counts."""
    labels: tuple[str, ...] = ()
    """Label names, in the order in which values are given."""
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, in `unit`; empty for the client's defaults."""


class Metrics:
    """The live metrics of one service, on a registry of their own."""

    def __init__(self, specs: Iterable[MetricSpec]) -> None:
        """Register each of `specs`; two of the same name raise ValueError."""
        self.registry = CollectorRegistry()
        self._live: dict[MetricSpec, Counter | Gauge | Histogram] = {
            spec: self._register(spec) for spec in specs
        }

    def _register(self, spec: MetricSpec) -> Counter | Gauge | Histogram:
        if spec.kind is MetricKind.COUNTER:
            return Counter(
                spec.name, spec.help, spec.labels, unit=spec.unit, registry=self.registry
            )
        if spec.kind is MetricKind.GAUGE:
            return Gauge(spec.name, spec.help, spec.labels, unit=spec.unit, registry=self.registry)
        buckets = spec.buckets or Histogram.DEFAULT_BUCKETS
        return Histogram(
            spec.name,
            spec.help,
            spec.labels,
            unit=spec.unit,
            buckets=buckets,
            registry=self.registry,
        )

    def inc(self, spec: MetricSpec, amount: float = 1, **labels: str) -> None:
        """Add `amount` to a counter or gauge; TypeError for a histogram."""
        metric = self._with_labels(spec, labels)
        if isinstance(metric, Histogram):
            msg = f"{spec.name} is a histogram: observe it"
            raise TypeError(msg)
        metric.inc(amount)

    def set(self, spec: MetricSpec, value: float, **labels: str) -> None:
        """Set a gauge to `value`; TypeError for any other kind."""
        metric = self._with_labels(spec, labels)
        if not isinstance(metric, Gauge):
            msg = f"{spec.name} is no gauge"
            raise TypeError(msg)
        metric.set(value)

    def observe(self, spec: MetricSpec, value: float, **labels: str) -> None:
        """Count `value` in a histogram; TypeError for any other kind."""
        metric = self._with_labels(spec, labels)
        if not isinstance(metric, Histogram):
            msg = f"{spec.name} is no histogram"
            raise TypeError(msg)
        metric.observe(value)

    def render(self) -> bytes:
        """Return the text exposition of all metrics."""
        return generate_latest(self.registry)

    def _with_labels(self, spec: MetricSpec, labels: dict[str, str]) -> Counter | Gauge | Histogram:
        metric = self._live[spec]
        return metric.labels(**labels) if spec.labels else metric
