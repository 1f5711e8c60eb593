"""Wallets and tools of others on the node: web3.py and cast."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account
from web3 import Web3
from web3.middleware import SignAndSendRawMiddlewareBuilder

from coprove.contracts.foundry_tools import find_tool
from tests.integration.node_lab import KEYS, RunningNode, lab, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

# Returns 42 to every call.
ANSWER = "0x600a600c600039600a6000f3602a60005260206000f3"
# Reverts every call with Error("no").
_REVERTER = (
    "62461bcd60e51b600052602060045260026024527f" + b"no".hex().ljust(64, "0") + "60445260646000fd"
)
REVERT = f"0x60{len(_REVERTER) // 2:02x}80600b6000396000f3{_REVERTER}"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with lab(tmp_path_factory.mktemp("wallets")) as built:
        running = built.start_node("sequencer")
        wait_for("Karst", lambda: running.head("unsafe") > 13)
        yield running


def cast(node: RunningNode, *arguments: str) -> str:
    name, *rest = arguments
    command = [str(find_tool("cast")), name, "--rpc-url", node.url, *rest]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_web3(node: RunningNode) -> None:
    """web3.py fills, signs, sends, waits, deploys, calls and reads fees on the node."""
    account = Account.from_key(KEYS[2])
    web3: Any = Web3(Web3.HTTPProvider(node.url))
    assert web3.is_connected()
    assert web3.eth.chain_id == 901
    web3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(account), layer=0)
    target = Web3.to_checksum_address("0x" + "34" * 20)
    sent = web3.eth.send_transaction({"from": account.address, "to": target, "value": 3})
    receipt = web3.eth.wait_for_transaction_receipt(sent, timeout=20)
    assert (receipt.status, receipt.gasUsed) == (1, 21_000)
    assert web3.eth.get_balance(target) == 3
    sent = web3.eth.send_transaction({"from": account.address, "data": ANSWER})
    receipt = web3.eth.wait_for_transaction_receipt(sent, timeout=20)
    assert int(web3.eth.call({"to": receipt.contractAddress}).hex(), 16) == 42
    assert web3.eth.get_transaction(sent).blockNumber == receipt.blockNumber
    block = web3.eth.get_block("latest", full_transactions=True)
    assert block.transactions[0].type == 0x7E
    assert len(web3.eth.fee_history(4, "latest", [50]).reward) == 4
    assert web3.eth.get_transaction_count(account.address, "pending") == 2
    watched = web3.eth.filter("latest")
    wait_for("a new block in the filter", watched.get_new_entries, 10)


def test_cast(node: RunningNode) -> None:
    """cast reads, estimates, sends and proves on the node."""
    assert cast(node, "chain-id") == "901"
    assert cast(node, "client").startswith("coprove-devnet-node/")
    before = int(cast(node, "block-number"))
    target = "0x" + "56" * 20
    receipt = json.loads(
        cast(node, "send", target, "--value", "9", "--private-key", KEYS[0], "--json")
    )
    assert receipt["status"] == "0x1"
    assert cast(node, "balance", target) == "9"
    created = json.loads(cast(node, "send", "--private-key", KEYS[0], "--json", "--create", ANSWER))
    address = created["contractAddress"]
    assert cast(node, "call", address, "answer()(uint256)") == "42"
    assert int(cast(node, "estimate", address, "answer()")) > 21_000
    proof = json.loads(cast(node, "proof", address))
    assert proof["nonce"] == "0x1"
    assert cast(node, "logs", "--from-block", "0")
    assert json.loads(cast(node, "rpc", "txpool_status"))["pending"] == "0x0"
    assert int(cast(node, "block-number")) > before
    assert "l1Fee" in cast(node, "receipt", created["transactionHash"], "--json")
    assert int(cast(node, "nonce", Account.from_key(KEYS[0]).address)) == 2


def test_reverts_reach_the_caller(node: RunningNode) -> None:
    """A failing call answers with code 3, the reason and the revert data."""
    created = json.loads(cast(node, "send", "--private-key", KEYS[0], "--json", "--create", REVERT))
    with pytest.raises(Exception, match="execution reverted: no"):
        node.call("eth_call", {"to": created["contractAddress"]}, "latest")
    with pytest.raises(Exception, match="execution reverted: no"):
        node.call("eth_estimateGas", {"to": created["contractAddress"]})
