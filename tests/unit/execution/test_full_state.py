"""Full-state mode: genesis, commits, recorded witnesses, proofs, building and calls."""

from __future__ import annotations

import gzip
import json
import random
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account

from coprove.errors import InputError
from coprove.execution import (
    BlockExecutor,
    ExecutedBlock,
    InvalidPayloadError,
    MissingStateError,
    NodeStore,
    StateReader,
    genesis_state,
    simulate,
)
from coprove.primitives import keccak256, rlp
from coprove.types import Hash32
from tests.unit.execution.chains import Case, flat, recorded, recorded_rows, unhex
from tests.unit.execution.proofs import verify_proof
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNDED = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""The first well-known development key."""
PASSER = unhex("4200000000000000000000000000000000000016")
L1_BLOCK = unhex("4200000000000000000000000000000000000015")


@pytest.fixture(scope="module")
def genesis() -> dict[str, Any]:
    with gzip.open(recording_dir("calldata") / "l2_genesis.json.gz") as file:
        found: dict[str, Any] = json.load(file)
    return found


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(recorded(recording_dir("calldata")))


@pytest.fixture(scope="module")
def full(genesis: dict[str, Any], cases: list[Case]) -> tuple[NodeStore, list[ExecutedBlock]]:
    """The whole chain executed from genesis, each block with its witness."""
    store = NodeStore()
    genesis_state(store, genesis["alloc"])
    executor = BlockExecutor(cases[0].config, cases[0].parent, store, commit=True, record=True)
    return store, [executor.execute(case.attributes) for case in cases]


@pytest.mark.parametrize("name", ["calldata", "blobs", "heavy"])
def test_the_genesis_allocation_gives_block_zeros_state_root(name: str) -> None:
    """The whole state of geth's genesis file, written to a store."""
    folder = recording_dir(name)
    with gzip.open(folder / "l2_genesis.json.gz") as file:
        alloc = json.load(file)["alloc"]
    root = genesis_state(NodeStore(), alloc)
    assert root.hex0x == next(recorded_rows(folder))["block"]["stateRoot"]


@pytest.mark.parametrize(
    "alloc",
    [
        {"0x12": {}},
        {"0x" + "1" * 40: {"balance": -1}},
        {"0x" + "1" * 40: {"balance": "many"}},
        {"0x" + "1" * 40: {"code": "0x1"}},
        {"0x" + "1" * 40: {"storage": {"0x" + "00" * 33: "0x01"}}},
        {"0x" + "1" * 40: {"nonce": 1 << 64}},
    ],
)
def test_a_genesis_that_is_none_is_refused(alloc: dict[str, Any]) -> None:
    """The error is InputError and names the field."""
    with pytest.raises(InputError):
        genesis_state(NodeStore(), alloc)


def test_the_chain_executes_from_genesis(
    full: tuple[NodeStore, list[ExecutedBlock]], cases: list[Case]
) -> None:
    """With every node held, commits alone carry the state from block to block."""
    assert [block.hash for block in full[1]] == [case.hash for case in cases]


def test_a_recorded_witness_is_complete(
    full: tuple[NodeStore, list[ExecutedBlock]], cases: list[Case]
) -> None:
    """A stateless executor takes it, the MessagePasser's path and ancestors included."""
    for block, case in zip(full[1], cases, strict=True):
        assert block.witness is not None
        headers = tuple(raw for raw in block.witness.headers if raw != case.parent)
        assert case.parent in block.witness.headers
        again = replace(case, nodes=block.witness.nodes, codes=block.witness.codes, headers=headers)
        executor = again.executor()
        assert executor.execute(case.attributes).hash == case.hash
        assert executor.output_root().hash() == case.output
        assert len(set(block.witness.nodes)) == len(block.witness.nodes)


def test_any_committed_root_can_be_continued(
    full: tuple[NodeStore, list[ExecutedBlock]], cases: list[Case]
) -> None:
    """Two executors on the same store execute different blocks of the same chain again."""
    store, _ = full
    for index in (3, 57, 90):
        case = cases[index]
        executor = BlockExecutor(case.config, case.parent, store, case.headers, commit=True)
        assert executor.execute(case.attributes).hash == case.hash


def test_what_a_commit_wrote_can_be_kept_and_loaded(
    genesis: dict[str, Any], cases: list[Case]
) -> None:
    """drain_new gives all that another store needs to continue; a second call gives nothing."""
    store, copy = NodeStore(), NodeStore()
    genesis_state(store, genesis["alloc"])
    executor = BlockExecutor(cases[0].config, cases[0].parent, store, commit=True)
    for case in cases[:20]:
        executor.execute(case.attributes)
        nodes, codes = store.drain_new()
        copy.add_nodes(nodes)
        copy.add_codes(codes)
    assert store.drain_new() == (b"", b"")
    later = BlockExecutor(cases[20].config, cases[20].parent, copy, cases[20].headers)
    assert later.execute(cases[20].attributes).hash == cases[20].hash


