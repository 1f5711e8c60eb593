"""State from servers that offer less than debug_executionWitness, and how much is held of it."""

from __future__ import annotations

import pytest

from coprove.program import run_range
from coprove.program.wire import unpack_list
from coprove.witness import LiveOptions, Progress, WitnessIncompleteError
from tests.integration.live import live_witness
from tests.replay import Faults, ReplayChain, ReplayServer
from tests.vectors import recording_dir

WITNESS = "debug_executionWitness"
TRACE = "debug_traceBlockByHash"
LISTS = "eth_createAccessList"
DATABASE = "debug_dbGet"
RANGE = (40, 48)


@pytest.fixture(scope="module")
def calldata() -> ReplayChain:
    return ReplayChain(recording_dir("calldata"))


@pytest.mark.parametrize(
    ("missing", "used", "trips"),
    [
        ([], WITNESS, 30),
        ([WITNESS], TRACE, 35),
        ([WITNESS, TRACE], LISTS, 45),
        ([WITNESS, TRACE, LISTS], "eth_getProof", 150),
        ([WITNESS, DATABASE], TRACE, 35),
    ],
    ids=["witness", "trace", "access lists", "proofs", "no database"],
)
async def test_the_best_that_a_server_offers_is_used(
    calldata: ReplayChain, missing: list[str], used: str, trips: int
) -> None:
    """The claim is the same each time, and so are the nodes; the fewer methods, the more trips."""
    async with live_witness(calldata, Faults(missing=frozenset(missing))) as (witness, server):
        given = await witness.range_input(*RANGE)
    assert server.calls[used]
    assert server.http_requests <= trips
    claim = run_range(given.encode())
    assert claim.l2_post_root.hex0x == calldata.l2[RANGE[1]]["output"]["outputRoot"]
    async with live_witness(calldata) as (witness, _):
        best = await witness.range_input(*RANGE)
    assert set(unpack_list(given.nodes, "nodes")) == set(unpack_list(best.nodes, "nodes"))


@pytest.mark.parametrize("method", [TRACE, LISTS])
@pytest.mark.parametrize("nonsense", [None, 7, [], [{"result": 5}], {"accessList": [{}]}])
async def test_hints_that_are_nonsense_cost_trips_only(
    calldata: ReplayChain, method: str, nonsense: object
) -> None:
    """What a trace or access list tells is never needed."""
    hidden = {WITNESS} if method == TRACE else {WITNESS, TRACE}
    faults = Faults(
        missing=frozenset(hidden),
        tamper=lambda name, _, result: nonsense if name == method else result,
    )
    async with live_witness(calldata, faults) as (witness, server):
        given = await witness.range_input(40, 42)
    assert server.calls[method]
    claim = run_range(given.encode())
    assert claim.l2_post_root.hex0x == calldata.l2[42]["output"]["outputRoot"]


async def test_state_that_nobody_proves_is_a_typed_error(calldata: ReplayChain) -> None:
    """Proofs that leave out what execution needs, and no database to look into."""

    def poorer(name: str, params: list[object], result: object) -> object:
        if name == "eth_getProof" and isinstance(result, dict) and params[1]:
            return {**result, "storageProof": []}
        return result

    faults = Faults(missing=frozenset({WITNESS, TRACE, LISTS, DATABASE}), tamper=poorer)
    async with live_witness(calldata, faults) as (witness, _):
        with pytest.raises(Exception, match="proof of") as caught:
            await witness.range_input(40, 42)
    assert type(caught.value).__module__.startswith("coprove.")
    assert not isinstance(caught.value, WitnessIncompleteError) or "proof" in str(caught.value)


async def test_witnesses_are_fetched_a_few_chunks_ahead_only(calldata: ReplayChain) -> None:
    """Memory holds the witnesses of 64 blocks at most, and a chunk that is being executed."""
    running: list[ReplayServer] = []
    furthest = 0

    def note(progress: Progress) -> None:
        nonlocal furthest
        if progress.stage == "execution":
            furthest = max(furthest, running[0].calls[WITNESS] - progress.done)

    options = LiveOptions(l1_config=calldata.l1_config)
    async with live_witness(calldata, options=options, progress=note) as (witness, server):
        running.append(server)
        await witness.range_input(0, 118)
    assert server.calls[WITNESS] == 118
    assert 0 < furthest <= 80
