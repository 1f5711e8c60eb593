"""Where a range's pipeline may start."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from coprove.program.agreed import starts_pipeline
from coprove.types import BlockId, Fork, Hash32, L2BlockRef
from tests.unit.derivation.simulated import START, World, forks_until

_GRANITE = START + 10_000


def _ref(number: int, origin: int, timestamp: int) -> L2BlockRef:
    return L2BlockRef(
        hash=Hash32(bytes(32)),
        number=number,
        parent_hash=Hash32(bytes(32)),
        timestamp=timestamp,
        l1_origin=BlockId(hash=Hash32(bytes(32)), number=origin),
        sequence_number=0,
    )


@pytest.mark.parametrize(
    ("timestamp", "origin_time", "timeout"),
    [
        (_GRANITE, _GRANITE, 8),
        (_GRANITE + 500, _GRANITE - 1, 12),
        (_GRANITE - 2, _GRANITE - 2, 12),
        (_GRANITE + 500, None, 12),
        (_GRANITE + 1_800, None, 8),
    ],
)
def test_the_timeout_is_that_of_the_l1_origin(
    timestamp: int, origin_time: int | None, timeout: int
) -> None:
    """Granite's shorter one counts once an L1 block is in it, however far ahead L2 is."""
    forks = list(forks_until(Fork.GRANITE))
    forks[Fork.GRANITE - 1] = _GRANITE
    config = World.make(random.Random(1), tuple(forks), l1_length=1).config
    block = _ref(5_000, 700, timestamp)
    for distance in range(20):
        agreed = _ref(6_000, 700 + distance, timestamp + 400)
        allowed = starts_pipeline(config, block, agreed, origin_time=origin_time)
        assert allowed is (distance >= timeout)
    genesis = replace(block, number=0)
    assert starts_pipeline(config, genesis, genesis, origin_time=origin_time)
