"""A range that is asked about again is asked about up to the same L1 head."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from coprove.types import Hash32
from tests.unit.avs.aggregator.lab import EXPIRES, World, draft, operators, poe

if TYPE_CHECKING:
    from pathlib import Path


async def test_who_signed_an_expired_task_can_sign_it_again(tmp_path: Path) -> None:
    """Its source has a newer L1 head by then; the state stays the same, also after a restart."""
    world = World(tmp_path, operators(*[{0: 100, 1: 100}] * 4))
    later = replace(draft(), l1_head=Hash32(b"i" * 32), l1_head_number=95)
    async with world.engine() as engine:
        first = await world.open(engine)
        await engine.submit(world.people[0].submission(first, poe(first.draft)))
        world.clock.now = EXPIRES
        await engine.tick()
    async with world.engine() as engine:
        again = await engine.open(
            later,
            reference_block=100,
            quorums=(0, 1),
            thresholds=(67, 67),
            expires_at=EXPIRES + 600,
        )
        assert again.number == first.number + 1
        assert again.draft.l1_head == first.draft.l1_head
        state = poe(first.draft)
        for one in world.people[:3]:
            await engine.submit(one.submission(again, state))
        await engine.settled()
        (call,) = world.chain.calls
        assert call.header.state == state.encode()
        assert not await world.log.evidence()
