"""Where the node starts again, and on which L1 origin it builds."""

from __future__ import annotations

import gzip
import json
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import pytest

from coprove.derivation.l1_info import l2_block_ref
from coprove.derivation.source import L1Block
from coprove.devnet.node.chain import Chain
from coprove.devnet.node.config import MempoolConfig, NodeConfig
from coprove.devnet.node.head_view import head_view
from coprove.devnet.node.mempool import Mempool
from coprove.devnet.node.reset import WrongL1Error, find_heads
from coprove.devnet.node.sequencer import OriginReorgError, Sequencer, WaitForL1Error
from coprove.devnet.node.status import SyncStatus
from coprove.devnet.node.store import Store
from coprove.types import BlockHeader, Hash32, L1BlockRef
from tests.unit.devnet_node.recorded import EXAMPLE, hexed, stored
from tests.unit.devnet_node.test_chain import genesis, replay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from coprove.devnet.node.l1 import L1View


@cache
def l1_blocks() -> tuple[L1Block, ...]:
    """The recorded L1."""
    with gzip.open(EXAMPLE / "l1.jsonl.gz") as lines:
        rows = [json.loads(line) for line in lines]
    return tuple(
        L1Block(
            header=BlockHeader.decode_rlp(hexed(row["header_rlp"])),
            hash=Hash32(hexed(row["hash"])),
            transactions=tuple(hexed(raw) for raw in row["raw_transactions"]),
            receipts=tuple(hexed(raw) for raw in row["raw_receipts"]),
        )
        for row in rows
    )


class FakeL1:
    """The recorded L1 up to `head`, with other blocks from `fork` on."""

    def __init__(self, head: int, fork: int = 1000) -> None:
        """Set where it ends and forks."""
        self.head = head
        self.fork = fork
        self.is_down = False

    async def canonical(self, number: int) -> L1BlockRef | None:
        if number > self.head:
            return None
        ref = l1_blocks()[number].ref
        if number < self.fork:
            return ref
        parent = ref.parent_hash if number == self.fork else Hash32(bytes([number]) * 32)
        return L1BlockRef(
            hash=Hash32(bytes([number + 1]) * 32),
            number=number,
            parent_hash=parent,
            timestamp=ref.timestamp,
        )

    async def by_hash(self, block_hash: Hash32) -> L1BlockRef | None:
        return next((block.ref for block in l1_blocks() if block.hash == block_hash), None)

    async def block(self, block_hash: Hash32) -> L1Block:
        return next(block for block in l1_blocks() if block.hash == block_hash)


def view(l1: FakeL1) -> L1View:
    return cast("L1View", l1)


@pytest.fixture
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    store = Store(tmp_path)
    built = Chain(store, genesis())
    await replay(built, 60)
    yield built
    store.close()


def make_safe(chain: Chain, number: int, l1_number: int) -> None:
    chain.set_safe(stored(number).hash, l1_blocks()[l1_number].ref)


async def test_nothing_changed(chain: Chain) -> None:
    """On the same L1 both heads stay."""
    make_safe(chain, 20, 12)
    make_safe(chain, 30, 16)
    heads = await find_heads(chain, view(FakeL1(64)))
    assert (heads.unsafe.number, heads.safe.number, heads.kept_l1_number) == (60, 30, 16)


async def test_a_reorg_above_the_safe_heads_source(chain: Chain) -> None:
    """Only unsafe blocks go, back to the last one whose origin is canonical."""
    make_safe(chain, 30, 16)
    fork = chain.ref(stored(50).hash).l1_origin.number
    heads = await find_heads(chain, view(FakeL1(64, fork)))
    assert heads.safe.number == 30
    assert heads.unsafe.l1_origin.number == fork - 1
    following = chain.canonical(heads.unsafe.number + 1)
    assert following is not None
    assert following.l1_origin.number == fork


async def test_a_reorg_below_it(chain: Chain) -> None:
    """The safe head goes back to what the remaining L1 blocks prove."""
    make_safe(chain, 20, 12)
    make_safe(chain, 30, 16)
    make_safe(chain, 34, 18)
    heads = await find_heads(chain, view(FakeL1(64, 15)))
    assert (heads.safe.number, heads.kept_l1_number) == (20, 12)
    assert heads.unsafe.l1_origin.number == 14
    heads = await find_heads(chain, view(FakeL1(64, 3)))
    assert (heads.safe.number, heads.kept_l1_number) == (0, 0)


