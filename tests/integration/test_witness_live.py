"""Ranges collected from live servers run to the recorded output root."""

from __future__ import annotations

import pytest

from coprove.errors import InputError
from coprove.program import RangeInput, run_range
from coprove.program.wire import unpack_list
from coprove.witness import (
    LiveEndpoints,
    LiveOptions,
    Progress,
    RangeNotSafeError,
    Recording,
    collect_range_input,
)
from tests.integration.live import live_witness
from tests.replay import Faults, ReplayChain, ReplayServer
from tests.vectors import recording_dir

RAW = frozenset({"debug_getRawBlock", "debug_getRawReceipts"})
BARE = RAW | {"eth_getBlockReceipts", "optimism_safeHeadAtL1Block", "debug_dbGet"}


@pytest.fixture(scope="module")
def calldata() -> ReplayChain:
    return ReplayChain(recording_dir("calldata"))


@pytest.fixture(scope="module")
def blobs() -> ReplayChain:
    return ReplayChain(recording_dir("blobs"))


def check(chain: ReplayChain, given: RangeInput, to_block: int) -> None:
    """The program must come to the recorded root."""
    claim = run_range(given.encode())
    assert claim.l2_post_root.hex0x == chain.l2[to_block]["output"]["outputRoot"]
    assert claim.l2_block_number == to_block


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (0, 118), (15, 17), (33, 36), (50, 57), (53, 56), (100, 118)]
)
async def test_calldata_ranges(calldata: ReplayChain, start: int, end: int) -> None:
    """From genesis, from the middle, over each fork boundary."""
    async with live_witness(calldata) as (witness, _):
        given = await witness.range_input(start, end)
    check(calldata, given, end)


@pytest.mark.parametrize(("start", "end"), [(0, 118), (40, 60)])
@pytest.mark.parametrize("missing", ["", "sidecars"])
async def test_blob_ranges(blobs: ReplayChain, start: int, end: int, missing: str) -> None:
    """With blobs from either endpoint of the beacon node."""
    async with live_witness(blobs, Faults(missing=frozenset({missing}))) as (witness, _):
        given = await witness.range_input(start, end)
    assert given.blobs
    check(blobs, given, end)


async def test_a_server_without_debug_methods_or_safe_heads(calldata: ReplayChain) -> None:
    """Encodings rebuilt from JSON, the L1 head from the buffer."""
    async with live_witness(calldata, Faults(missing=BARE)) as (witness, server):
        given = await witness.range_input(60, 80)
    assert server.calls["eth_getTransactionReceipt"]
    check(calldata, given, 80)


async def test_slow_limited_and_failing_servers(calldata: ReplayChain) -> None:
    """Latency, 429 and 503 cost time, nothing else."""
    faults = Faults(latency=0.003, fault_rate=0.1, calls_per_second=300)
    async with live_witness(calldata, faults) as (witness, server):
        given = await witness.range_input(50, 57)
    assert server.calls["503"] or server.calls["429"]
    check(calldata, given, 57)


async def test_a_range_from_urls(calldata: ReplayChain) -> None:
    """One call connects, collects and disconnects; URLs do not show."""
    async with ReplayServer(calldata) as server:
        endpoints = LiveEndpoints(
            l1=server.url("l1"),
            l2=server.url("l2"),
            node=server.url("node"),
            beacon=server.url("beacon"),
        )
        options = LiveOptions(l1_config=calldata.l1_config)
        given = await collect_range_input(endpoints, 20, 21, options=options)
    assert "http" not in repr(endpoints)
    check(calldata, given, 21)


async def test_live_and_recorded_inputs_agree(calldata: ReplayChain) -> None:
    """What is collected live is what the recording holds, pre-state nodes alone."""
    recorded = Recording(recording_dir("calldata")).range_input(0, 118)
    async with live_witness(calldata) as (witness, _):
        given = await witness.range_input(0, 118)
    for name in ("l1_head", "agreed_output", "claimed_output_root", "l2_blocks", "l1_blocks"):
        assert getattr(given, name) == getattr(recorded, name)
    assert set(unpack_list(given.nodes, "nodes")) == set(unpack_list(recorded.nodes, "nodes"))


async def test_progress_counts_every_stage_to_its_end(calldata: ReplayChain) -> None:
    """Each stage ends with done equal to total."""
    last: dict[str, Progress] = {}

    def note(progress: Progress) -> None:
        assert 0 < progress.done <= progress.total
        last[progress.stage] = progress

    async with live_witness(calldata, progress=note) as (witness, _):
        await witness.range_input(50, 57)
    assert set(last) == {"L1 blocks", "L2 blocks", "execution"}
    assert all(progress.done == progress.total for progress in last.values())


async def test_the_witness_is_completed_by_few_proofs(calldata: ReplayChain) -> None:
    """The trie is kept from block to block, so missing paths are fetched once."""
    async with live_witness(calldata) as (witness, server):
        await witness.range_input(0, 118)
    assert server.calls["eth_getProof"] <= 20


async def test_more_l1_is_read_when_the_buffer_is_too_small(calldata: ReplayChain) -> None:
    """Without a safe-head database the guess is corrected by deriving the range."""
    faults = Faults(missing=frozenset({"optimism_safeHeadAtL1Block"}))
    options = LiveOptions(l1_config=calldata.l1_config, l1_buffer=0)
    async with live_witness(calldata, faults, options=options) as (witness, _):
        given = await witness.range_input(50, 57)
        with pytest.raises(RangeNotSafeError, match="derives L2 blocks to"):
            await witness.range_input(50, 57, l1_head=30)
    check(calldata, given, 57)


async def test_an_unsafe_block_is_not_collected(calldata: ReplayChain) -> None:
    """Waiting, not an error of the input."""
    faults = Faults(
        tamper=lambda name, _, result: (
            {**result, "safe_l2": calldata.l2[20]["output"]["blockRef"]}
            if name == "optimism_syncStatus"
            else result
        )
    )
    async with live_witness(calldata, faults) as (witness, _):
        with pytest.raises(RangeNotSafeError):
            await witness.range_input(10, 21)


async def test_what_the_caller_must_give_is_asked_for(
    calldata: ReplayChain, blobs: ReplayChain
) -> None:
    """An L1 config for an unknown L1, a beacon node for blobs, a range that is one."""
    async with live_witness(calldata, options=LiveOptions()) as (witness, _):
        with pytest.raises(InputError, match="L1 chain config"):
            await witness.range_input(1, 2)
    async with live_witness(blobs, beacon=False) as (witness, _):
        with pytest.raises(InputError, match="beacon"):
            await witness.range_input(40, 50)
        with pytest.raises(InputError, match="range"):
            await witness.range_input(5, 5)
