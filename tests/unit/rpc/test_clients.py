"""Typed clients against a replayed chain: right data passes, altered data is named."""

from __future__ import annotations

import copy
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from coprove.errors import CoproveError, InputError
from coprove.rpc import (
    BeaconClient,
    EndpointOptions,
    JsonRpcTransport,
    L1Client,
    L2Client,
    NotYetAvailableError,
    RetryPolicy,
    RollupNodeClient,
    WrongDataError,
)
from coprove.types import Address, Hash32
from tests.replay import Faults, ReplayChain, ReplayServer
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

RAW = frozenset({"debug_getRawBlock", "debug_getRawReceipts"})
OPTIONS = EndpointOptions(retry=RetryPolicy(attempts=3, base_delay=0.001))


@pytest.fixture(scope="module")
def chain() -> ReplayChain:
    return ReplayChain(recording_dir("calldata"))


@asynccontextmanager
async def connected(
    chain: ReplayChain, part: str, faults: Faults | None = None
) -> AsyncIterator[tuple[JsonRpcTransport, ReplayServer]]:
    async with (
        ReplayServer(chain, faults or Faults()) as server,
        JsonRpcTransport(server.url(part), OPTIONS) as transport,
    ):
        yield transport, server


@pytest.mark.parametrize("missing", [frozenset(), RAW, RAW | {"eth_getBlockReceipts"}])
async def test_l1_blocks_and_receipts(chain: ReplayChain, missing: frozenset[str]) -> None:
    """Whole blocks come right from raw encodings, from JSON, and receipt by receipt."""
    async with connected(chain, "l1", Faults(missing=missing)) as (transport, server):
        client = L1Client(transport)
        blocks = await client.blocks(list(range(65)))
        assert [block.hash.hex0x for block in blocks] == [row["hash"] for row in chain.l1]
        receipts = await client.receipts(blocks)
        for row, found in zip(chain.l1, receipts, strict=True):
            assert ["0x" + item.hex() for item in found] == row["raw_receipts"]
        if missing:
            assert server.calls["debug_getRawBlock"] == 1


async def test_refused_batches_and_rate_limits_are_worked_around(chain: ReplayChain) -> None:
    """The same blocks from an endpoint with every nuisance at once."""
    faults = Faults(batches=False, fault_rate=0.1, calls_per_second=400)
    async with (
        ReplayServer(chain, faults) as server,
        JsonRpcTransport(
            server.url("l1"), EndpointOptions(retry=RetryPolicy(attempts=20, base_delay=0.01))
        ) as transport,
    ):
        blocks = await L1Client(transport).blocks(list(range(65)))
    assert len(blocks) == 65
    assert server.calls["503"]


async def test_l1_headers_and_refs(chain: ReplayChain) -> None:
    """By number, by hash and by tag."""
    async with connected(chain, "l1") as (transport, _):
        client = L1Client(transport)
        by_number = await client.header(7)
        assert await client.header(by_number.hash) == by_number
        latest = await client.block_ref("latest")
        assert latest.number == await client.block_number() == 64
        assert await client.chain_id() == 900
        with pytest.raises(NotYetAvailableError):
            await client.header(1000)


async def test_l2_witness_account_and_code(chain: ReplayChain) -> None:
    """Witness headers chain to the parent; proofs are checked by the state root."""
    async with connected(chain, "l2") as (transport, _):
        client = L2Client(transport)
        block = await client.block(10)
        witness = await client.execution_witness(block)
        assert len(witness.nodes) == len(chain.l2[10]["execution_witness"]["state"])
        assert len(witness.headers) == len(chain.l2[10]["execution_witness"]["headers"])
        passer = Address.from_hex("0x4200000000000000000000000000000000000016")
        account = await client.account(passer, (), block)
        expected = chain.l2[10]["message_passer_proof"]
        assert account.exists
        assert account.storage_root.hex0x == expected["storageHash"]
        l1_block = Address.from_hex("0x4200000000000000000000000000000000000015")
        code_hash = (await client.account(l1_block, (), await client.header(9))).code_hash
        assert await client.code(l1_block, block, code_hash)
        firsts = await client.first_transactions([0, 10])
        assert firsts == [None, block.transactions[0]]


async def test_first_transactions_without_the_method_for_them(chain: ReplayChain) -> None:
    """Whole blocks serve as well, only larger."""
    faults = Faults(missing=frozenset({"eth_getTransactionByBlockNumberAndIndex"}))
    async with connected(chain, "l2", faults) as (transport, _):
        client = L2Client(transport)
        whole = await client.blocks([3, 4])
        expected = [None, *(block.transactions[0] for block in whole)]
        assert await client.first_transactions([0, 3, 4]) == expected


async def test_rollup_node(chain: ReplayChain) -> None:
    """Outputs hash to their root; heads and safe heads parse."""
    async with connected(chain, "node") as (transport, _):
        node = RollupNodeClient(transport)
        output = await node.output_at_block(118)
        assert output.root.hex0x == chain.l2[118]["output"]["outputRoot"]
        assert output.block.l1_origin.number == 57
        status = await node.sync_status()
        assert (status.safe_l2.number, status.current_l1.number) == (118, 64)
        assert (await node.safe_head_at_l1_block(20)).safe_head.number == 35
        assert (await node.rollup_config())["l2_chain_id"] == 901
        with pytest.raises(NotYetAvailableError):
            await node.output_at_block(5000)


def _flip(text: str, position: int = -1) -> str:
    digit = "1" if text[position] != "1" else "2"
    return text[:position] + digit + (text[position + 1 :] if position != -1 else "")


