"""Ranges that share a cache on disk: each piece is fetched once, and nothing on it is trusted."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from coprove.primitives import keccak256
from coprove.rpc.encoding import encode_header
from coprove.witness import ChainCache
from tests.integration.test_witness_equal import collected
from tests.replay import Faults, ReplayChain
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from pathlib import Path

L1_METHODS = ("debug_getRawBlock", "debug_getRawReceipts", "sidecars")


@pytest.fixture(scope="module")
def calldata() -> ReplayChain:
    return ReplayChain(recording_dir("calldata"))


@pytest.fixture(scope="module")
def blobs() -> ReplayChain:
    return ReplayChain(recording_dir("blobs"))


def finalized(chain: ReplayChain, l1: int, l2: int) -> Faults:
    """A rollup node whose finalised heads are these."""

    def tamper(name: str, _: list[Any], result: Any) -> Any:
        if name != "optimism_syncStatus":
            return result
        block = chain.l1[l1]["block"]
        l1_ref = {
            "hash": block["hash"],
            "number": l1,
            "parentHash": block["parentHash"],
            "timestamp": int(block["timestamp"], 16),
        }
        l2_ref = chain.l2[l2]["output"]["blockRef"]
        return {**result, "finalized_l1": l1_ref, "finalized_l2": l2_ref}

    return Faults(tamper=tamper)


async def test_a_range_collected_again_fetches_no_block_of_its_own(
    blobs: ReplayChain, tmp_path: Path
) -> None:
    """Blocks, receipts and blobs come from the disk; the bytes are the same."""
    cache, faults = ChainCache(tmp_path), finalized(blobs, 60, 110)
    plain, _ = await collected(blobs, (40, 60), faults)
    first, (server,) = await collected(blobs, (40, 60), faults, cache=cache)
    assert server.calls["debug_getRawBlock"] > 20
    again, (server,) = await collected(blobs, (40, 60), faults, cache=ChainCache(tmp_path))
    assert first == again == plain
    # One block before the range, which a span batch overlaps, is asked for by its number.
    assert server.calls["debug_getRawBlock"] <= 1
    assert not server.calls["debug_getRawReceipts"]
    assert not server.calls["sidecars"]


async def test_ranges_at_the_same_time_fetch_what_they_share_once(
    blobs: ReplayChain, tmp_path: Path
) -> None:
    """Four ranges over the same L1 blocks: no block, receipt or blob of L1 comes twice."""
    faults = finalized(blobs, 60, 110)
    asked: Counter[str] = Counter()
    raw_block = blobs.methods["l1"]["debug_getRawBlock"]
    l1_blocks = {raw_block([hex(number)]) for number in range(len(blobs.l1))}

    def count(name: str, params: list[Any], result: Any) -> Any:
        assert faults.tamper is not None
        if name in L1_METHODS and (name != "debug_getRawBlock" or result in l1_blocks):
            asked[f"{name} {params or result[0]['kzg_commitment']}"] += 1
        return faults.tamper(name, params, result)

    server = Faults(tamper=count, latency=0.002)
    ranges = [(40, 50), (45, 55), (40, 55), (50, 58)]
    found = await asyncio.gather(
        *(collected(blobs, blocks, server, cache=ChainCache(tmp_path)) for blocks in ranges)
    )
    assert {name.split()[0] for name in asked} == set(L1_METHODS)
    assert set(asked.values()) == {1}
    for blocks, (data, _) in zip(ranges, found, strict=True):
        assert data == (await collected(blobs, blocks, faults))[0]


async def test_young_blocks_are_found_by_their_hash(blobs: ReplayChain, tmp_path: Path) -> None:
    """Above the finalised head the node says which block has a number, the disk has the block."""
    cache, faults = ChainCache(tmp_path), finalized(blobs, 0, 0)
    first, _ = await collected(blobs, (40, 60), faults, cache=cache)
    again, (server,) = await collected(blobs, (40, 60), faults, cache=cache)
    assert first == again
    assert server.calls["debug_getRawBlock"] <= 1
    assert not server.calls["debug_getRawReceipts"]
    numbered = {path.name for path in (tmp_path / "number").rglob("*") if path.is_file()}
    assert numbered <= {f"{chain_id}-0" for chain_id in blobs.chain_ids.values()}


async def test_a_reorg_above_the_finalised_head_is_followed(
    calldata: ReplayChain, tmp_path: Path
) -> None:
    """A number that the disk has seen another block under is asked for anew."""
    cache, honest = ChainCache(tmp_path), finalized(calldata, 5, 5)
    other = {**calldata.l1[20]["block"], "extraData": "0x00ff"}
    other["hash"] = "0x" + keccak256(encode_header(other)).hex()

    def forked(name: str, params: list[Any], result: Any) -> Any:
        assert honest.tamper is not None
        if name == "eth_getBlockByNumber" and result["hash"] == calldata.l1[20]["hash"]:
            return other
        return honest.tamper(name, params, result)

    expected, _ = await collected(calldata, (40, 50), honest)
    # The fork is not what the head leads to: its block is replaced by hash, and does no harm.
    found, _ = await collected(calldata, (40, 50), Faults(tamper=forked), cache=cache)
    assert found == expected
    again, _ = await collected(calldata, (40, 50), honest, cache=cache)
    assert again == expected


@pytest.mark.parametrize("kind", ["block", "header", "receipts", "blob", "number"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
async def test_a_damaged_disk_changes_no_byte(
    blobs: ReplayChain, tmp_path: Path, kind: str, damage: str
) -> None:
    """Every entry of a kind is damaged: it is fetched again, and the range is the same."""
    faults = finalized(blobs, 60, 110)
    expected, _ = await collected(blobs, (40, 50), faults, cache=ChainCache(tmp_path))
    entries = [path for path in (tmp_path / kind).rglob("*") if path.is_file()]
    assert entries
    for path in entries:
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(
            {
                "flip": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
                "cut": content[:middle],
                "empty": b"",
            }[damage]
        )
    found, _ = await collected(blobs, (40, 50), faults, cache=ChainCache(tmp_path))
    assert found == expected
