"""EigenLayer's node API tells how the operator is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from coprove.avs.operator import metrics as names
from coprove.avs.operator.health import SERVICES, HealthBoard, NodeHealth, ServiceStatus
from coprove.avs.operator.metrics import families_json, operator_metrics
from coprove.avs.operator.node_api import NodeApi

ALL = [service.id for service in SERVICES]


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_health_is_not_always_healthy() -> None:
    """It starts partially healthy, is healthy with everything up, unhealthy without a prover."""
    board = HealthBoard()
    assert board.health.status == 206
    for service in ALL:
        board.up(service)
    assert (board.health.status, board.score) == (200, 100.0)
    board.down("aggregator", "away")
    assert board.health.status == 206
    board.up("aggregator")
    board.down("prover", "away")
    assert board.health.status == 503
    assert board.score < 100
    assert board.why("prover") == "away"


def test_no_task_yet_is_healthy() -> None:
    """Nothing to sign is nothing wrong; a task that failed is."""
    board = HealthBoard()
    for service in set(ALL) - {"tasks"}:
        board.up(service)
    assert board.health.status == 200
    board.down("tasks", "refused")
    assert board.health.status == 206


def test_a_good_look_counts_for_a_while() -> None:
    """A loop that hangs makes its service go down by itself."""
    clock = Clock()
    board = HealthBoard(now=clock)
    for service in ALL:
        board.up(service)
    clock.now = 121.0
    assert board.status("attestation") is ServiceStatus.DOWN
    assert "121 s" in board.why("attestation")
    assert board.health is NodeHealth.UNHEALTHY


async def get(url: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        is_json = answer.content_type == "application/json"
        return answer.status, await answer.json() if is_json else await answer.text()


async def test_its_routes_are_eigenlayers() -> None:
    """200, 206 and 503 as the specification has them; 404 for a service that there is not."""
    board, metrics = HealthBoard(), operator_metrics()
    async with NodeApi(board, metrics, port=0) as api:
        status, node = await get(f"{api.url}/eigen/node")
        assert status == 200
        assert set(node) == {"node_name", "spec_version", "node_version"}
        assert (await get(f"{api.url}/eigen/node/health"))[0] == 206
        for service in ALL:
            board.up(service)
        assert (await get(f"{api.url}/eigen/node/health"))[0] == 200
        board.down("attestation", "not live")
        assert (await get(f"{api.url}/eigen/node/health"))[0] == 503
        status, listed = await get(f"{api.url}/eigen/node/services")
        assert status == 200
        assert {item["id"]: item["status"] for item in listed["services"]} == {
            **dict.fromkeys(ALL, "Up"),
            "attestation": "Down",
        }
        services = f"{api.url}/eigen/node/services"
        assert (await get(f"{services}/attestation/health"))[0] == 503
        assert (await get(f"{services}/prover/health"))[0] == 200
        assert (await get(f"{services}/nothing/health"))[0] == 404


async def test_metrics_have_the_names_and_labels_that_operators_know() -> None:
    """Those of the AVS, without a suffix, and EigenLayer's."""
    metrics = operator_metrics()
    metrics.inc(names.FETCHED, 1, avs_name="avs", type="opstack", with_context="false")
    metrics.set(names.LIVENESS_TIME, 5, avs_name="avs")
    metrics.inc(names.RPC_REQUESTS, 1, avs_name="avs", method="eth_call", client_version="x")
    metrics.inc(names.FEES_EARNED, 3, avs_name="avs", token="T")  # noqa: S106 - a coin
    metrics.set(names.REGISTERED_STAKES, 7, avs_name="avs", quorum_number="0", quorum_name="q")
    async with NodeApi(HealthBoard(), metrics, port=0) as api:
        _, text = await get(f"{api.url}/metrics")
    found = {
        sample.name: sample.labels
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["avs_operator_fetch_task_counter"] == {
        "avs_name": "avs",
        "type": "opstack",
        "with_context": "false",
    }
    assert found["avs_operator_liveness_ts_gauge"] == {"avs_name": "avs"}
    assert "eigen_rpc_request_total" in found
    assert "eigen_fees_earned_total" in found
    assert found["eigen_registered_stakes"]["quorum_number"] == "0"


def test_what_is_pushed_is_a_family_as_go_writes_it() -> None:
    """Name, help, type, labels and values; counters under their whole name, no infinity."""
    metrics = operator_metrics()
    metrics.inc(names.REFUSED, 2, reason="Late")
    metrics.set(names.POE_MS, 12.5, avs_name="avs", type="opstack")
    metrics.set(names.REPORT_MS, float("inf"), avs_name="avs")
    found = families_json(metrics.registry)
    refusals = [item for item in found if item["name"] == "coprove_operator_refused_tasks_total"]
    assert refusals[0]["metric"] == [
        {"label": [{"name": "reason", "value": "Late"}], "counter": {"value": 2}}
    ]
    assert [item for item in found if item["name"].startswith("avs_")] == [
        {
            "name": "avs_operator_gen_poe_ms_gauge",
            "help": names.POE_MS.help,
            "type": 1,
            "metric": [
                {
                    "label": [
                        {"name": "avs_name", "value": "avs"},
                        {"name": "type", "value": "opstack"},
                    ],
                    "gauge": {"value": 12.5},
                }
            ],
        }
    ]


@pytest.mark.parametrize("spec", [spec for spec in names.ALL if "avs_operator" in spec.name])
def test_every_series_of_the_avs_has_its_name_label(spec: Any) -> None:
    """`avs_name` comes first."""
    assert spec.labels[0] == "avs_name"
