"""The range guest's input against a reader that goes by hashes alone, as the guest does."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import TYPE_CHECKING

import pytest
import rlp

from coprove.derivation.l1_info import l2_block_ref
from coprove.devnet.prover_network.guest_reader import (
    MissingPreimageError,
    PreimageReader,
    read_range_input,
)
from coprove.execution import BlockExecutor, NodeStore
from coprove.primitives import keccak256
from coprove.primitives.guest import (
    RangeWitness,
    decode_range_witness,
    encode_range_witness,
)
from coprove.primitives.kzg import versioned_hash
from coprove.program import RangeInput, run_range, run_range_traced
from coprove.program.range import configs
from coprove.program.wire import pack_list
from coprove.prover.errors import GuestInputError
from coprove.prover.zk.guest_range import missing_receipts, range_witness
from coprove.types import BlockHeader, Hash32, L1ChainConfig, RollupConfig
from coprove.witness.attributes import attributes_of_block
from tests.integration.ranges import range_input, recording

if TYPE_CHECKING:
    from coprove.execution import ExecutedBlock

RANGES = [("calldata", 0, 118), ("calldata", 40, 47), ("blobs", 0, 30), ("blobs", 60, 66)]


@functools.cache
def receipts_of(name: str) -> dict[Hash32, tuple[bytes, ...]]:
    """All receipts of a recording by L1 block."""
    found = recording(name)
    blocks = (found.l1_block(number) for number in range(found.last_l1 + 1))
    return {Hash32(keccak256(block.header)): block.receipts for block in blocks}


@functools.lru_cache(maxsize=4)
def archive_of(name: str, start: int, end: int) -> bytes:
    return range_witness(range_input(name, start, end), receipts_of(name))


def witness_of(name: str, start: int, end: int) -> RangeWitness:
    return decode_range_witness(archive_of(name, start, end))


@pytest.mark.parametrize(("name", "start", "end"), RANGES)
def test_what_the_guest_reads_proves_the_claim(name: str, start: int, end: int) -> None:
    """From the boot data on, all that derivation and execution need is found by its hash."""
    given = range_input(name, start, end)
    assert run_range(read_range_input(archive_of(name, start, end)).encode()) == run_range(
        given.encode()
    )


@pytest.mark.parametrize(("name", "start", "end"), RANGES)
def test_each_block_is_executed_from_its_parents_root(name: str, start: int, end: int) -> None:
    """The guest opens the state of every block anew: nodes between the blocks are there."""
    given = range_input(name, start, end)
    config, _ = configs(given)
    executed: list[ExecutedBlock] = []
    run_range_traced(given, executed.append)
    reader = PreimageReader(witness_of(name, start, end).preimages)
    flat = pack_list(reader.all_hashed())
    store = NodeStore()
    store.add_nodes(flat)
    store.add_codes(flat)
    ancestors = [block.header for block in given.l2_blocks]
    for block in executed:
        header = BlockHeader.decode_rlp(reader.hashed(block.hash))
        transactions = reader.items(header.transactions_root)
        assert transactions == block.transactions
        l2_block_ref(config, header, transactions[0])
        executor = BlockExecutor(config, ancestors[-1], store, ancestors[:-1])
        again = executor.execute(attributes_of_block(config, header, transactions))
        assert again.hash == block.hash
        executor.output_root()
        ancestors.append(block.header)


def test_boot_data_is_what_kona_loads() -> None:
    """Numbers are eight bytes big-endian, the config is JSON in kona's form."""
    given = range_input("calldata", 40, 47)
    reader = PreimageReader(witness_of("calldata", 40, 47).preimages)
    config, l1_config = configs(given)
    assert reader.local(1) == given.l1_head
    assert reader.local(2) == given.agreed_output_root
    assert reader.local(3) == given.claimed_output_root
    assert reader.local(4) == (47).to_bytes(8, "big")
    assert reader.local(5) == config.l2_chain_id.to_bytes(8, "big")
    loaded = RollupConfig.from_json(reader.local(6))
    assert loaded.config_hash(l1_config) == config.config_hash(l1_config)
    assert L1ChainConfig.from_json(reader.local(7)) == l1_config
    assert "alt_da" in json.loads(reader.local(6))


