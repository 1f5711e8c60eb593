"""Lying servers: each altered answer is a typed error or harmless, never another claim."""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, Any

import pytest

from coprove.errors import CoproveError
from coprove.primitives import keccak256, rlp
from coprove.program import run_range
from coprove.rpc import WrongDataError
from coprove.rpc.encoding import encode_header
from coprove.witness import ChainReorgError, ExecutionMismatchError, Recording
from tests.integration.live import live_witness
from tests.replay import Faults, ReplayChain
from tests.replay.alter import alter
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import Callable

RANGE = (40, 44)
METHODS = [
    "debug_getRawBlock",
    "debug_getRawReceipts",
    "eth_getBlockByNumber",
    "eth_getBlockByHash",
    "eth_getBlockReceipts",
    "eth_getTransactionByBlockNumberAndIndex",
    "eth_getProof",
    "debug_executionWitness",
    "optimism_outputAtBlock",
    "optimism_syncStatus",
    "optimism_safeHeadAtL1Block",
    "optimism_rollupConfig",
    "sidecars",
    "blobs",
    "genesis",
    "spec",
]
FALLBACKS = {
    "eth_getBlockReceipts": frozenset({"debug_getRawReceipts"}),
    "eth_getBlockByHash": frozenset({"debug_getRawBlock"}),
    "blobs": frozenset({"sidecars"}),
}


@pytest.fixture(scope="module")
def blobs() -> ReplayChain:
    return ReplayChain(recording_dir("blobs"))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("method", METHODS)
async def test_an_altered_answer_never_gives_another_claim(
    blobs: ReplayChain, method: str, seed: int
) -> None:
    """Either a typed error, or an input from which the program draws the true claim.

    The rollup config and the node's heads are the user's own word: there a changed L1 head or
    config hash shows in the claim, so only the output root is compared.
    """
    rng = random.Random(f"{method} {seed}")
    once = rng.randrange(3) if method != "spec" else 0
    seen = 0

    def tamper(name: str, _: list[Any], result: Any) -> Any:
        nonlocal seen
        if name != method:
            return result
        seen += 1
        return alter(copy.deepcopy(result), rng) if seen > once else result

    faults = Faults(tamper=tamper, missing=FALLBACKS.get(method, frozenset()))
    try:
        async with live_witness(blobs, faults) as (witness, _):
            given = await witness.range_input(*RANGE)
        claim = run_range(given.encode())
    except CoproveError:
        return
    assert claim.l2_post_root.hex0x == blobs.l2[RANGE[1]]["output"]["outputRoot"]
    assert claim.l2_pre_root.hex0x == blobs.l2[RANGE[0]]["output"]["outputRoot"]


def _on(method: str, change: Callable[[list[Any], Any], Any]) -> Faults:
    return Faults(
        tamper=lambda name, params, result: (
            change(params, copy.deepcopy(result)) if name == method else result
        )
    )


async def test_the_agreed_output_is_that_of_the_block_asked_for(blobs: ReplayChain) -> None:
    """An output does not hold its block's number: that of another block under the number asked
    for would give a proof of another range."""

    def older(params: list[Any], result: Any) -> Any:
        if int(params[0], 16) != RANGE[0]:
            return result
        other = copy.deepcopy(blobs.l2[RANGE[0] - 1]["output"])
        other["blockRef"]["number"] = RANGE[0]
        return other

    async with live_witness(blobs, _on("optimism_outputAtBlock", older)) as (witness, _):
        with pytest.raises(WrongDataError, match="number 40"):
            await witness.range_input(*RANGE)


async def test_state_nodes_that_the_server_forges_are_fetched_anew(blobs: ReplayChain) -> None:
    """A forged node has another hash: it is never found, and its place is filled by a proof."""

    def forge(_: list[Any], witness: Any) -> Any:
        witness["state"] = [node[:-1] + "0" for node in witness["state"]]
        return witness

    async with live_witness(blobs, _on("debug_executionWitness", forge)) as (witness, server):
        given = await witness.range_input(*RANGE)
    assert server.calls["eth_getProof"] > 6
    claim = run_range(given.encode())
    assert claim.l2_post_root.hex0x == blobs.l2[RANGE[1]]["output"]["outputRoot"]