def _proved(rows: Iterator[dict[str, Any]]) -> Iterator[tuple[Hash32, dict[str, Any]]]:
    for row in rows:
        yield Hash32.from_hex(row["block"]["stateRoot"]), row["message_passer_proof"]


def test_proofs_are_those_that_op_geth_gives(
    full: tuple[NodeStore, list[ExecutedBlock]],
) -> None:
    """The MessagePasser's proof after every block, byte for byte."""
    store, _ = full
    rows = recorded_rows(recording_dir("calldata"))
    for root, proof in list(_proved(rows))[1:]:
        found = StateReader(store, root).proof(PASSER)
        assert [f"0x{node.hex()}" for node in found.account_proof] == proof["accountProof"]
        assert found.storage_hash.hex0x == proof["storageHash"]
        assert found.nonce == int(proof["nonce"], 16)
        assert found.balance == int(proof["balance"], 16)


def test_proofs_of_presence_and_absence_verify(
    full: tuple[NodeStore, list[ExecutedBlock]],
) -> None:
    """A verifier that shares no code with the kernel accepts them."""
    store, blocks = full
    reader = StateReader(store, blocks[-1].state_root)
    slots = [number.to_bytes(32, "big") for number in range(12)]
    for address in (L1_BLOCK, PASSER, b"\x11" * 20, bytes(20)):
        found = reader.proof(address, slots)
        leaf = verify_proof(reader.state_root, keccak256(address), found.account_proof)
        account = reader.account(address)
        assert (leaf is None) == (account is None)
        if leaf is not None and account is not None:
            assert rlp.decode(leaf) == [
                rlp.encode_int(account.nonce),
                rlp.encode_int(account.balance),
                account.storage_root,
                account.code_hash,
            ]
        for item in found.storage_proof:
            raw = verify_proof(found.storage_hash, keccak256(item.slot), item.proof)
            value = b"" if raw is None else rlp.decode(raw)
            assert isinstance(value, bytes)
            assert value.rjust(32, b"\0") == item.value == reader.storage(address, item.slot)


def test_codes_and_absent_accounts_are_read(
    full: tuple[NodeStore, list[ExecutedBlock]],
) -> None:
    """No code is empty bytes; a store without the state says what it lacks."""
    store, blocks = full
    reader = StateReader(store, blocks[-1].state_root)
    assert len(reader.code(L1_BLOCK)) > 100
    assert reader.code(b"\x11" * 20) == b""
    assert reader.account(b"\x11" * 20) is None
    with pytest.raises(MissingStateError):
        StateReader(NodeStore(), blocks[-1].state_root).account(L1_BLOCK)
    with pytest.raises(InputError):
        reader.account(b"short")


def test_a_built_block_takes_what_is_valid_and_fits(
    full: tuple[NodeStore, list[ExecutedBlock]], cases: list[Case]
) -> None:
    """From a block's own transactions as candidates, in order, comes the same block."""
    store, _ = full
    case = next(c for c in cases if len(c.attributes.transactions) > 5)
    deposits = tuple(tx for tx in case.attributes.transactions if tx[0] == 0x7E)
    users = [tx for tx in case.attributes.transactions if tx[0] != 0x7E]
    executor = BlockExecutor(case.config, case.parent, store, case.headers)
    kinds = [bytes([kind]) + users[0][1:] for kind in (0, 3, 5, 0x7D, 0x7E, 0x80)]
    junk = [b"\x02\xc0", deposits[0], users[0], b"", b"\x7d\xc0", b"\x7e\xc0", *kinds]
    built = executor.build(replace(case.attributes, transactions=deposits), [*users, *junk])
    assert built.block.hash == case.hash
    assert [item.index for item in built.rejected] == [len(users) + n for n in range(len(junk))]
    assert all(item.permanent for item in built.rejected)