def _header_field(name: str) -> Callable[[str, list[Any], Any], Any]:
    def tamper(method: str, params: list[Any], result: Any) -> Any:
        if method.startswith("eth_getBlockBy"):
            return {**result, name: _flip(result[name])}
        return result

    return tamper


@pytest.mark.parametrize(
    "field",
    [
        "parentHash",
        "stateRoot",
        "logsBloom",
        "gasUsed",
        "timestamp",
        "extraData",
        "mixHash",
        "baseFeePerGas",
        "requestsHash",
        "hash",
        "number",
    ],
)
async def test_an_altered_header_field_is_named(chain: ReplayChain, field: str) -> None:
    """Every field of a header is bound by its hash or by what was asked for."""
    async with connected(chain, "l1", Faults(tamper=_header_field(field))) as (transport, _):
        with pytest.raises(WrongDataError) as caught:
            await L1Client(transport).header(5)
    assert "block 5" in str(caught.value)
    assert caught.value.expected
    assert caught.value.actual is not None


def _swap(method: str, change: Callable[[Any], Any]) -> Callable[[str, list[Any], Any], Any]:
    return lambda name, _, result: change(copy.deepcopy(result)) if name == method else result


def _drop_transaction(block: Any) -> Any:
    block["transactions"].pop()
    return block


def _altered_input(block: Any) -> Any:
    block["transactions"][0]["input"] = _flip(block["transactions"][0]["input"])
    return block


def _altered_log(receipts: Any) -> Any:
    receipts[0]["status"] = "0x0"
    return receipts


@pytest.mark.parametrize(
    ("method", "change", "missing"),
    [
        ("debug_getRawBlock", _flip, frozenset()),
        ("debug_getRawReceipts", lambda items: [_flip(items[0])], frozenset()),
        ("debug_getRawReceipts", lambda _: [], frozenset()),
        ("eth_getBlockByNumber", _drop_transaction, RAW),
        ("eth_getBlockByNumber", _altered_input, RAW),
        ("eth_getBlockReceipts", _altered_log, RAW),
        ("eth_getBlockReceipts", lambda items: items * 2, RAW),
    ],
)
async def test_altered_blocks_and_receipts_are_refused(
    chain: ReplayChain, method: str, change: Callable[[Any], Any], missing: frozenset[str]
) -> None:
    """Neither form of a block or of receipts can be altered, cut or lengthened."""
    faults = Faults(tamper=_swap(method, change), missing=missing)
    async with connected(chain, "l1", faults) as (transport, _):
        client = L1Client(transport)
        with pytest.raises(InputError):
            await client.receipts([await client.block(32)])


@pytest.mark.parametrize(
    "change",
    [
        lambda proof: {**proof, "accountProof": proof["accountProof"][:-1]},
        lambda proof: {**proof, "accountProof": [_flip(n, 20) for n in proof["accountProof"]]},
        lambda proof: {**proof, "accountProof": []},
        lambda proof: {**proof, "accountProof": None},
        lambda proof: {**proof, "accountProof": [*proof["accountProof"], *["0x01"] * 65]},
        lambda proof: {**proof, "storageProof": [{"key": "0x0", "proof": []}]},
        lambda _: None,
    ],
)
async def test_an_altered_proof_is_refused(
    chain: ReplayChain, change: Callable[[Any], Any]
) -> None:
    """A proof that does not lead from the state root to the account is no proof."""
    faults = Faults(tamper=_swap("eth_getProof", change))
    async with connected(chain, "l2", faults) as (transport, _):
        client = L2Client(transport)
        passer = Address.from_hex("0x4200000000000000000000000000000000000016")
        with pytest.raises(CoproveError):
            await client.account(passer, (), await client.header(10))


def _flipped(name: str) -> Callable[[Any], Any]:
    return lambda obj: {**obj, name: _flip(obj[name])}


async def test_altered_outputs_and_witness_headers_are_refused(chain: ReplayChain) -> None:
    """Parts of an output must hash to its root; witness headers must chain."""
    for name in ("outputRoot", "stateRoot", "withdrawalStorageRoot", "version"):
        tamper = _swap("optimism_outputAtBlock", _flipped(name))
        async with connected(chain, "node", Faults(tamper=tamper)) as (transport, _):
            with pytest.raises(WrongDataError):
                await RollupNodeClient(transport).output_at_block(9)

    def wrong_header(witness: Any) -> Any:
        witness["headers"][0]["gasUsed"] = "0x7"
        return witness

    faults = Faults(tamper=_swap("debug_executionWitness", wrong_header))
    async with connected(chain, "l2", faults) as (transport, _):
        client = L2Client(transport)
        with pytest.raises(WrongDataError):
            await client.execution_witness(await client.header(10))


async def test_beacon_slots(chain: ReplayChain) -> None:
    """Slots follow genesis and spec; without a spec they are block numbers."""
    async with ReplayServer(chain) as server, BeaconClient(server.url("beacon")) as beacon:
        genesis = int(chain.l1[0]["block"]["timestamp"], 16)
        assert await beacon.slot_of(number=3, timestamp=genesis + 12) == 12
        with pytest.raises(InputError):
            await beacon.slot_of(number=3, timestamp=genesis - 1)
        assert await beacon.blobs(10**6, [Hash32(bytes(32))]) == []
    gone = Faults(missing=frozenset({"sidecars", "blobs"}))
    async with ReplayServer(chain, gone) as server, BeaconClient(server.url("beacon")) as beacon:
        with pytest.raises(NotYetAvailableError):
            await beacon.blobs(7, [Hash32(bytes(32))])
    async with (
        ReplayServer(chain, Faults(missing=frozenset({"spec"}))) as server,
        BeaconClient(server.url("beacon")) as beacon,
    ):
        assert await beacon.slot_of(number=3, timestamp=genesis + 12) == 3
