"""What people and their dashboards get to see: alerts and metrics."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from coprove.proposer import metrics as m
from coprove.proposer.alerts import Alert, WebhookAlerts
from coprove.proposer.metrics import ProposerMetrics, specs
from coprove.storage import RequestStatus
from tests.unit.proposer.bench import UNFULFILLABLE, Clock, World

EARLY = {
    "info",
    "up",
    "num_proving",
    "num_witness_gen",
    "num_unrequested",
    "l2_finalized_block",
    "latest_contract_l2_block",
    "highest_proven_contiguous_l2_block",
    "min_block_to_prove_to_agg",
    "error_count",
    "prove_failures",
    "witness_gen_failures",
}
TODAY = {
    "current_unrequested_proofs",
    "current_proving_proofs",
    "current_witnessgen_proofs",
    "current_execute_proofs",
    "highest_proven_contiguous_block",
    "latest_contract_l2_block",
    "l2_unsafe_head_block",
    "l2_finalized_block",
    "min_block_to_prove_to_agg",
    "proof_request_retry_count",
    "total_error_count",
    "proof_request_timeout_error_count",
    "retry_error_count",
    "witnessgen_error_count",
    "execution_error_count",
    "range_proof_request_error_count",
    "agg_proof_request_error_count",
    "agg_proof_validation_error_count",
    "relay_agg_proof_error_count",
    "network_call_timeout_count",
}


class Hook:
    """A webhook that keeps what it was sent."""

    def __init__(self) -> None:
        """Answer 200 until told otherwise."""
        self.texts: list[str] = []
        self.status = 200
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.texts.append((await request.json())["text"])
        return web.Response(status=self.status, headers={"Location": "http://elsewhere.invalid"})


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    found, app = Hook(), web.Application()
    app.router.add_post("/services/secret-part", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/services/secret-part"
    yield found
    await runner.cleanup()


async def test_alerts_go_to_the_webhook_one_of_a_kind_at_a_time(hook: Hook) -> None:
    """The next one says how many were held back."""
    clock = Clock()
    async with WebhookAlerts(hook.url, source="me", interval=60, clock=clock) as alerts:
        for _ in range(3):
            alerts.send(Alert.ROOT_MISMATCH, "block 7")
        alerts.send(Alert.BUDGET_EXCEEDED, "spent")
        clock.now += 61
        alerts.send(Alert.ROOT_MISMATCH, "block 8")
    assert sorted(hook.texts) == [
        "[me] budget exceeded: spent",
        "[me] root mismatch: block 7",
        "[me] root mismatch: block 8 (2 more like it since the last)",
    ]


@pytest.mark.parametrize("status", [302, 500])
async def test_a_webhook_that_refuses_harms_nothing(hook: Hook, status: int) -> None:
    """Nor is a redirect followed."""
    hook.status = status
    async with WebhookAlerts(hook.url, source="me") as alerts:
        alerts.send(Alert.LEADERSHIP, "who leads")
    assert len(hook.texts) == 1


async def test_a_webhook_that_is_away_harms_nothing() -> None:
    """The alert is in the log all the same."""
    async with WebhookAlerts("http://127.0.0.1:9/x", source="me") as alerts:
        alerts.send(Alert.LEADERSHIP, "who leads")
    alerts.send(Alert.BUDGET_EXCEEDED, "after the end")
    for task in list(alerts._tasks):
        await task


def shown(metrics: ProposerMetrics) -> dict[str, float]:
    lines = metrics.live.render().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_every_name_of_op_succinct_is_there() -> None:
    """Of the Go proposer and of the validity proposer."""
    names = {spec.name for spec in specs()}
    assert {f"op_succinct_proposer_default_{name}" for name in EARLY} <= names
    assert {f"succinct_{name}" for name in TODAY} <= names
    assert len(names) == len(specs())


def test_a_value_shows_under_all_its_names() -> None:
    """Set once."""
    metrics = ProposerMetrics()
    metrics.started("1.2.3")
    metrics.set(m.PROVING, 4)
    metrics.count(m.PROOF_FAILED, "unfulfillable")
    metrics.count(m.RETRY)
    found = shown(metrics)
    assert found["coprove_proposer_requests_proving"] == 4
    assert found["op_succinct_proposer_default_num_proving"] == 4
    assert found["succinct_current_proving_proofs"] == 4
    assert found['op_succinct_proposer_default_info{version="1.2.3"}'] == 1
    reason = '{reason="unfulfillable"}'
    assert found[f"op_succinct_proposer_default_prove_failures{reason}"] == 1
    assert found['op_succinct_proposer_default_error_count{type="proof_failed"}'] == 1
    assert found["succinct_total_error_count"] == 1
    assert found["succinct_proof_request_retry_count"] == 1


async def test_a_tick_measures_what_it_sees(world: World) -> None:
    """Counts by state, heads, and how far the proofs reach."""
    proposer = await world.begin(max_concurrent_proof_requests=3)
    world.backend.answers = lambda _job: UNFULFILLABLE
    await proposer.ticks(2)
    world.backend.answers = lambda _job: UNFULFILLABLE
    counts = await world.store.counts()
    await proposer.tick(wait=False)
    found = shown(proposer.ctx.metrics)
    assert found["coprove_proposer_l2_finalized_block"] == 20
    assert found["succinct_min_block_to_prove_to_agg"] == 10
    assert found["coprove_proposer_latest_output_block"] == 0
    assert found["succinct_highest_proven_contiguous_block"] == 0
    proving = counts[RequestStatus.PROVING]
    assert found["succinct_current_proving_proofs"] == proving
    reason = '{reason="unfulfillable"}'
    assert found[f"op_succinct_proposer_default_prove_failures{reason}"] >= 1