def test_every_preimage_has_its_key() -> None:
    """The guest checks all of them and stops at a false one."""
    for key, value in witness_of("calldata", 40, 47).preimages.items():
        assert key[0] in (1, 2)
        assert key[0] == 1 or key[1:] == keccak256(value)[1:]


def test_blobs_stand_in_the_order_of_reading() -> None:
    """The guest takes one blob after the other; one that does not match is lost."""
    given = range_input("blobs", 0, 30)
    found = recording("blobs")
    inbox = bytes(found.config.batch_inbox_address)
    expected = [
        name for block in given.l1_blocks for name in _blob_names(block.transactions, inbox)
    ]
    blobs = witness_of("blobs", 0, 30).blobs
    assert [versioned_hash(blob.commitment) for blob in blobs] == expected
    assert len(expected) > 5


def _blob_names(transactions: tuple[bytes, ...], inbox: bytes) -> list[bytes]:
    blob_transactions = [rlp.decode(raw[1:]) for raw in transactions if raw[0] == 3]
    return [name for fields in blob_transactions if fields[5] == inbox for name in fields[10]]


def test_receipts_that_are_missing_are_named() -> None:
    """A RangeInput leaves out what blooms exclude, the guest does not: someone must bring them."""
    given = range_input("calldata", 40, 47)
    missing = missing_receipts(given)
    assert missing
    with pytest.raises(GuestInputError, match="receipts of L1 block"):
        range_witness(given, {})
    wrong = receipts_of("calldata") | {missing[0]: (b"\x02\xc0",)}
    with pytest.raises(GuestInputError, match="receipts of L1 block"):
        range_witness(given, wrong)


def test_equal_inputs_give_equal_bytes() -> None:
    given = range_input("calldata", 40, 47)
    assert range_witness(given, receipts_of("calldata")) == archive_of("calldata", 40, 47)


@pytest.mark.parametrize("part", ["header", "transactions", "state"])
def test_the_reader_misses_what_is_taken_out(part: str) -> None:
    """The reader is no friend of the builder: it stops at the first thing that is not there."""
    given = range_input("calldata", 40, 47)
    witness = witness_of("calldata", 40, 47)
    header = BlockHeader.decode_rlp(given.l2_blocks[-1].header)
    wanted = {
        "header": given.l1_head,
        "transactions": header.transactions_root,
        "state": header.state_root,
    }[part]
    left = [
        value
        for key, value in witness.preimages.items()
        if key[0] == 2 and key[1:] != bytes(wanted)[1:]
    ]
    local = {
        int.from_bytes(key[1:], "big"): value
        for key, value in witness.preimages.items()
        if key[0] == 1
    }
    archive = encode_range_witness(local, left, witness.blobs)
    if part == "state":
        found = read_range_input(archive)
        with pytest.raises(Exception, match="missing"):
            run_range(found.encode())
    else:
        with pytest.raises(MissingPreimageError):
            read_range_input(archive)


def test_a_range_that_does_not_run_has_no_guest_input() -> None:
    given = dataclasses.replace(range_input("calldata", 40, 47), nodes=b"")
    with pytest.raises(Exception, match="missing"):
        range_witness(given, receipts_of("calldata"))


def test_a_damaged_archive_is_refused() -> None:
    archive = archive_of("calldata", 40, 47)
    for cut in (0, 10, len(archive) - 1):
        with pytest.raises(Exception, match="range witness"):
            decode_range_witness(archive[:cut])


def test_input_is_a_range_input() -> None:
    """What the reader gives has the form of any other RangeInput."""
    found = read_range_input(archive_of("calldata", 40, 47))
    assert RangeInput.decode(found.encode()) == found
