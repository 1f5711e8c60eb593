"""The node's chain in full-state mode, on the recorded chain."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from coprove.devnet.node.attributes import attributes_of_block, differences
from coprove.devnet.node.chain import Chain, HeadChange
from coprove.devnet.node.config import MempoolConfig, NodeConfig
from coprove.devnet.node.genesis import ChainFiles, Genesis, read_genesis
from coprove.devnet.node.head_view import head_view
from coprove.devnet.node.mempool import Mempool
from coprove.devnet.node.rpc.backend import Backend
from coprove.devnet.node.rpc.debug import Debug
from coprove.devnet.node.rpc.dispatch import Dispatcher
from coprove.devnet.node.rpc.errors import RpcError
from coprove.devnet.node.rpc.eth_blocks import EthBlocks
from coprove.devnet.node.rpc.eth_state import EthState
from coprove.devnet.node.rpc.fee_market import FeeMarket
from coprove.devnet.node.rpc.filters import Filters
from coprove.devnet.node.rpc.misc import Misc
from coprove.devnet.node.rpc.optimism import Optimism
from coprove.devnet.node.status import SyncStatus
from coprove.devnet.node.store import Store, StoreError
from coprove.errors import Critical
from coprove.execution import BlockExecutor, NodeStore
from coprove.types import L1BlockRef
from tests.unit.devnet_node.recorded import EXAMPLE, hexed, rows, stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LAST = 118
FULL = (True,)


@cache
def genesis() -> Genesis:
    with gzip.open(EXAMPLE / "l2_genesis.json.gz") as file:
        l2_genesis = json.load(file)
    return read_genesis(
        ChainFiles(
            l2_genesis=l2_genesis,
            rollup=json.loads((EXAMPLE / "rollup.json").read_text()),
            l1_chain_config=json.loads((EXAMPLE / "l1_chain_config.json").read_text()),
        )
    )


async def replay(chain: Chain, last: int = LAST) -> None:
    """Execute the recorded blocks on the chain, as a verifier that derived them would."""
    for number in range(chain.unsafe.number + 1, last + 1):
        attributes = attributes_of_block(chain.config, stored(number))
        block = await chain.execute(chain.unsafe.hash, attributes)
        chain.set_unsafe(block.hash)


@pytest.fixture
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    store = Store(tmp_path)
    yield Chain(store, genesis())
    store.close()


def backend(chain: Chain, folder: Path) -> Backend:
    config = NodeConfig(
        data_dir=folder,
        l2_genesis=folder,
        rollup_config=folder,
        l1_chain_config=folder,
        l1_rpc_url="http://127.0.0.1:1",
    )
    return Backend(
        chain=chain,
        mempool=Mempool(MempoolConfig(), head_view(chain)),
        status=SyncStatus(),
        config=config,
        l1_chain_config=genesis().l1_chain_config,
    )


class Client:
    """Calls the node's methods as a JSON-RPC user does, without HTTP."""

    def __init__(self, backend: Backend) -> None:
        """Serve every method of the node from `backend`."""
        filters = Filters(backend)
        parts = (
            EthBlocks(backend),
            EthState(backend),
            FeeMarket(backend),
            filters,
            Misc(backend, filters.on_transaction),
            Debug(backend),
            Optimism(backend),
        )
        methods = {name: item for part in parts for name, item in part.methods().items()}
        self.dispatcher = Dispatcher(methods, max_batch=10)

    async def __call__(self, method: str, *params: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = json.loads(await self.dispatcher.handle(json.dumps(request).encode()) or b"{}")
        if "error" in answer:
            raise RpcError(answer["error"]["code"], answer["error"]["message"])
        return answer["result"]


async def test_every_block_and_its_json(chain: Chain, tmp_path: Path) -> None:
    """All recorded blocks come out byte for byte, and RPC shows them, their receipts, outputs and
    proofs as op-geth and op-node did."""
    await replay(chain)
    ask = Client(backend(chain, tmp_path))
    for row in rows():
        number = hex(row["number"])
        assert await ask("eth_getBlockByNumber", number, *FULL) == row["block"]
        assert await ask("eth_getBlockReceipts", number) == row["receipts"]
        assert await ask("debug_getRawBlock", number) == row["block_rlp"]
        assert await ask("debug_getRawReceipts", row["hash"]) == row["raw_receipts"]
        output = await ask("optimism_outputAtBlock", number)
        for key in ("version", "outputRoot", "blockRef", "withdrawalStorageRoot", "stateRoot"):
            assert output[key] == row["output"][key]
        passer = "0x4200000000000000000000000000000000000016"
        assert await ask("eth_getProof", passer, [], number) == row["message_passer_proof"]


async def test_the_witness_is_enough(chain: Chain, tmp_path: Path) -> None:
    """A fresh store with the nodes and codes of debug_executionWitness executes each block."""
    await replay(chain)
    ask = Client(backend(chain, tmp_path))
    for number in (1, 13, 16, 34, 54, 58, 68, 96, LAST):
        witness = await ask("debug_executionWitness", hex(number))
        store = NodeStore()
        for key, add in (("state", store.add_nodes), ("codes", store.add_codes)):
            items = [hexed(item) for item in witness[key]]
            add(b"".join(len(item).to_bytes(4, "little") + item for item in items))
        ancestors = [stored(n).header for n in range(max(0, number - 256), number - 1)]
        executor = BlockExecutor(chain.config, stored(number - 1).header, store, ancestors)
        attributes = attributes_of_block(chain.config, stored(number))
        assert executor.execute(attributes).hash == stored(number).hash
        assert executor.output_root().hash() == hexed(rows()[number]["output"]["outputRoot"])


async def test_a_restart_finds_everything(chain: Chain, tmp_path: Path) -> None:
    """Heads and state are there again, and the next block executes."""
    await replay(chain, 40)
    chain.set_safe(chain.unsafe.hash, None)
    chain.store.close()
    store = Store(tmp_path)
    again = Chain(store, genesis())
    assert again.unsafe == chain.unsafe
    assert again.safe == chain.safe
    await replay(again)
    assert again.unsafe.hash == hexed(rows()[LAST]["hash"])
    store.close()
    # The fixture closes the first store again, which must not hurt.


async def test_a_reorg_tells_listeners(chain: Chain) -> None:
    """Moving the unsafe head to another branch reports what left and what joined."""
    await replay(chain, 10)
    changes: list[HeadChange] = []
    chain.listen(changes.append)
    base = attributes_of_block(chain.config, stored(9))
    info_only = type(base)(
        **{
            name: getattr(base, name)
            for name in base.__dataclass_fields__
            if name != "transactions"
        },
        transactions=base.transactions[:1],
    )
    other = await chain.execute(stored(8).hash, info_only)
    chain.set_unsafe(other.hash)
    assert [block.number for block in changes[0].left] == [10, 9]
    assert [block.hash for block in changes[0].joined] == [other.hash]
    assert chain.canonical(10) is None
    with pytest.raises(Critical):
        chain.set_safe(stored(9).hash, None)


def test_another_genesis_is_refused(tmp_path: Path) -> None:
    """A data folder of one chain does not open with another's genesis."""
    store = Store(tmp_path)
    store.put_meta("genesis", bytes(32))
    with pytest.raises(StoreError):
        Chain(store, genesis())
    store.close()


def test_differences_name_fields() -> None:
    """Consolidation accepts a block's own attributes and names what differs in others."""
    config = genesis().rollup_config
    for number in (1, 16, 34, 60):
        attributes = attributes_of_block(config, stored(number))
        assert differences(config, attributes, stored(number)) == ()
    assert "transactions" in differences(
        config, attributes_of_block(config, stored(60)), stored(61)
    )


async def test_safe_head_database(chain: Chain, tmp_path: Path) -> None:
    """safeHeadAtL1Block answers from what the verifier recorded."""
    await replay(chain, 5)
    ask = Client(backend(chain, tmp_path))
    first = await ask("optimism_safeHeadAtL1Block", "0x7")
    assert (first["l1Block"]["number"], first["safeHead"]["number"]) == (0, 0)
    origin = chain.ref(stored(3).hash).l1_origin
    l1 = L1BlockRef(hash=origin.hash, number=8, parent_hash=origin.hash, timestamp=1)
    chain.set_safe(stored(3).hash, l1)
    answer = await ask("optimism_safeHeadAtL1Block", "0x9")
    assert answer["safeHead"] == {"hash": rows()[3]["hash"], "number": 3}
    assert (await ask("optimism_syncStatus"))["safe_l2"]["number"] == 3
    assert (await ask("eth_getBlockByNumber", "safe"))["number"] == "0x3"


async def test_logs_and_filters(chain: Chain, tmp_path: Path) -> None:
    """eth_getLogs finds exactly the recorded logs; a filter collects those of new blocks."""
    ask = Client(backend(chain, tmp_path))
    await replay(chain, 50)
    topic = "0x02a52367d10742d8032712c1bb8e0144ff1ec5ffda1ed7d70bb05a2744955054"
    logs = await ask("eth_newFilter", {"topics": [topic]})
    blocks = await ask("eth_newBlockFilter")
    await replay(chain)
    recorded = [log for row in rows() for receipt in row["receipts"] for log in receipt["logs"]]
    everything = {"fromBlock": "0x0", "toBlock": "latest"}
    assert await ask("eth_getLogs", everything) == recorded
    by_address = [log for log in recorded if log["address"] == recorded[0]["address"]]
    wanted = everything | {"address": [recorded[0]["address"]]}
    assert await ask("eth_getLogs", wanted) == by_address
    withdrawals = [log for log in recorded if log["topics"][:1] == [topic]]
    assert await ask("eth_getLogs", everything | {"topics": [[topic, "0x" + "00" * 32]]}) == (
        withdrawals
    )
    assert await ask("eth_getLogs", {"blockHash": withdrawals[0]["blockHash"]})
    assert await ask("eth_getFilterChanges", logs) == [
        log for log in withdrawals if int(log["blockNumber"], 16) > 50
    ]
    assert await ask("eth_getFilterChanges", logs) == []
    assert await ask("eth_getFilterLogs", logs) == []
    assert len(await ask("eth_getFilterChanges", blocks)) == LAST - 50
    assert await ask("eth_uninstallFilter", logs) is True
    with pytest.raises(RpcError, match="filter not found"):
        await ask("eth_getFilterChanges", logs)


@pytest.mark.parametrize("bound", ["0x01", "0xzz", "0x", "newest", 7, {}, "0x1" + "0" * 16])
async def test_a_filter_with_a_bad_range_is_refused(
    chain: Chain, tmp_path: Path, bound: object
) -> None:
    """The one who asks hears of it, and the chain goes on: heads tell filters of every block."""
    ask = Client(backend(chain, tmp_path))
    for name in ("fromBlock", "toBlock"):
        for method in ("eth_newFilter", "eth_getLogs"):
            with pytest.raises(RpcError) as caught:
                await ask(method, {name: bound})
            assert caught.value.code == -32602
    await replay(chain, 2)


async def test_a_filter_keeps_to_its_range(chain: Chain, tmp_path: Path) -> None:
    """Numbers bound what a filter collects; tags and null do not."""
    ask = Client(backend(chain, tmp_path))
    every = await ask("eth_newFilter", {"fromBlock": None, "toBlock": "latest"})
    some = await ask("eth_newFilter", {"fromBlock": "0x14", "toBlock": "0x1e"})
    await replay(chain, 40)
    logs = await ask("eth_getFilterChanges", every)
    assert await ask("eth_getFilterChanges", some) == [
        log for log in logs if 20 <= int(log["blockNumber"], 16) <= 30
    ]
    assert len(logs) > 0
    chain.set_unsafe(stored(30).hash)
    gone = await ask("eth_getFilterChanges", every)
    assert gone
    # Blocks leave from the highest down.
    above = [log | {"removed": True} for log in logs if int(log["blockNumber"], 16) > 30]
    assert gone == sorted(above, key=lambda log: -int(log["blockNumber"], 16))


async def test_a_filter_gives_many_logs_in_parts(chain: Chain, tmp_path: Path) -> None:
    """Beyond the limit the rest comes with the next calls, in order, until nothing is left."""
    limited = backend(chain, tmp_path)
    config = limited.config.model_copy(update={"max_log_results": 3})
    ask = Client(replace(limited, config=config))
    name = await ask("eth_newFilter", {})
    await replay(chain, 40)
    parts = []
    while part := await ask("eth_getFilterChanges", name):
        parts.append(part)
    assert len(parts) > 1
    recorded = [
        log for row in rows()[:41] for receipt in row["receipts"] for log in receipt["logs"]
    ]
    assert [log for part in parts for log in part] == recorded


async def test_calls_that_wait_do_not_hold_up_blocks(chain: Chain) -> None:
    """Whatever users have the shared threads do, blocks are executed on their own."""
    done = threading.Event()
    loop = asyncio.get_running_loop()
    busy = [loop.run_in_executor(None, done.wait) for _ in range(64)]
    try:
        async with asyncio.timeout(60):
            await replay(chain, 2)
    finally:
        done.set()
        await asyncio.gather(*busy)


async def test_state_methods(chain: Chain, tmp_path: Path) -> None:
    """Balances, nonces, codes, calls, estimates and fees at several blocks."""
    await replay(chain, 60)
    ask = Client(backend(chain, tmp_path))
    sender = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
    assert await ask("eth_getBalance", sender, "earliest") == hex(10_000 * 10**18)
    weth = "0x4200000000000000000000000000000000000006"
    symbol = await ask("eth_call", {"to": weth, "data": "0x95d89b41"}, "latest")
    assert b"WETH" in hexed(symbol)
    # A recorded transfer's gas is what a transfer is estimated at.
    call = {"from": sender, "to": "0x" + "12" * 20, "value": "0x1"}
    assert await ask("eth_estimateGas", call) == "0x5208"
    with pytest.raises(RpcError, match=r"insufficient|funds|balance|Lack"):
        await ask("eth_call", {"from": "0x" + "77" * 20, "to": weth, "value": "0x1"})
    number_call = {"to": "0x4200000000000000000000000000000000000015", "data": "0x8381f58a"}
    l1_number = int(await ask("eth_call", number_call, hex(60)), 16)
    assert l1_number == rows()[60]["output"]["blockRef"]["l1origin"]["number"]
    old = int(await ask("eth_call", number_call, hex(20)), 16)
    assert old == rows()[20]["output"]["blockRef"]["l1origin"]["number"]
    assert await ask("eth_getStorageAt", weth, "0x0", "latest")
    assert await ask("eth_getCode", weth, {"blockNumber": "0x1"}) != "0x"
    history = await ask("eth_feeHistory", "0x5", "latest", [10, 50])
    assert len(history["baseFeePerGas"]) == 6
    assert history["baseFeePerGas"][:5] == [
        rows()[n]["block"]["baseFeePerGas"] for n in range(56, 61)
    ]
    assert len(history["reward"]) == 5
    assert int(await ask("eth_gasPrice"), 16) > 10**6
    with pytest.raises(RpcError, match="header not found"):
        await ask("eth_getBalance", sender, hex(61))


async def test_next_base_fee_is_the_recorded_one(chain: Chain) -> None:
    """The pool's base fee for the next block is what that block then has."""
    for number in range(30, 60):
        await replay(chain, number)
        wanted = int(rows()[number + 1]["block"]["baseFeePerGas"], 16)
        assert head_view(chain).base_fee == wanted


async def test_transactions_by_hash(chain: Chain, tmp_path: Path) -> None:
    """Transactions and receipts are found by hash, and unknown ones are null."""
    await replay(chain, 40)
    ask = Client(backend(chain, tmp_path))
    for row in rows()[:41]:
        for shown, receipt in zip(row["block"]["transactions"], row["receipts"], strict=True):
            assert await ask("eth_getTransactionByHash", shown["hash"]) == shown
            assert await ask("eth_getTransactionReceipt", shown["hash"]) == receipt
            raw = await ask("debug_getRawTransaction", shown["hash"])
            assert hexed(raw) in stored(row["number"]).transactions
    unknown = rows()[41]["block"]["transactions"][0]["hash"]
    assert await ask("eth_getTransactionByHash", unknown) is None
    assert await ask("eth_getTransactionReceipt", unknown) is None
