"""Operators' own metrics, as Go marshals them, shown again with the label `operator`."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from coprove.avs.tasks.fields import record
from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["PushedMetrics"]

_NAME: Final = re.compile(r"(?:avs_(?!aggregator)|eigen_|coprove_operator_)[a-zA-Z0-9_]{1,150}")
_LABEL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,60}")
_MOST_FAMILIES: Final = 500
_MOST_LABELS: Final = 16
_LONGEST_TEXT: Final = 256
_LABEL_OPERATOR: Final = "operator"
_TYPES: Final = {
    0: "counter",
    1: "gauge",
    2: "summary",
    3: "unknown",
    4: "histogram",
    "COUNTER": "counter",
    "GAUGE": "gauge",
    "SUMMARY": "summary",
    "UNTYPED": "unknown",
    "HISTOGRAM": "histogram",
}
_SIMPLE: Final = {"counter": "counter", "gauge": "gauge", "unknown": "untyped"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    name: str
    kind: str
    text: str
    samples: tuple[_Sample, ...]


class PushedMetrics(Collector):
    """What operators pushed last, bounded in operators, samples and time."""

    def __init__(
        self, *, operators: int, samples: int, ttl: float, clock: Callable[[], float]
    ) -> None:
        """Keep `samples` of each of so many operators for `ttl` seconds."""
        self._operators, self._samples, self._ttl, self._clock = operators, samples, ttl, clock
        self._kept: OrderedDict[str, tuple[float, str, tuple[_Family, ...]]] = OrderedDict()

    def take(self, operator: str, label: str, families: object) -> int:
        """Replace an operator's metrics; return how many samples there are.

        Shown under `label`. InputError for what are no metric families, for names that an
        operator has none of, and for too many.
        """
        read = tuple(self._read(families))
        count = sum(len(family.samples) for family in read)
        self._sweep()
        if operator not in self._kept and len(self._kept) >= self._operators:
            raise InputError("metrics", expected=f"{self._operators} operators", actual="one more")
        self._kept[operator] = (self._clock(), label, read)
        self._kept.move_to_end(operator)
        return count

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the names are not known before."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Give all families, those of one name together."""
        self._sweep()
        found: dict[str, Metric] = {}
        for _, label, families in self._kept.values():
            for family in families:
                kind, name = family.kind, family.name
                if kind == "counter":
                    # The exposition would add the suffix to names without it.
                    is_usual = name.endswith("_total")
                    kind, name = ("counter", name[:-6]) if is_usual else ("unknown", name)
                metric = found.setdefault(family.name, Metric(name, family.text, kind))
                if metric.type != kind:
                    continue
                for sample in family.samples:
                    labels = {**dict(sample.labels), _LABEL_OPERATOR: label}
                    metric.add_sample(sample.name, labels, sample.value)
        yield from found.values()

    def _sweep(self) -> None:
        oldest = self._clock() - self._ttl
        while self._kept:
            operator, (pushed_at, _, _) = next(iter(self._kept.items()))
            if pushed_at >= oldest:
                return
            del self._kept[operator]

    def _read(self, families: object) -> Iterator[_Family]:
        if families is None:
            return
        if not isinstance(families, list) or len(families) > _MOST_FAMILIES:
            raise InputError(
                "metrics", expected=f"at most {_MOST_FAMILIES} in a list", actual=type(families)
            )
        left, names = self._samples, set()
        for item in families:
            family = _family(record(item, "metric family"), left)
            if family.name in names:
                raise InputError("metrics", expected="each family once", actual=family.name)
            names.add(family.name)
            left -= len(family.samples)
            yield family


def _family(values: Mapping[str, object], left: int) -> _Family:
    name = values.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError("metric name", expected="avs_… or eigen_…", actual=str(name)[:200])
    given = values.get("type", 0)
    kind = _TYPES.get(given) if type(given) in (int, str) else None
    if kind is None:
        raise InputError(f"type of {name}", expected="0 to 4", actual=str(given)[:80])
    metrics = values.get("metric") or []
    if not isinstance(metrics, list) or len(metrics) > left:
        raise InputError(f"samples of {name}", expected=f"at most {left}", actual="others or more")
    samples: list[_Sample] = []
    for metric in metrics:
        samples += _samples(name, kind, record(metric, f"sample of {name}"))
        if len(samples) > left:
            raise InputError(f"samples of {name}", expected=f"at most {left}", actual="more")
    seen = {(sample.name, tuple(sorted(sample.labels))) for sample in samples}
    if len(seen) < len(samples):
        raise InputError(f"samples of {name}", expected="each series once", actual="one twice")
    text = values.get("help") or ""
    shown = text[:_LONGEST_TEXT] if isinstance(text, str) and text.isprintable() else ""
    return _Family(name=name, kind=kind, text=shown, samples=tuple(samples))


def _samples(name: str, kind: str, metric: Mapping[str, object]) -> list[_Sample]:
    labels = _labels(metric.get("label"))
    member = _SIMPLE.get(kind)
    if member is not None:
        value = _number(record(metric.get(member), f"{member} of {name}").get("value", 0), name)
        return [_Sample(name=name, labels=labels, value=value)]
    values = record(metric.get(kind), f"{kind} of {name}")
    count = _number(values.get("sample_count", 0), name)
    total = _number(values.get("sample_sum", 0), name)
    found = [
        _Sample(name=f"{name}_count", labels=labels, value=count),
        _Sample(name=f"{name}_sum", labels=labels, value=total),
    ]
    if kind == "summary":
        for item in _list(values.get("quantile"), name):
            place = (("quantile", _shown(item.get("quantile", 0), name)),)
            value = _number(item.get("value", 0), name)
            found.append(_Sample(name=name, labels=labels + place, value=value))
        return found
    for item in _list(values.get("bucket"), name):
        place = (("le", _shown(item.get("upper_bound", 0), name)),)
        value = _number(item.get("cumulative_count", 0), name)
        found.append(_Sample(name=f"{name}_bucket", labels=labels + place, value=value))
    # Go keeps the last bucket to itself, since JSON has no infinity.
    infinite = (("le", "+Inf"),)
    found.append(_Sample(name=f"{name}_bucket", labels=labels + infinite, value=count))
    return found


def _labels(value: object) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for item in _list(value, "labels"):
        name, text = item.get("name"), item.get("value", "")
        if not isinstance(name, str) or not _LABEL.fullmatch(name):
            raise InputError("label", expected="a name", actual=str(name)[:80])
        if not isinstance(text, str) or len(text) > _LONGEST_TEXT or not text.isprintable():
            raise InputError(
                f"label {name}", expected=f"at most {_LONGEST_TEXT} characters", actual="others"
            )
        # The pusher's own word for the label that says who pushed.
        shown = f"exported_{name}" if name in (_LABEL_OPERATOR, "le", "quantile") else name
        if shown in found:
            raise InputError("labels", expected="each once", actual=name)
        found[shown] = text
    if len(found) > _MOST_LABELS:
        raise InputError("labels", expected=f"at most {_MOST_LABELS}", actual=len(found))
    return tuple(found.items())


def _list(value: object, what: str) -> list[Mapping[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InputError(what, expected="a list", actual=type(value).__name__)
    return [record(item, what) for item in value]


def _number(value: object, what: str) -> float:
    if type(value) not in (int, float):
        raise InputError(f"value of {what}", expected="a number", actual=type(value).__name__)
    try:
        found = float(value)  # type: ignore[arg-type]
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise InputError(f"value of {what}", expected="a finite number", actual="another")
    return found


def _shown(value: object, what: str) -> str:
    return f"{_number(value, what):g}"
