"""The node as a process, on a real anvil."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from coprove.devnet.node.genesis import DEV_ACCOUNTS
from tests.integration.node_lab import (
    Lab,
    RpcAnswerError,
    RunningNode,
    lab,
    signed_l2,
    wait_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


@pytest.fixture
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as built:
        yield built


def agrees(one: RunningNode, other: RunningNode, number: int) -> bool:
    """Both nodes have the same block there."""
    mine = one.hash_of(number)
    return mine != "" and mine == other.hash_of(number)


def is_beyond(node: RunningNode, number: int) -> bool:
    """The unsafe head is above a number."""
    return node.head("unsafe") > number


def receipt_of(node: RunningNode, transaction: str) -> bool:
    found = node.call("eth_getTransactionReceipt", transaction)
    return found is not None and found["status"] == "0x1"


def test_life_of_a_chain(chain: Lab) -> None:
    """A transfer and a deposit run, every fork is crossed, heads become safe and final, a node
    that follows L1 alone has the same blocks, and both survive kill and restart."""
    node = chain.start_node("sequencer")
    chain.start_batching(node)
    transfer = node.call("eth_sendRawTransaction", signed_l2(0, 0))
    fresh = "0x" + "ab" * 20
    chain.deposit(DEV_ACCOUNTS[2], fresh, mint=10**18, value=7)
    wait_for("the transfer", lambda: receipt_of(node, transfer))
    wait_for("the deposit", lambda: node.call("eth_getBalance", fresh, "latest") == "0x7")
    wait_for("Karst", lambda: node.head("safe") > 14)
    extra = node.call("eth_getBlockByNumber", "safe", False)["extraData"]  # noqa: FBT003
    assert extra.startswith("0x01")
    wait_for("finality", lambda: node.head("finalized") > 14)
    status = node.status()
    assert status["finalized_l2"]["number"] <= status["safe_l2"]["number"]
    entry = node.call("optimism_safeHeadAtL1Block", hex(status["current_l1"]["number"]))
    assert entry["safeHead"]["number"] <= node.head("safe")
    with urllib.request.urlopen(f"{node.url}/healthz", timeout=5) as answer:  # noqa: S310
        assert json.load(answer)["healthy"] is True

    follower = chain.start_node("follower", sequencer=False)
    wait_for("the follower", lambda: follower.head("safe") >= node.head("finalized"))
    assert follower.head("unsafe") == follower.head("safe")
    for number in range(follower.head("safe") + 1):
        assert agrees(node, follower, number)
    with pytest.raises(RpcAnswerError, match="does not sequence"):
        follower.call("eth_sendRawTransaction", signed_l2(0, 1))

    before = node.head("unsafe")
    kept = node.hash_of(before)
    node.stop(signal.SIGKILL)
    chain.stop_batching()
    node = chain.start_node("sequencer")
    assert node.hash_of(before) == kept
    chain.start_batching(node)
    wait_for("blocks after the kill", lambda: node.head("safe") > before + 3)
    assert node.hash_of(before) == kept
    wait_for("the follower again", lambda: follower.head("safe") > before)
    assert agrees(node, follower, before + 1)
    assert follower.stop() == 0
    assert node.stop() == 0
    logs = (node.folder / "node.log").read_text() + (follower.folder / "node.log").read_text()
    assert "Traceback" not in logs


@pytest.mark.parametrize("depth", [2, 5])
def test_l1_reorg(chain: Lab, depth: int) -> None:
    """An L1 reorg takes L2 blocks back; transactions return, safety goes on, nodes agree."""
    node = chain.start_node("sequencer")
    chain.start_batching(node)
    follower = chain.start_node("follower", sequencer=False)
    wait_for("some safe blocks", lambda: node.head("safe") > 12)
    transfer = node.call("eth_sendRawTransaction", signed_l2(0, 0))
    wait_for("the transfer", lambda: receipt_of(node, transfer))
    before = node.status()
    chain.l1("anvil_reorg", depth, [])
    wait_for(
        "another L1 origin",
        lambda: (
            node.status()["head_l1"]["number"] > before["head_l1"]["number"] + 1
            and node.head("safe") > before["unsafe_l2"]["number"]
        ),
        90,
    )
    wait_for("the transfer again", lambda: receipt_of(node, transfer))
    target = node.head("safe")
    wait_for("the follower", lambda: follower.head("safe") >= target, 90)
    for number in range(target + 1):
        assert agrees(node, follower, number)
    origin = node.status()["safe_l2"]["l1origin"]
    found = chain.l1("eth_getBlockByNumber", hex(origin["number"]), False)  # noqa: FBT003
    assert found["hash"] == origin["hash"]
    wait_for("finality", lambda: node.head("finalized") >= target, 90)
    # The start is a reset as well; whether unsafe blocks had to go depends on their origins.
    assert (node.folder / "node.log").read_text().count("node.reset") >= 2


def test_invalid_payload_becomes_deposits_only(chain: Lab) -> None:
    """A batch with a transaction that cannot run gives a block of deposits alone (Holocene); the
    unsafe block in its place goes, and its own transactions come back later."""
    node = chain.start_node("sequencer")
    chain.start_batching(node)
    wait_for("some safe blocks", lambda: node.head("safe") > 13)
    chain.stop_batching()
    time.sleep(4)
    transfer = node.call("eth_sendRawTransaction", signed_l2(0, 0))
    wait_for("the transfer", lambda: receipt_of(node, transfer))
    receipt = node.call("eth_getTransactionReceipt", transfer)
    target, replaced = int(receipt["blockNumber"], 16), receipt["blockHash"]
    batches = [chain.batch_of(node, n)[0] for n in range(node.head("safe") + 1, target + 1)]
    bad = bytes.fromhex(signed_l2(0, 900)[2:])
    chain.post([*batches[:-1], replace(batches[-1], transactions=(bad,))])
    wait_for("the replacement", lambda: node.head("safe") >= target, 60)
    block = node.call("eth_getBlockByNumber", hex(target), True)  # noqa: FBT003
    assert {item["type"] for item in block["transactions"]} == {"0x7e"}
    assert node.hash_of(target) != replaced
    chain.start_batching(node)
    wait_for("the transfer again", lambda: receipt_of(node, transfer))
    again = int(node.call("eth_getTransactionReceipt", transfer)["blockNumber"], 16)
    assert again > target
    wait_for("blocks after it", lambda: node.head("safe") > again)
    follower = chain.start_node("follower", sequencer=False)
    wait_for("the follower", lambda: follower.head("safe") >= again)
    for number in (target, target + 1, again):
        assert agrees(node, follower, number)
    assert "derivation.invalid_payload" in (follower.folder / "node.log").read_text()


def test_kills_at_any_time(chain: Lab) -> None:
    """A node that is killed again and again keeps what it served and goes on."""
    node = chain.start_node("sequencer")
    chain.start_batching(node)
    kept: dict[int, str] = {}
    for round_ in range(6):
        before = node.head("unsafe")
        wait_for("new blocks", partial(is_beyond, node, before))
        time.sleep(0.13 * round_)
        head = node.head("unsafe")
        kept |= {number: node.hash_of(number) for number in range(max(0, head - 5), head + 1)}
        chain.stop_batching()
        node.stop(signal.SIGKILL)
        node = chain.start_node("sequencer")
        chain.start_batching(node)
        for number, block_hash in kept.items():
            assert node.hash_of(number) == block_hash
    reached = node.head("unsafe")
    wait_for("safety", lambda: node.head("safe") > reached)


def test_l1_outage(chain: Lab) -> None:
    """While L1 does not answer blocks go on; afterwards safety does."""
    node = chain.start_node("sequencer", l1_request_timeout=1)
    chain.start_batching(node)
    wait_for("some safe blocks", lambda: node.head("safe") > 5)
    chain.anvil.process.send_signal(signal.SIGSTOP)
    try:
        before = node.head("unsafe")
        wait_for("blocks without L1", lambda: node.head("unsafe") >= before + 4, 20)
    finally:
        chain.anvil.process.send_signal(signal.SIGCONT)
    reached = node.head("unsafe")
    wait_for("safety after the outage", lambda: node.head("safe") > reached, 60)
    assert node.process.poll() is None


def test_confirmations_and_a_bounded_lag(chain: Lab) -> None:
    """With verifier confirmations safety stays behind L1; with a bound on the safe lag a sequencer
    whose blocks nobody posts stops, and goes on when they are posted."""
    node = chain.start_node("sequencer", verifier_l1_confs=3, sequencer_max_safe_lag=8)
    wait_for("the bound", lambda: node.head("unsafe") == 8)
    time.sleep(3)
    assert node.head("unsafe") == 8
    chain.start_batching(node)
    wait_for("safe blocks", lambda: node.head("safe") > 8)
    status = node.status()
    assert status["current_l1"]["number"] <= status["head_l1"]["number"] - 3
    assert node.head("unsafe") <= node.head("safe") + 9
