"""A proposer killed before or after any of its calls: nothing is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from coprove.prover import RangeJob
from coprove.storage import RequestKind, RequestStatus
from tests.unit.proposer.bench import Proposer, World

if TYPE_CHECKING:
    from pathlib import Path

PARTS = ("store", "backend", "sender", "contract", "witness", "pool", "node", "l1", "l2")


class Killed(BaseException):
    """The process is gone."""


class Assassin:
    """Kills a process at its call number `at`, before or after the call has its effect."""

    def __init__(self, at: int, *, after: bool) -> None:
        """Count from 1; 0 never kills."""
        self.at, self.after, self.calls, self.is_dead = at, after, 0, False

    def wrap(self, target: Any) -> Any:
        """Give a stand-in for `target` whose coroutine methods are counted."""
        assassin = self

        class Watched:
            def __getattr__(self, name: str) -> Any:
                value = getattr(target, name)
                if not inspect.iscoroutinefunction(value):
                    return value

                async def call(*args: Any, **kwargs: Any) -> Any:
                    return await assassin.call(value, *args, **kwargs)

                return call

        return Watched()

    async def call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Make a call, unless this one is the last."""
        if self.is_dead:
            raise Killed
        self.calls += 1
        is_last = self.calls == self.at
        if is_last and not self.after:
            self.is_dead = True
            raise Killed
        result = await function(*args, **kwargs)
        if is_last or self.is_dead:
            self.is_dead = True
            raise Killed
        return result


def watched(proposer: Proposer, assassin: Assassin) -> Proposer:
    """Put the assassin between a proposer and all that it calls."""
    ctx = proposer.ctx
    changes: dict[str, Any] = {part: assassin.wrap(getattr(ctx, part)) for part in PARTS}
    fields = {name: getattr(ctx, name) for name in ctx.__slots__}
    return Proposer(proposer.world, type(ctx)(**fields | changes))


async def run_until_dead_or_done(proposer: Proposer, assassin: Assassin) -> None:
    for _ in range(30):
        if assassin.is_dead or proposer.world.contract.latest == 20:
            return
        try:
            await proposer.tick()
        except Killed:
            return
    raise AssertionError("neither dead nor done")


async def a_life_and_its_successor(folder: Path, at: int, *, after: bool) -> int:
    """Kill a proposer at a call, let another finish; return how many calls the first made."""
    world = World(folder)
    world.contract.interval = 20
    assassin = Assassin(at, after=after)
    first = watched(await world.begin("one"), assassin)
    await run_until_dead_or_done(first, assassin)
    await first.die()
    second = await world.begin("two")
    for _ in range(40):
        # One tick more than needed, so that what is on L1 is noted.
        is_done = world.contract.latest == 20
        await second.tick(seconds=20)
        if is_done:
            break
    await check(world)
    return assassin.calls


async def check(world: World) -> None:
    """One output with the right root, by one transaction; each proof asked for once."""
    assert [output[:2] for output in world.contract.outputs[1:]] == [(20, world.l2.root(20))]
    assert len(world.sender.proposals()) == 1
    assert len(world.sender.effects) == 2
    asked = Counter(world.backend.jobs[key].blocks for key in world.backend.submissions)
    assert set(asked.values()) == {1}, asked
    assert world.backend.count(RangeJob) == 4
    assert [item[:2] for item in await world.ranges()] == [(0, 5), (5, 10), (10, 15), (15, 20)]
    relayed = await world.store.find(kind=RequestKind.AGGREGATION, statuses={RequestStatus.RELAYED})
    assert len(relayed) == 1
    assert relayed[0].relay_tx == world.contract.outputs[1][2]
    assert not await world.store.open_intents()
    (checkpoint,) = await world.store.checkpoints()
    assert checkpoint.block == relayed[0].checkpoint


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("part", range(4))
async def test_killed_at_every_call(tmp_path: Path, part: int, *, after: bool) -> None:
    """Each of its calls in turn is its last."""
    total = await a_life_and_its_successor(tmp_path / "all", 0, after=False)
    assert total > 100
    for at in range(1 + part, total + 1, 4):
        await a_life_and_its_successor(tmp_path / str(at), at, after=after)


def _has_output(world: World) -> bool:
    return world.contract.latest == 20


async def test_cancelled_at_every_moment(tmp_path: Path) -> None:
    """A stop while work is under way leaves what the next process takes up."""
    for steps in range(1, 60, 3):
        world = World(tmp_path / str(steps))
        world.contract.interval = 20
        first = await world.begin("one")
        task = asyncio.create_task(first.loop.run())
        for _ in range(steps * 5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await first.ctx.background.stop()
        await first.ctx.leadership.release()
        second = await world.begin("two")
        await second.until(partial(_has_output, world), seconds=20)
        await second.tick()
        await check(world)
