"""Every recorded block is derived from the recorded L1 data to exactly its content."""

from __future__ import annotations

import gzip
import json
import random
from functools import cache
from typing import TYPE_CHECKING

import pytest

from coprove.derivation import L2Block, Pipeline, pipeline_start
from coprove.derivation.l1_info import l2_block_ref, system_config_from_l2_block
from coprove.types import Fork
from tests.unit.derivation.chain import RECORDINGS, Chain, load_chain, unhex
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from coprove.derivation import DerivedAttributes, L1Block
    from coprove.types import Hash32, L1BlockRef, L2BlockRef, SystemConfig


class RecordedL1:
    """The recorded L1 chain up to a head that the test moves, as the pipeline's source."""

    def __init__(self, chain: Chain, blobs: dict[bytes, bytes], head: int | None = None) -> None:
        """Hold the blocks up to `head`, all by default."""
        self.blocks = {block.header.number: block for block in chain.l1}
        self.stored_blobs = blobs
        self.head = max(self.blocks) if head is None else head

    def block_by_number(self, number: int) -> L1Block | None:
        return self.blocks.get(number) if number <= self.head else None

    def blobs(self, _block: L1BlockRef, versioned_hashes: Sequence[Hash32]) -> list[bytes]:
        return [self.stored_blobs[bytes(versioned_hash)] for versioned_hash in versioned_hashes]


class RecordedL2:
    """The recorded L2 chain, as the history that a span batch or a start may reach back to."""

    def __init__(self, chain: Chain) -> None:
        """Read the references once."""
        self.chain = chain
        self.refs = [l2_block_ref(chain.config, block.header, block.first_tx) for block in chain.l2]

    def block_by_number(self, number: int) -> L2Block | None:
        if not 0 <= number < len(self.refs):
            return None
        return L2Block(ref=self.refs[number], transactions=self.chain.l2[number].transactions)

    def system_config(self, number: int) -> SystemConfig | None:
        block = self.chain.l2[number]
        return system_config_from_l2_block(self.chain.config, block.header, block.first_tx)


@cache
def recorded_blobs(name: str) -> dict[bytes, bytes]:
    path = recording_dir(name) / "blobs.jsonl.gz"
    found: dict[bytes, bytes] = {}
    if path.exists():
        with gzip.open(path, "rt") as lines:
            for line in lines:
                row = json.loads(line)
                data = unhex(row["blob"])
                found[unhex(row["versioned_hash"])] = data.ljust(row["blob_length"], b"\0")
    return found


def pipeline_at(chain: Chain, source: RecordedL1, history: RecordedL2, number: int) -> Pipeline:
    start = pipeline_start(chain.config, source, history, history.refs[number])
    return Pipeline(chain.config, chain.l1_config, source, start, history)


def derive(
    pipeline: Pipeline, refs: Sequence[L2BlockRef], number: int, limit: int | None = None
) -> Iterator[DerivedAttributes]:
    """Derive from block `number` on; the recorded blocks stand in for execution."""
    end = len(refs) if limit is None else min(len(refs), number + limit)
    while number < end:
        derived = pipeline.next_attributes(refs[number])
        if derived is None:
            return
        yield derived
        number += 1


def assert_recorded(chain: Chain, refs: Sequence[L2BlockRef], derived: DerivedAttributes) -> None:
    """Compare attributes with the recorded block of their height, field by field."""
    number = derived.parent.number + 1
    block, attributes = chain.l2[number], derived.attributes
    header, config = block.header, chain.config
    assert derived.parent == refs[number - 1]
    assert derived.epoch.id == refs[number].l1_origin
    assert attributes.transactions == block.transactions, number
    assert attributes.timestamp == header.timestamp
    assert attributes.gas_limit == header.gas_limit
    assert attributes.prev_randao == header.mix_hash
    assert attributes.suggested_fee_recipient == header.beneficiary
    assert attributes.parent_beacon_block_root == header.parent_beacon_block_root
    assert attributes.withdrawals_enabled == (header.withdrawals_root is not None)
    assert attributes.no_tx_pool
    if not config.is_active(Fork.HOLOCENE, header.timestamp):
        assert attributes.eip_1559_params is None
        return
    params = attributes.eip_1559_params
    if params == bytes(8):
        constants = (config.base_fee.denominator_canyon, config.base_fee.elasticity)
        params = b"".join(value.to_bytes(4, "big") for value in constants)
    assert header.extra_data[1:9] == params
    if config.is_active(Fork.JOVIAN, header.timestamp):
        assert attributes.min_base_fee is not None
        assert header.extra_data[9:] == attributes.min_base_fee.to_bytes(8, "big")
    else:
        assert attributes.min_base_fee is None
        assert header.extra_data[9:] == b""


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_whole_chain_is_derived_from_genesis(name: str) -> None:
    """Blocks 1 to the last, across Isthmus, Jovian and Karst."""
    chain = load_chain(name)
    history = RecordedL2(chain)
    pipeline = pipeline_at(chain, RecordedL1(chain, recorded_blobs(name)), history, 0)
    derived = list(derive(pipeline, history.refs, 0))
    assert len(derived) == len(chain.l2) - 1
    for one in derived:
        assert_recorded(chain, history.refs, one)
    assert pipeline.next_attributes(history.refs[-1]) is None


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_block_is_a_start(name: str) -> None:
    """The pipeline starts at each block, in the middle of span batches and channels included."""
    chain = load_chain(name)
    history = RecordedL2(chain)
    source = RecordedL1(chain, recorded_blobs(name))
    for number in range(len(chain.l2) - 1):
        pipeline = pipeline_at(chain, source, history, number)
        derived = list(derive(pipeline, history.refs, number, limit=3))
        assert len(derived) == min(3, len(chain.l2) - 1 - number), number
        for one in derived:
            assert_recorded(chain, history.refs, one)


@pytest.mark.parametrize("name", RECORDINGS)
def test_blocks_become_safe_at_the_l1_block_where_the_node_made_them_safe(name: str) -> None:
    """L1 grows block by block: after each, the derived head is op-node's recorded safe head."""
    chain = load_chain(name)
    history = RecordedL2(chain)
    status = json.loads((recording_dir(name) / "sync_status.json").read_text())
    recorded = {row["l1"]: row["safe_head"] for row in status["safe_head_at_l1"]}
    source = RecordedL1(chain, recorded_blobs(name), head=0)
    pipeline = pipeline_at(chain, source, history, 0)
    number = 0
    for head in sorted(source.blocks):
        source.head = head
        for derived in derive(pipeline, history.refs, number):
            assert derived.derived_from.number == head
            number += 1
        assert number == recorded.get(head, number), head
    assert number == len(chain.l2) - 1


@pytest.mark.parametrize("name", RECORDINGS)
def test_looking_ahead_changes_nothing(name: str) -> None:
    """Random amounts of prefetch between the blocks give the same attributes, one by one."""
    chain = load_chain(name)
    history = RecordedL2(chain)
    source = RecordedL1(chain, recorded_blobs(name))
    plain = list(derive(pipeline_at(chain, source, history, 0), history.refs, 0))
    for seed in range(4):
        chance = random.Random(seed)
        ahead = []
        pipeline = pipeline_at(chain, source, history, 0)
        for _ in range(chance.choice((0, 3, 500))):
            pipeline.prefetch()
        for one in derive(pipeline, history.refs, 0):
            ahead.append(one)
            for _ in range(chance.choice((0, 0, 1, 7, 60))):
                if not pipeline.prefetch():
                    break
        assert ahead == plain
        assert not pipeline.prefetch()
