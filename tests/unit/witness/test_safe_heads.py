"""Looking for the first L1 block at which an L2 block is safe, a few questions at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.rpc import MethodNotFoundError, SafeHeadAtL1Block
from coprove.types import BlockId, Hash32, L1BlockRef, L2BlockRef
from coprove.witness.errors import RangeNotSafeError
from coprove.witness.l1 import choose_l1_head, first_safe_l1_block

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.rpc import RollupNodeClient, SyncStatus

HASH = Hash32(bytes(32))


def l1(number: int) -> L1BlockRef:
    return L1BlockRef(hash=HASH, number=number, parent_hash=HASH, timestamp=0)


def l2(number: int, origin: int = 0) -> L2BlockRef:
    return L2BlockRef(
        hash=HASH,
        number=number,
        parent_hash=HASH,
        timestamp=0,
        l1_origin=BlockId(hash=HASH, number=origin),
        sequence_number=0,
    )


@dataclass
class Node:
    """Block 100 is safe from L1 block `first` on; nothing is recorded below `recorded`."""

    first: int
    recorded: int = 0
    database: bool = True
    trips: int = 0

    async def safe_heads_at_l1_blocks(
        self, numbers: Sequence[int]
    ) -> list[SafeHeadAtL1Block | None]:
        self.trips += 1
        if not self.database:
            raise MethodNotFoundError("optimism_safeHeadAtL1Block", code=-32601, message="no")
        assert len(numbers) == len(set(numbers))
        return [
            None
            if number < self.recorded
            else SafeHeadAtL1Block(
                l1_block=BlockId(hash=HASH, number=number),
                safe_head=BlockId(hash=HASH, number=100 if number >= self.first else 99),
            )
            for number in numbers
        ]


@dataclass
class Status:
    """The heads that matter here."""

    safe_l2: L2BlockRef
    current_l1: L1BlockRef


async def found(node: Node, origin: int, current: int) -> int | None:
    status = cast("SyncStatus", Status(l2(100), l1(current)))
    return await first_safe_l1_block(cast("RollupNodeClient", node), status, l2(100, origin))


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 5000))
async def test_the_first_safe_block_is_found_in_few_trips(
    origin: int, first: int, current: int, recorded: int
) -> None:
    """Wherever it lies between the origin and what the node has read."""
    current = max(current, origin)
    node = Node(first, min(recorded, first))
    if first > current:
        assert await found(node, origin, current) is None
    else:
        assert await found(node, origin, current) == max(first, origin)
    assert node.trips <= 5


async def test_a_batch_that_was_posted_soon_takes_one_trip() -> None:
    """The usual case."""
    node = Node(1_012)
    assert await found(node, 1_000, 90_000) == 1_012
    assert node.trips == 1


async def test_without_a_database_the_head_is_a_guess() -> None:
    """A buffer behind the origin, but not beyond what the node has read."""
    node = cast("RollupNodeClient", Node(0, database=False))
    for current, expected in ((90, 30), (25, 25)):
        status = cast("SyncStatus", Status(l2(100), l1(current)))
        assert await choose_l1_head(node, status, l2(100, 10), 20) == expected


async def test_a_block_that_is_not_safe_is_waited_for() -> None:
    """The node says so itself."""
    status = cast("SyncStatus", Status(l2(99), l1(50)))
    with pytest.raises(RangeNotSafeError):
        await first_safe_l1_block(cast("RollupNodeClient", Node(0)), status, l2(100))
