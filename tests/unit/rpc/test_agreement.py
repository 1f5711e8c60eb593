"""What no hash proves is believed when a quorum says it."""

from __future__ import annotations

from typing import Any

import pytest

from coprove.primitives import keccak256
from coprove.rpc import EndpointsDisagreeError, L1Client, RollupNodeClient
from coprove.rpc.encoding import encode_header
from coprove.types import Hash32, OutputRoot
from tests.unit.rpc.fake import FakeNode, transport_to


def header(number: int, fork: str = "") -> dict[str, Any]:
    """A header that hashes to its hash; `fork` makes another one of the same number."""
    fields: dict[str, Any] = {
        "parentHash": "0x" + "11" * 32,
        "sha3Uncles": "0x" + "22" * 32,
        "miner": "0x" + "33" * 20,
        "stateRoot": "0x" + "44" * 32,
        "transactionsRoot": "0x" + "55" * 32,
        "receiptsRoot": "0x" + "66" * 32,
        "logsBloom": "0x" + "00" * 256,
        "difficulty": "0x0",
        "number": hex(number),
        "gasLimit": "0x1",
        "gasUsed": "0x0",
        "timestamp": "0x1",
        "extraData": "0x" + fork.encode().hex(),
        "mixHash": "0x" + "77" * 32,
        "nonce": "0x" + "00" * 8,
    }
    return {**fields, "hash": "0x" + keccak256(encode_header(fields)).hex()}


def l1_node(head: int, fork: str = "", forked_at: int = 0) -> FakeNode:
    """A node whose chain has `head` blocks, those from `forked_at` on of another fork."""

    def block(name: str, _full: bool) -> Any:
        number = head if name == "finalized" else int(name, 16)
        if number > head:
            return None
        return header(number, fork if number >= forked_at else "")

    return FakeNode({"eth_getBlockByNumber": block, "eth_chainId": lambda: "0x1"})


def rollup_node(safe: int, fork: str = "", gas: int = 0) -> FakeNode:
    """A rollup node with that safe head."""

    def ref(number: int) -> dict[str, Any]:
        return {
            "hash": header(number, fork)["hash"],
            "number": number,
            "parentHash": "0x" + "11" * 32,
            "timestamp": number,
            "l1origin": {"hash": "0x" + "22" * 32, "number": 1},
            "sequenceNumber": 0,
        }

    def output(name: str) -> dict[str, Any]:
        block = ref(int(name, 16))
        parts = OutputRoot(
            state_root=Hash32(b"\x01" * 32),
            message_passer_storage_root=Hash32(b"\x02" * 32),
            block_hash=Hash32.from_hex(block["hash"]),
        )
        return {
            "version": "0x" + "00" * 32,
            "outputRoot": str(parts.hash()),
            "stateRoot": "0x" + "01" * 32,
            "withdrawalStorageRoot": "0x" + "02" * 32,
            "blockRef": block,
        }

    heads = ("current_l1", "head_l1", "safe_l1", "finalized_l1", "unsafe_l2", "safe_l2")
    status = {name: ref(safe) for name in heads} | {"finalized_l2": ref(max(0, safe - 5))}
    return FakeNode(
        {
            "optimism_syncStatus": lambda: status,
            "optimism_outputAtBlock": output,
            "optimism_rollupConfig": lambda: {"gas": gas},
        }
    )


async def test_the_lowest_head_that_all_have_is_taken() -> None:
    """Honest nodes differ by some blocks."""
    async with transport_to(l1_node(12), l1_node(10), quorum=2) as transport:
        assert (await L1Client(transport).header("finalized")).header.number == 10
    async with transport_to(rollup_node(8), rollup_node(9), quorum=2) as transport:
        assert (await RollupNodeClient(transport).sync_status()).safe_l2.number == 8


async def test_heads_on_two_forks_are_a_disagreement_that_names_both() -> None:
    """The lower head is not on the other's chain: nothing is done on either."""
    one, other = l1_node(12), l1_node(10, "evil", 5)
    async with transport_to(one, other, quorum=2) as transport:
        with pytest.raises(EndpointsDisagreeError) as caught:
            await L1Client(transport).header("finalized")
    assert caught.value.first in str(caught.value)
    assert caught.value.second in str(caught.value)
    assert caught.value.first != caught.value.second
    async with transport_to(rollup_node(9), rollup_node(9, "evil"), quorum=2) as transport:
        with pytest.raises(EndpointsDisagreeError):
            await RollupNodeClient(transport).sync_status()


async def test_a_head_above_what_the_other_has_is_not_taken() -> None:
    """The lowest counts even where only the preferred node is ahead."""
    async with transport_to(l1_node(10), l1_node(12), l1_node(9), quorum=3) as transport:
        assert (await L1Client(transport).header("finalized")).header.number == 9


async def test_two_of_three_outvote_the_third() -> None:
    """Values that must be equal: the minority is asked no more for a while."""
    odd = l1_node(12, "evil", 5)
    async with transport_to(odd, l1_node(12), l1_node(12), quorum=2) as transport:
        found = await L1Client(transport).header(7)
        assert found.hash.hex0x == header(7)["hash"]
        asked = len(odd.asked)
        await L1Client(transport).header(8)
        assert len(odd.asked) == asked
    async with transport_to(
        rollup_node(9, gas=1), rollup_node(9), rollup_node(9), quorum=2
    ) as transport:
        node = RollupNodeClient(transport)
        assert await node.rollup_config() == {"gas": 0}
        assert (await node.output_at_block(3)).block.number == 3


async def test_one_against_one_is_a_disagreement() -> None:
    """There is nobody to decide: configs, outputs, blocks by number, chain ids."""
    async with transport_to(rollup_node(9), rollup_node(9, "x", gas=1), quorum=2) as transport:
        node = RollupNodeClient(transport)
        with pytest.raises(EndpointsDisagreeError, match="rollup config"):
            await node.rollup_config()
        with pytest.raises(EndpointsDisagreeError, match="output of L2 block 3"):
            await node.output_at_block(3)
    async with transport_to(l1_node(9), l1_node(9, "x"), quorum=2) as transport:
        with pytest.raises(EndpointsDisagreeError, match="block 3"):
            await L1Client(transport).header(3)


async def test_a_disagreement_that_passes_is_none() -> None:
    """A reorg that one node saw earlier, or a slip."""
    slow, answers = l1_node(9), iter(["0x2"])
    slow.methods["eth_chainId"] = lambda: next(answers, "0x1")
    async with transport_to(slow, l1_node(9), quorum=2) as transport:
        assert await L1Client(transport).chain_id() == 1


async def test_what_a_hash_proves_is_asked_of_one_node_alone() -> None:
    """No second answer is needed."""
    name = Hash32.from_hex(header(4)["hash"])
    one, other = l1_node(9), l1_node(9)
    one.methods["eth_getBlockByHash"] = lambda *_: header(4)
    async with transport_to(one, other, quorum=2) as transport:
        assert (await L1Client(transport).header(name)).header.number == 4
    assert not other.asked


async def test_a_quorum_is_made_of_those_that_answer() -> None:
    """One node is down: the third takes its place; with two down there is no quorum."""
    down = FakeNode(status=503)
    async with transport_to(down, l1_node(9), l1_node(9), quorum=2) as transport:
        assert await L1Client(transport).chain_id() == 1
    async with transport_to(down, FakeNode(status=503), l1_node(9), quorum=2) as transport:
        with pytest.raises(Exception, match="HTTP 503"):
            await L1Client(transport).chain_id()