def _root(output: dict[str, Any]) -> str:
    texts = (output["stateRoot"], output["withdrawalStorageRoot"], output["blockRef"]["hash"])
    return "0x" + keccak256(bytes(32) + b"".join(bytes.fromhex(t[2:]) for t in texts)).hex()


async def test_an_output_that_execution_does_not_give_is_refused(blobs: ReplayChain) -> None:
    """A claim that hashes well but is not the chain's is found by executing."""

    def forge(params: list[Any], output: Any) -> Any:
        if params[0] == hex(RANGE[1]):
            output["withdrawalStorageRoot"] = "0x" + "11" * 32
            output["outputRoot"] = _root(output)
        return output

    async with live_witness(blobs, _on("optimism_outputAtBlock", forge)) as (witness, _):
        with pytest.raises(ExecutionMismatchError):
            await witness.range_input(*RANGE)


def _uncle(block: str) -> str:
    """Return the block with other extraData: well formed, of the same number, of another hash."""
    items = rlp.decode_list(bytes.fromhex(block[2:]))
    header = rlp.expect_list(items[0], "header")
    header[12] = b"another chain"
    return "0x" + rlp.encode(items).hex()


async def test_a_block_of_another_chain_is_asked_for_again_by_its_hash(blobs: ReplayChain) -> None:
    """What a number gives must lead to the hash that is known; a hash proves itself."""

    def other(params: list[Any], block: Any) -> Any:
        return _uncle(block) if params[0] == hex(20) else block

    asked: list[Any] = []

    def tamper(name: str, params: list[Any], result: Any) -> Any:
        asked.append(params[0] if params else None)
        return other(params, result) if name == "debug_getRawBlock" else result

    async with live_witness(blobs, Faults(tamper=tamper)) as (witness, _):
        given = await witness.range_input(*RANGE)
    assert blobs.l1[20]["hash"] in asked
    assert run_range(given.encode()).l2_block_number == RANGE[1]


@pytest.mark.parametrize("times", [1, 100])
async def test_a_reorg_while_collecting_begins_again(blobs: ReplayChain, times: int) -> None:
    """An L1 head that is gone when its block is read resets the collection, a few times at most."""
    head = Recording(recording_dir("blobs")).l1_head_for(RANGE[1])
    served = 0

    def reorg(_: list[Any], block: Any) -> Any:
        nonlocal served
        if block["hash"] != blobs.l1[head]["hash"]:
            return block
        served += 1
        if served > times:
            return block
        other = {**block, "extraData": "0x" + b"another chain".hex()}
        return {**other, "hash": "0x" + keccak256(encode_header(other)).hex()}

    async with live_witness(blobs, _on("eth_getBlockByNumber", reorg)) as (witness, _):
        if times > 1:
            with pytest.raises(ChainReorgError):
                await witness.range_input(*RANGE)
            assert served == 4
            return
        given = await witness.range_input(*RANGE)
    assert run_range(given.encode()).l2_block_number == RANGE[1]


async def test_an_l2_chain_that_moved_is_a_reset(blobs: ReplayChain) -> None:
    """Blocks that do not lead to the claimed block's hash are another chain's by now."""

    def forge(params: list[Any], output: Any) -> Any:
        if params[0] == hex(RANGE[1]):
            output["blockRef"]["hash"] = "0x" + "22" * 32
            output["outputRoot"] = _root(output)
        return output

    async with live_witness(blobs, _on("optimism_outputAtBlock", forge)) as (witness, _):
        with pytest.raises(ChainReorgError):
            await witness.range_input(*RANGE)
