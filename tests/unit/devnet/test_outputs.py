"""From claims to outputs against a contract and chains in memory, with every kind of mishap."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests.vectors import recording_dir

from coprove.contracts.errors import TransactionRevertedError
from coprove.contracts.mock_proof import is_mock_proof
from coprove.devnet.proposer.outputs import (
    LATEST_OUTPUT,
    OUTPUTS,
    OutputMismatchError,
    OutputProposer,
)
from coprove.devnet.proposer.records import OutputState, RangeState
from coprove.devnet.proposer.store import ProposerStore
from coprove.devnet.sender import Mined
from coprove.primitives import keccak256
from coprove.rpc import L1Client, NotYetAvailableError, RollupNodeClient
from coprove.telemetry import Metrics
from coprove.types import BlockHeader, BlockRange, BootInfo, Hash32, L1BlockRef
from coprove.witness import Recording

INTERVAL = 10


def root(block: int) -> Hash32:
    return Hash32(block.to_bytes(32, "big"))


@dataclass
class Header:
    header: BlockHeader
    rlp: bytes
    hash: Hash32


class FakeL1:
    """Headers that chain by hash; `branch` gives them other hashes from a block on."""

    def __init__(self, template: BlockHeader, length: int) -> None:
        """Begin with `length` blocks that look like `template`."""
        self.template, self.chain = template, list[Header]()
        self.grow(length)
        self.safe_distance = 2

    def grow(self, count: int, extra: bytes = b"") -> None:
        for _ in range(count):
            parent = self.chain[-1].hash if self.chain else Hash32(bytes(32))
            header = replace(
                self.template, number=len(self.chain), parent_hash=parent, extra_data=extra
            )
            self.chain.append(Header(header, header.encode_rlp(), header.hash()))

    def reorg(self, depth: int) -> None:
        length = len(self.chain)
        del self.chain[length - depth :]
        self.grow(depth, extra=b"other")

    async def header(self, block: int | Hash32) -> Header:
        for item in self.chain:
            if block in (item.hash, item.header.number):
                return item
        raise NotYetAvailableError("no such block")

    async def headers(self, blocks: list[int]) -> list[Header]:
        return [await self.header(block) for block in blocks]

    async def block_ref(self, tag: str) -> L1BlockRef:
        assert tag == "safe"
        found = self.chain[-1 - self.safe_distance]
        return L1BlockRef.from_header(found.header, found.hash)


@dataclass
class FakeNode:
    wrong: set[int] = field(default_factory=set)

    async def output_at_block(self, number: int) -> Any:
        @dataclass
        class Answer:
            root: Hash32

        return Answer(root(number + 1000 if number in self.wrong else number))


@dataclass
class FakeOracle:
    """Behaves like the contract; each key has its effect once."""

    l1: FakeL1
    latest: int = 0
    checkpoints: dict[int, Hash32] = field(default_factory=dict)
    effects: dict[str, Mined] = field(default_factory=dict)
    spoil_next_checkpoint: bool = False
    revert_next_proposal: bool = False
    crash_after_proposal: bool = False

    async def latest_block(self) -> int:
        return self.latest

    async def next_block(self) -> int:
        return self.latest + INTERVAL

    async def range_vkey_commitment(self) -> Hash32:
        return root(1)

    async def aggregation_vkey(self) -> Hash32:
        return root(2)

    async def checkpointed_hash(self, l1_block: int) -> Hash32 | None:
        return self.checkpoints.get(l1_block)

    async def checkpoint(self, l1_block: int, *, key: str) -> Mined:
        def effect() -> None:
            spoilt, self.spoil_next_checkpoint = self.spoil_next_checkpoint, False
            block_hash = self.l1.chain[l1_block].hash
            self.checkpoints[l1_block] = Hash32(keccak256(block_hash)) if spoilt else block_hash

        return self._once(key, effect)

    async def simulate(  # the real one's parameters
        self,
        root: Hash32,  # noqa: ARG002
        l2_block: int,
        l1_block: int,
        proof: bytes,
    ) -> None:
        assert is_mock_proof(proof)
        assert l2_block == self.latest + INTERVAL
        assert self.checkpoints[l1_block] == self.l1.chain[l1_block].hash

    async def propose(  # the real one's parameters
        self,
        root: Hash32,  # noqa: ARG002
        l2_block: int,
        l1_block: int,  # noqa: ARG002
        proof: bytes,  # noqa: ARG002
        *,
        key: str,
    ) -> Mined:
        def effect() -> None:
            if self.revert_next_proposal:
                self.revert_next_proposal = False
                raise TransactionRevertedError(key, tx_hash="0x00", error="reorg")
            assert l2_block == self.latest + INTERVAL
            self.latest = l2_block

        mined = self._once(key, effect)
        if self.crash_after_proposal:
            self.crash_after_proposal = False
            raise KeyboardInterrupt
        return mined

    async def proposed_in(self, l2_block: int) -> Hash32 | None:
        return next(
            (mined.tx_hash for key, mined in self.effects.items() if f"-{l2_block}-" in key), None
        )

    async def is_mined(self, tx_hash: Hash32) -> bool:
        return tx_hash in {mined.tx_hash for mined in self.effects.values()}

    def _once(self, key: str, effect: Any) -> Mined:
        if key not in self.effects:
            effect()
            self.effects[key] = Mined(
                tx_hash=Hash32(keccak256(key.encode())), block_number=len(self.l1.chain)
            )
        return self.effects[key]


@dataclass
class Bench:
    l1: FakeL1
    node: FakeNode
    oracle: FakeOracle
    store: ProposerStore
    proposer: OutputProposer

    def add_range(self, start: int, end: int, l1_head: int = 5) -> None:
        self.store.add_ranges([BlockRange(start=start, end=end)])
        self.run_range(start, end, l1_head)

    def run_range(self, start: int, end: int, l1_head: int = 5) -> None:
        self.store.begin_range(start)
        info = BootInfo(
            l1_head=self.l1.chain[l1_head].hash,
            l2_pre_root=root(start),
            l2_post_root=root(end),
            l2_block_number=end,
            rollup_config_hash=root(3),
        )
        self.store.finish_range(start, info)

    def proposals(self) -> list[str]:
        return [key for key in self.oracle.effects if key.startswith("propose")]


def make_proposer(
    store: ProposerStore, l1: FakeL1, node: FakeNode, oracle: FakeOracle
) -> OutputProposer:
    return OutputProposer(
        store,
        l1=cast("L1Client", l1),
        node=cast("RollupNodeClient", node),
        settlement=oracle,
        metrics=Metrics([OUTPUTS, LATEST_OUTPUT]),
    )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    recording = Recording(recording_dir("calldata"))
    template = BlockHeader.decode_rlp(recording.l1_block(1).header)
    l1, node = FakeL1(template, 20), FakeNode()
    oracle = FakeOracle(l1)
    with ProposerStore(tmp_path / "p.sqlite") as store:
        yield Bench(l1, node, oracle, store, make_proposer(store, l1, node, oracle))


async def test_an_output_needs_all_its_ranges(bench: Bench) -> None:
    """Half of the interval proposes nothing, the whole of it one output."""
    bench.add_range(0, 5)
    await bench.proposer.tick()
    assert bench.oracle.effects == {}
    bench.add_range(5, 10)
    await bench.proposer.tick()
    assert bench.oracle.latest == 10
    stored = bench.store.output(10)
    assert stored is not None
    assert stored.state is OutputState.PROPOSED
    assert stored.checkpoint.number == 17  # the safe block, not the head
    await bench.proposer.tick()
    assert len(bench.oracle.effects) == 2


async def test_it_waits_until_the_safe_block_has_passed_every_l1_head(bench: Bench) -> None:
    """Nothing is sent before."""
    bench.add_range(0, 10, l1_head=19)
    await bench.proposer.tick()
    assert bench.oracle.effects == {}
    bench.l1.grow(2)
    await bench.proposer.tick()
    assert bench.oracle.latest == 10


async def test_killed_after_sending_it_finds_its_output_and_sends_nothing(bench: Bench) -> None:
    """The intent stands in the database, the outcome on L1."""
    bench.add_range(0, 10)
    bench.oracle.crash_after_proposal = True
    with pytest.raises(KeyboardInterrupt):
        await bench.proposer.tick()
    again = make_proposer(bench.store, bench.l1, bench.node, bench.oracle)
    await again.tick()
    stored = bench.store.output(10)
    assert stored is not None
    assert stored.state is OutputState.PROPOSED
    assert len(bench.proposals()) == 1


async def test_a_spoilt_checkpoint_is_replaced_by_a_newer_one(bench: Bench) -> None:
    """The contract's hash is compared with the block's before it is relied on."""
    bench.add_range(0, 10)
    bench.oracle.spoil_next_checkpoint = True
    await bench.proposer.tick()
    assert bench.oracle.latest == 0
    await bench.proposer.tick()
    assert bench.oracle.latest == 0  # the safe block has not moved yet
    bench.l1.grow(1)
    await bench.proposer.tick()
    assert bench.oracle.latest == 10
    stored = bench.store.output(10)
    assert stored is not None
    assert (stored.checkpoint.number, stored.attempt) == (18, 2)


async def test_a_range_whose_l1_head_went_in_a_reorg_runs_again(bench: Bench) -> None:
    """Its claim is discarded and nothing is sent."""
    bench.add_range(0, 10, l1_head=17)
    bench.l1.reorg(4)
    await bench.proposer.tick()
    (stored,) = bench.store.ranges()
    assert stored.state is RangeState.NEW
    assert bench.oracle.effects == {}
    bench.run_range(0, 10, l1_head=17)
    await bench.proposer.tick()
    assert bench.oracle.latest == 10


async def test_a_proposal_that_l1_dropped_is_made_again(bench: Bench) -> None:
    """The contract is back at the output before: a new checkpoint, a new key, the same root."""
    bench.add_range(0, 10)
    await bench.proposer.tick()
    bench.oracle.latest = 0
    bench.oracle.effects.clear()
    bench.oracle.checkpoints.clear()
    bench.l1.reorg(1)
    bench.l1.grow(3)
    await bench.proposer.tick()
    assert bench.oracle.latest == 10
    stored = bench.store.output(10)
    assert stored is not None
    assert stored.attempt == 2
    assert stored.root == root(10)


async def test_a_reverted_proposal_gets_a_new_key(bench: Bench) -> None:
    """A key whose transaction failed is used up."""
    bench.add_range(0, 10)
    bench.oracle.revert_next_proposal = True
    with pytest.raises(TransactionRevertedError):
        await bench.proposer.tick()
    await bench.proposer.tick()
    assert bench.oracle.latest == 10
    assert bench.proposals()[0].endswith("-2")


async def test_another_root_than_the_nodes_is_never_proposed(bench: Bench) -> None:
    """A claim that the node contradicts is run again; nothing is sent."""
    bench.add_range(0, 10)
    bench.node.wrong.add(10)
    await bench.proposer.tick()
    assert bench.oracle.effects == {}
    assert bench.store.ranges()[0].state is RangeState.NEW
    assert issubclass(OutputMismatchError, Exception)
