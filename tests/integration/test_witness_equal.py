"""Whatever goes wrong on the way, the same bytes come out."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack

import pytest

from coprove.program import run_range
from coprove.rpc import EndpointOptions, RetryPolicy
from coprove.witness import ChainCache, LiveEndpoints, LiveOptions, collect_range_input
from tests.replay import Faults, ReplayChain, ReplayServer
from tests.vectors import recording_dir

BARE = frozenset(
    {
        "debug_getRawBlock",
        "debug_getRawReceipts",
        "debug_executionWitness",
        "debug_traceBlockByHash",
        "eth_createAccessList",
        "optimism_safeHeadAtL1Block",
    }
)
OPTIONS = EndpointOptions(
    timeout=20.0, retry=RetryPolicy(attempts=12, base_delay=0.005, max_delay=0.3)
)


@pytest.fixture(scope="module")
def calldata() -> ReplayChain:
    return ReplayChain(recording_dir("calldata"))


@pytest.fixture(scope="module")
def blobs() -> ReplayChain:
    return ReplayChain(recording_dir("blobs"))


def endpoints(*servers: ReplayServer, quorum: int) -> LiveEndpoints:
    """All servers for each kind of node."""

    def urls(part: str) -> str:
        return ", ".join(server.url(part) for server in servers)

    return LiveEndpoints(
        l1=urls("l1"), l2=urls("l2"), node=urls("node"), beacon=urls("beacon"), quorum=quorum
    )


async def collected(
    chain: ReplayChain,
    blocks: tuple[int, int],
    *faults: Faults,
    quorum: int = 1,
    config: bytes | None = None,
    cache: ChainCache | None = None,
) -> tuple[bytes, list[ReplayServer]]:
    """The encoded RangeInput, from one server for each of `faults`."""
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(ReplayServer(chain, item)) for item in faults]
        given = await collect_range_input(
            endpoints(*servers, quorum=quorum),
            *blocks,
            options=LiveOptions(l1_config=chain.l1_config, rollup_config=config),
            endpoint_options=OPTIONS,
            cache=cache,
        )
    return given.encode(), servers


def faulty(seed: int, *missing: str) -> Faults:
    """5 % of the requests fail, 1 % of the results are wrong, and calls are limited."""
    return Faults(
        fault_rate=0.05,
        wrong_rate=0.01,
        calls_per_second=400,
        missing=frozenset(missing),
        seed=seed,
    )


@pytest.mark.parametrize("name", ["calldata", "blobs"])
@pytest.mark.parametrize("missing", ["", "debug_getRawBlock", "debug_executionWitness"])
async def test_faults_lies_and_limits_change_no_byte(
    request: pytest.FixtureRequest, name: str, missing: str
) -> None:
    """5 % failing, 1 % wrong, rate limits; three nodes of each kind, two of which must agree."""
    chain: ReplayChain = request.getfixturevalue(name)
    blocks = (30, 90) if missing != "debug_executionWitness" else (40, 50)
    expected, _ = await collected(chain, blocks, Faults(missing=frozenset({missing})))
    wrong = failed = limited = 0
    for seed in range(3):
        faults = [faulty(10 * seed + index, missing) for index in range(3)]
        found, servers = await collected(chain, blocks, *faults, quorum=2)
        assert found == expected
        wrong += sum(server.calls["wrong"] for server in servers)
        failed += sum(server.calls["503"] for server in servers)
        limited += sum(server.calls["429"] for server in servers)
    assert wrong
    assert failed + limited
    assert run_range(expected).l2_block_number == blocks[1]


@pytest.mark.parametrize("name", ["calldata", "blobs"])
async def test_one_node_of_each_kind_is_enough_for_what_hashes_prove(
    request: pytest.FixtureRequest, name: str
) -> None:
    """Faults and lies of a single node pass; the rollup config, which nothing proves, is given."""
    chain: ReplayChain = request.getfixturevalue(name)
    config = json.dumps(chain.sync_status["optimism_rollupConfig"]).encode()
    expected, _ = await collected(chain, (30, 70), Faults(), config=config)
    for seed in range(3):
        found, _ = await collected(chain, (30, 70), faulty(seed), config=config)
        assert found == expected


@pytest.mark.parametrize(
    "bad",
    [Faults(wrong_rate=1.0), Faults(fault_rate=1.0), Faults(batches=False), Faults(missing=BARE)],
    ids=["lying", "down", "no batches", "bare"],
)
async def test_a_first_node_that_is_bad_in_everything_changes_no_byte(
    calldata: ReplayChain, bad: Faults
) -> None:
    """Two others agree; what the first one says or lacks does not count."""
    expected, _ = await collected(calldata, (40, 60), Faults())
    found, servers = await collected(calldata, (40, 60), bad, Faults(), Faults(), quorum=2)
    assert found == expected
    assert all(server.http_requests for server in servers[:2])