def test_a_candidate_that_does_not_fit_may_come_later(
    full: tuple[NodeStore, list[ExecutedBlock]], cases: list[Case]
) -> None:
    """Out of gas in this block is not permanent, and the block is valid as executed again."""
    store, _ = full
    case = next(c for c in cases if len(c.attributes.transactions) > 5)
    deposits = tuple(tx for tx in case.attributes.transactions if tx[0] == 0x7E)
    users = [tx for tx in case.attributes.transactions if tx[0] != 0x7E]
    attributes = replace(case.attributes, transactions=deposits, gas_limit=1_060_000)
    executor = BlockExecutor(case.config, case.parent, store, case.headers)
    built = executor.build(attributes, users)
    assert built.rejected
    assert not any(item.permanent for item in built.rejected)
    again = BlockExecutor(case.config, case.parent, store, case.headers)
    exact = replace(attributes, transactions=built.block.transactions)
    assert again.execute(exact).hash == built.block.hash


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data": random.Random(1).randbytes(20_000)}, "DA footprint"),
        ({"value": 10**30}, "enough funds|lack of funds"),
        ({"nonce": 10**6}, "nonce"),
        ({"gas": 20_000}, "gas"),
        ({"maxFeePerGas": 0, "maxPriorityFeePerGas": 0}, "fee"),
        ({"chainId": 1}, "chain"),
        ({"gas": 6_000_000}, "gas"),
    ],
)
def test_each_rule_on_user_transactions_is_kept(
    full: tuple[NodeStore, list[ExecutedBlock]],
    cases: list[Case],
    change: dict[str, Any],
    reason: str,
) -> None:
    """Left out as a candidate, with its reason; as part of the payload it makes that invalid."""
    store, blocks = full
    account = Account.from_key(FUNDED)
    sender = StateReader(store, blocks[-1].state_root).account(unhex(account.address))
    assert sender is not None
    fields = {
        "type": 2,
        "nonce": sender.nonce,
        "gas": 1_000_000,
        "to": "0x" + "11" * 20,
        "value": 0,
        "maxFeePerGas": 10**9,
        "maxPriorityFeePerGas": 0,
        "chainId": cases[0].config.l2_chain_id,
    }
    good = bytes(account.sign_transaction(fields).raw_transaction)
    bad = bytes(account.sign_transaction({**fields, **change}).raw_transaction)
    last = cases[-1]
    attributes = replace(
        last.attributes,
        timestamp=last.attributes.timestamp + 1,
        transactions=last.attributes.transactions[:1],
        gas_limit=5_000_000,
    )

    def executor() -> BlockExecutor:
        return BlockExecutor(last.config, blocks[-1].header, store)

    built = executor().build(attributes, [bad, good])
    assert [item.index for item in built.rejected] == [0]
    assert re.search(reason, built.rejected[0].reason)
    assert built.block.transactions[1:] == (good,)
    invalid = replace(attributes, transactions=(*attributes.transactions, bad))
    with pytest.raises(InvalidPayloadError, match=reason):
        executor().execute(invalid)


def test_a_call_runs_on_the_state_after_a_block(
    full: tuple[NodeStore, list[ExecutedBlock]], cases: list[Case]
) -> None:
    """L1Block.number() is the slot's value; a bad selector reverts; a poor sender cannot start."""
    store, blocks = full
    config, header = cases[0].config, blocks[-1].header
    number = keccak256(b"number()")[:4]
    result = simulate(config, header, store, to=L1_BLOCK, gas=100_000, data=number)
    reader = StateReader(store, blocks[-1].state_root)
    packed = reader.storage(L1_BLOCK, bytes(32))
    assert result.success
    assert int.from_bytes(result.output, "big") == int.from_bytes(packed[24:], "big")
    assert 21_000 < result.gas_used < 40_000
    bad = simulate(config, header, store, to=L1_BLOCK, gas=100_000, data=b"\xff\xff\xff\xff")
    assert (bad.success, bad.halt) == (False, None)
    out = simulate(config, header, store, to=L1_BLOCK, gas=21_200, data=number)
    assert not out.success
    assert out.halt is not None
    with pytest.raises(InvalidPayloadError):
        simulate(config, header, store, to=L1_BLOCK, gas=100_000, value=1, sender=b"\x55" * 20)
    created = simulate(config, header, store, to=None, gas=100_000, data=unhex("60006000f3"))
    assert created.success
    assert created.created is not None
    with pytest.raises(InputError):
        simulate(config, header, store, to=L1_BLOCK, gas=-1)


def test_a_store_hashes_what_it_is_given(
    full: tuple[NodeStore, list[ExecutedBlock]],
) -> None:
    """A piece is found by its own hash and no other; many are hashed in threads."""
    pieces = [number.to_bytes(40, "big") for number in range(2000)]
    store = NodeStore()
    assert store.add_nodes(flat(pieces)) == 2000
    assert store.add_codes(flat(pieces[:3])) == 3
    assert store.counts() == (2000, 3)
    assert all(store.get_node(keccak256(piece)) == piece for piece in pieces)
    assert store.get_code(keccak256(pieces[2])) == pieces[2]
    assert store.get_code(bytes(32)) is None
    assert full[0].get_node(bytes(32)) is None