async def test_a_shorter_l1(chain: Chain) -> None:
    """Origins that L1 does not have count as not canonical."""
    make_safe(chain, 20, 12)
    heads = await find_heads(chain, view(FakeL1(14)))
    assert heads.unsafe.l1_origin.number == 14


async def test_finalized_blocks_never_go(chain: Chain) -> None:
    """An L1 that undoes a finalized block, or is another chain, stops the node."""
    make_safe(chain, 20, 12)
    chain.set_finalized(stored(20).hash)
    with pytest.raises(WrongL1Error):
        await find_heads(chain, view(FakeL1(64, 10)))
    with pytest.raises(WrongL1Error):
        await find_heads(chain, view(FakeL1(64, 0)))


def sequencer(chain: Chain, l1: FakeL1, clock: float = 0, **settings: Any) -> Sequencer:
    folder = EXAMPLE
    config = NodeConfig(
        data_dir=folder,
        l2_genesis=folder,
        rollup_config=folder,
        l1_chain_config=folder,
        l1_rpc_url="",
        **settings,
    )
    status = SyncStatus(is_resetting=False)
    status.head_l1 = l1_blocks()[l1.head].ref
    return Sequencer(
        chain=chain,
        mempool=Mempool(MempoolConfig(), head_view(chain)),
        l1=view(l1),
        status=status,
        config=config,
        l1_chain_config=genesis().l1_chain_config,
        request_reset=lambda _reason: None,
        clock=lambda: clock,
    )


async def test_origin_is_the_newest_that_is_confirmed_and_old_enough(chain: Chain) -> None:
    """The next L1 block is taken when it is confirmed and not later than the L2 block."""
    parent = chain.ref(stored(60).hash)
    number = parent.l1_origin.number
    early = chain.ref(stored(60).hash).timestamp + 1 < l1_blocks()[number + 1].ref.timestamp
    wanted = number if early else number + 1
    full = await sequencer(chain, FakeL1(64)).find_origin(parent)
    assert full.number == wanted
    held = await sequencer(chain, FakeL1(number + 1), sequencer_l1_confs=1).find_origin(parent)
    assert held.number == number


async def test_origin_that_was_replaced(chain: Chain) -> None:
    """A next block that does not follow the current origin asks for a reset."""
    parent = chain.ref(stored(60).hash)
    fork = parent.l1_origin.number
    with pytest.raises(OriginReorgError):
        await sequencer(chain, FakeL1(64, fork)).find_origin(parent)


async def test_past_the_drift_without_a_next_origin(chain: Chain) -> None:
    """Past the maximum drift the sequencer waits for L1."""
    parent = chain.ref(stored(60).hash)
    late = type(parent)(
        hash=parent.hash,
        number=parent.number,
        parent_hash=parent.parent_hash,
        timestamp=parent.timestamp + 1900,
        l1_origin=parent.l1_origin,
        sequence_number=parent.sequence_number,
    )
    with pytest.raises(WaitForL1Error):
        await sequencer(chain, FakeL1(parent.l1_origin.number)).find_origin(late)


class GivenPool:
    """A pool that offers a block's own transactions."""

    def __init__(self) -> None:
        """Start empty."""
        self.given: list[bytes] = []

    def candidates(self) -> list[bytes]:
        return self.given

    def drop(self, _hashes: object) -> None:
        """Nothing is held."""


async def test_built_blocks_equal_the_recorded_ones(tmp_path: Path) -> None:
    """With the recorded L1 origins and transactions the sequencer builds op-node's blocks."""
    store = Store(tmp_path)
    chain = Chain(store, genesis())
    worker, pool = sequencer(chain, FakeL1(64)), GivenPool()
    for number in range(1, 119):
        recorded = stored(number)
        header = BlockHeader.decode_rlp(recorded.header)
        origin = l2_block_ref(chain.config, header, recorded.transactions[0]).l1_origin

        async def chosen(_parent: object, number: int = origin.number) -> L1BlockRef:
            # op-node's choice depended on what L1 had when it built the block.
            return l1_blocks()[number].ref

        pool.given = [raw for raw in recorded.transactions if raw[0] != 0x7E]
        worker.find_origin = chosen  # type: ignore[method-assign,assignment]
        worker._mempool = cast("Mempool", pool)
        block = await worker.build_block()
        assert block is not None
        assert block.hash == recorded.hash
    store.close()
