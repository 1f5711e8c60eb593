"""Every recorded block executes to its hash, receipts and output root."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from coprove.execution import BlockExecutor, NodeStore, genesis_state
from coprove.primitives import keccak256
from coprove.types import BlockHeader
from tests.unit.execution.chains import Case, flat, recorded, sepolia, unflat
from tests.vectors import recording_dir, vectors_dir

SEPOLIA = (26207960, 26207961, 26207962, 26208384, 26208858)
RECORDINGS = ("calldata", "blobs", "heavy")


@pytest.mark.parametrize("number", SEPOLIA)
def test_a_sepolia_block_gives_its_hash(number: int) -> None:
    """Real blocks of OP Sepolia, from a witness without the MessagePasser's path."""
    case = sepolia(vectors_dir("blocks"), number)
    block = case.executor().execute(case.attributes)
    assert block.hash == case.hash
    assert block.number == number


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_recorded_block_executes_from_its_own_witness(name: str) -> None:
    """Hash, receipts and output root from execution_witness and extra_state alone."""
    count = 0
    for case in recorded(recording_dir(name)):
        executor = case.executor()
        block = executor.execute(case.attributes)
        assert block.hash == case.hash
        assert block.receipts_root == case.receipts_root
        assert block.receipts == case.raw_receipts
        assert block.transactions == case.attributes.transactions
        assert executor.header == block.header
        assert executor.output_root().hash() == case.output
        count += 1
    assert count in {118, 208}


@pytest.mark.parametrize("name", RECORDINGS)
def test_one_executor_carries_its_tries_through_the_chain(name: str) -> None:
    """Only nodes of the state before the first block are needed: what blocks made is left out."""
    folder = recording_dir(name)
    with gzip.open(folder / "l2_genesis.json.gz") as file:
        alloc = json.load(file)["alloc"]
    whole, store = NodeStore(), NodeStore()
    genesis_state(whole, alloc)
    whole.drain_new()
    produced: set[bytes] = set()
    full: BlockExecutor | None = None
    kept: BlockExecutor | None = None
    for case in recorded(folder):
        full = full or BlockExecutor(case.config, case.parent, whole, commit=True)
        kept = kept or BlockExecutor(case.config, case.parent, store)
        store.add_nodes(flat(node for node in case.nodes if keccak256(node) not in produced))
        store.add_codes(flat(case.codes))
        assert kept.execute(case.attributes).hash == case.hash
        assert kept.output_root().hash() == case.output
        full.execute(case.attributes)
        produced |= {keccak256(node) for node in unflat(whole.drain_new()[0])}
    assert len(produced) > 1000


def test_a_failed_block_leaves_the_head_and_the_tries_as_they_were() -> None:
    """An invalid last transaction undoes the block; the right block then still executes."""
    for case in list(recorded(recording_dir("calldata")))[7:60:6]:
        executor = case.executor()
        bad = case.with_transactions(*case.attributes.transactions, b"\x02\xc0")
        with pytest.raises(Exception, match="undecodable"):
            executor.execute(bad)
        assert executor.header == case.parent
        assert executor.execute(case.attributes).hash == case.hash


def test_the_header_of_a_block_follows_its_fork() -> None:
    """Withdrawals root, requests hash and DA footprint appear with Isthmus and Jovian."""
    seen = set()
    for case in recorded(recording_dir("calldata")):
        block = case.executor().execute(case.attributes)
        header = BlockHeader.decode_rlp(block.header)
        seen.add((header.requests_hash is not None, len(header.extra_data)))
        assert header.gas_used == block.gas_used
        assert header.state_root == block.state_root
        assert len(block.senders) == len(block.transactions)
    assert seen == {(False, 9), (True, 9), (True, 17)}


def test_executors_share_a_store_across_threads() -> None:
    """Threads that execute different blocks on one store give each its hash."""
    cases = list(recorded(recording_dir("calldata")))
    store = NodeStore()
    for case in cases:
        store.add_nodes(flat(case.nodes))
        store.add_codes(flat(case.codes))

    def run(case: Case) -> bool:
        executor = BlockExecutor(case.config, case.parent, store, case.headers)
        return executor.execute(case.attributes).hash == case.hash

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, cases))
