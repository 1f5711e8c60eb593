"""Metrics that operators push: shown as they were, bounded, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from coprove.avs.aggregator.server.pushed import PushedMetrics
from coprove.errors import InputError


class Clock:
    """A time that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def made(**limits: Any) -> tuple[PushedMetrics, CollectorRegistry, Clock]:
    clock = Clock()
    pushed = PushedMetrics(**{"operators": 3, "samples": 20, "ttl": 60.0, "clock": clock, **limits})
    registry = CollectorRegistry()
    registry.register(pushed)
    return pushed, registry, clock


def gauge(name: str = "avs_operator_x", value: Any = 1, **labels: str) -> dict[str, Any]:
    pairs = [{"name": key, "value": text} for key, text in labels.items()]
    return {"name": name, "help": "Help.", "type": 1, "metric": [_of(pairs, "gauge", value)]}


def _of(pairs: list[dict[str, str]], kind: str, value: Any) -> dict[str, Any]:
    return {"label": pairs, kind: {"value": value}}


def shown(registry: CollectorRegistry) -> list[str]:
    text = generate_latest(registry).decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_names_of_series_stay_as_go_has_them() -> None:
    """Counters with and without the usual suffix, histograms with their last bucket, summaries."""
    pushed, registry, _ = made()
    families = [
        {
            "name": "avs_operator_fetch_task_counter",
            "type": 0,
            "metric": [{"counter": {"value": 3}}],
        },
        {"name": "eigen_rpc_request_total", "type": 0, "metric": [{"counter": {"value": 5}}]},
        {
            "name": "eigen_rpc_request_duration_seconds",
            "type": 4,
            "metric": [
                {
                    "histogram": {
                        "sample_count": 4,
                        "sample_sum": 1.5,
                        "bucket": [{"cumulative_count": 3, "upper_bound": 0.5}],
                    }
                }
            ],
        },
        {
            "name": "avs_operator_s",
            "type": "SUMMARY",
            "metric": [
                {
                    "summary": {
                        "sample_count": 2,
                        "sample_sum": 3,
                        "quantile": [{"quantile": 0.5, "value": 1}],
                    }
                }
            ],
        },
    ]
    assert pushed.take("a", "0xaa", families) == 9
    name = 'operator="0xaa"'
    assert set(shown(registry)) == {
        f"avs_operator_fetch_task_counter{{{name}}} 3.0",
        f"eigen_rpc_request_total{{{name}}} 5.0",
        f'eigen_rpc_request_duration_seconds_bucket{{le="0.5",{name}}} 3.0',
        f'eigen_rpc_request_duration_seconds_bucket{{le="+Inf",{name}}} 4.0',
        f"eigen_rpc_request_duration_seconds_count{{{name}}} 4.0",
        f"eigen_rpc_request_duration_seconds_sum{{{name}}} 1.5",
        f"avs_operator_s_count{{{name}}} 2.0",
        f"avs_operator_s_sum{{{name}}} 3.0",
        f'avs_operator_s{{{name},quantile="0.5"}} 1.0',
    }


def test_who_pushed_is_said_by_the_aggregator_alone() -> None:
    pushed, registry, _ = made()
    pushed.take("a", "0xaa", [gauge(operator="0xbb")])
    assert shown(registry) == ['avs_operator_x{exported_operator="0xbb",operator="0xaa"} 1.0']


def test_families_of_two_operators_stand_together_and_a_later_push_replaces() -> None:
    pushed, registry, _ = made()
    pushed.take("a", "0xaa", [gauge(value=1)])
    pushed.take("b", "0xbb", [gauge(value=2)])
    pushed.take("a", "0xaa", [gauge(value=3)])
    text = generate_latest(registry).decode()
    assert text.count("# TYPE") == 1
    assert len(shown(registry)) == 2
    assert 'avs_operator_x{operator="0xaa"} 3.0' in shown(registry)


def test_old_metrics_are_forgotten_and_make_room() -> None:
    pushed, registry, clock = made()
    for name in "abc":
        pushed.take(name, name, [gauge()])
    with pytest.raises(InputError):
        pushed.take("d", "d", [gauge()])
    clock.now += 61
    pushed.take("d", "d", [gauge()])
    assert shown(registry) == ['avs_operator_x{operator="d"} 1.0']


@pytest.mark.parametrize(
    "families",
    [
        "x",
        [1],
        [gauge("avs_aggregator_new_task_counter")],
        [gauge("coprove_avs_aggregator_up")],
        [gauge("up")],
        [gauge("avs_x\n")],
        [gauge(), gauge()],
        [{**gauge(), "type": 9}],
        [{**gauge(), "type": True}],
        [gauge(value="1")],
        [gauge(value=True)],
        [gauge(value=10**400)],
        [gauge(label="a\nb")],
        [gauge(label="x" * 300)],
        [{**gauge(), "metric": gauge()["metric"] * 2}],
        [
            {
                **gauge(),
                "metric": [
                    _of([{"name": "n", "value": str(place)}], "gauge", 1) for place in range(21)
                ],
            }
        ],
        [gauge(f"avs_operator_{place}") for place in range(21)],
    ],
)
def test_what_are_no_metrics_of_an_operator_is_refused(families: Any) -> None:
    """And changes nothing of what it pushed before."""
    pushed, registry, _ = made()
    pushed.take("a", "0xaa", [gauge("avs_operator_before")])
    with pytest.raises(InputError):
        pushed.take("a", "0xaa", families)
    assert shown(registry) == ['avs_operator_before{operator="0xaa"} 1.0']


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)


@given(
    families=st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from(["avs_a", "eigen_b_total"]), "type": st.integers(-1, 5)},
            optional={
                "help": json_values,
                "metric": st.lists(
                    st.fixed_dictionaries(
                        {},
                        optional={
                            "label": json_values,
                            "gauge": json_values,
                            "counter": json_values,
                            "histogram": st.fixed_dictionaries(
                                {}, optional={"bucket": json_values, "sample_count": json_values}
                            ),
                        },
                    ),
                    max_size=3,
                ),
            },
        )
        | json_values,
        max_size=3,
    )
)
def test_whatever_is_pushed_the_exposition_can_be_read(families: list[Any]) -> None:
    """It is taken or refused, and what is shown has a line for each sample."""
    pushed, registry, _ = made()
    try:
        count = pushed.take("a", "0xaa", families)
    except InputError:
        count = 0
    assert len(shown(registry)) == count
