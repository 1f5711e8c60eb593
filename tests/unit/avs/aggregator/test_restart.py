"""A process that dies at any moment: the next one loses nothing and confirms once.

An engine is frozen before or after its n-th call to the database or the chain, for every n, and
dropped there; another one starts on what is stored, and operators send again what they were not
told was taken.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from coprove.avs.tasks import Refusal, RefusedError
from coprove.storage import AvsTaskState
from tests.unit.avs.aggregator.lab import EXPIRES, NOW, World, operators, poe, refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from coprove.avs.aggregator.engine import AggregatorEngine
    from coprove.types import Hash32

BOTH = {0: 100, 1: 100}
_OUTSIDE = {"add_task", "set_state", "accept", "put_confirmation", "calldata", "check", "send"}


class Frost:
    """Lets so many calls through, and none after."""

    def __init__(self, calls: int, *, done: bool) -> None:
        """Freeze at call number `calls`, from 0: after it is `done`, or before."""
        self.left = calls
        self.done = done
        self.frozen = asyncio.Event()

    def around(self, inner: Any) -> Any:
        """Return the object with its calls counted."""
        return _Frosted(inner, self)

    async def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.left -= 1
        if self.left >= 0:
            return await method(*args, **kwargs)
        if self.done and not self.frozen.is_set():
            await method(*args, **kwargs)
        self.frozen.set()
        return await asyncio.get_running_loop().create_future()


class _Frosted:
    def __init__(self, inner: Any, frost: Frost) -> None:
        self._inner, self._frost = inner, frost

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in _OUTSIDE:
            return method

        async def counted(*args: Any, **kwargs: Any) -> Any:
            return await self._frost.call(method, *args, **kwargs)

        return counted


async def _life(world: World, engine: AggregatorEngine, told: set[Hash32]) -> None:
    """What happens to an aggregator: a task, its signatures, a liar's second state, time."""
    task = await world.open(engine)
    roots, other = poe(task.draft), poe(task.draft, tag=1)
    liar = world.people[0]
    for one in world.people[:3]:
        outcome = await refused(engine, one.submission(task, roots))
        assert outcome in (None, Refusal.DUPLICATE, Refusal.COMPLETED, Refusal.EQUIVOCATION)
        if outcome is not Refusal.COMPLETED:
            told.add(one.id)
        if one is liar:
            with contextlib.suppress(RefusedError):
                await engine.submit(one.submission(task, other))
    await engine.settled()
    await engine.tick()


async def _run_until_frozen(world: World, frost: Frost, told: set[Hash32]) -> bool:
    """Return whether a life ended before it froze; else it is dropped where it is."""
    async with world.engine(log=frost.around, chain=frost.around) as engine:
        life = asyncio.create_task(_life(world, engine, told))
        frozen = asyncio.create_task(frost.frozen.wait())
        await asyncio.wait({life, frozen}, return_when=asyncio.FIRST_COMPLETED)
        if life.done():
            frozen.cancel()
            await life
            return True
        # As a kill does: nothing more is done, whatever was on its way.
        here = asyncio.current_task()
        dropped = [task for task in asyncio.all_tasks() if task is not here]
        for task in dropped:
            task.cancel()
        await asyncio.gather(*dropped, return_exceptions=True)
        return False


@pytest.mark.parametrize("done", [False, True])
async def test_a_death_at_any_call_loses_nothing(tmp_path: Path, *, done: bool) -> None:
    """Every write to the database and every call to the chain is a place to die, once or twice."""
    people = operators(BOTH, BOTH, BOTH, BOTH)
    for calls in range(100):
        folder = tmp_path / str(calls)
        folder.mkdir()
        world = World(folder, people)
        told: set[Hash32] = set()
        if await _run_until_frozen(world, Frost(calls, done=done), told):
            break
        # It dies again soon after, and then lives.
        await _run_until_frozen(world, Frost(calls % 3, done=not done), told)
        async with world.engine() as engine:
            await _life(world, engine, told)
            (task,) = await world.log.tasks(recent=9)
            assert task.state is AvsTaskState.CONFIRMED
            signed = {one.operator_id for one in await world.log.signatures(task.number)}
            assert told <= signed
            assert len(await world.log.evidence()) == 1
            states = [one.state.value for one in await world.log.confirmations(task.number)]
            assert states == ["done"]
        assert len(world.chain.calls) == 1
        assert len(world.chain.sent) == 1
    else:
        pytest.fail("a life has fewer calls than that")
    assert calls > 7


async def test_what_was_accepted_is_counted_after_a_restart(tmp_path: Path) -> None:
    """The threshold is met by signatures of before and after."""
    world = World(tmp_path, operators(BOTH, BOTH, BOTH, BOTH))
    async with world.engine() as engine:
        task = await world.open(engine)
        for one in world.people[:2]:
            await engine.submit(one.submission(task, poe(task.draft)))
    async with world.engine() as engine:
        assert await world.open(engine) == task
        again = world.people[0].submission(task, poe(task.draft))
        assert await refused(engine, again) is Refusal.DUPLICATE
        await engine.submit(world.people[2].submission(task, poe(task.draft)))
        await engine.settled()
        assert len(world.chain.calls) == 1


async def test_a_threshold_that_was_met_before_the_restart_is_acted_on(tmp_path: Path) -> None:
    world = World(tmp_path, operators(BOTH, BOTH, BOTH, BOTH), min_wait=30.0)
    async with world.engine() as engine:
        task = await world.open(engine)
        for one in world.people:
            await engine.submit(one.submission(task, poe(task.draft)))
    world.clock.now = NOW + 30
    async with world.engine() as engine:
        await engine.settled()
        assert len(world.chain.calls) == 1


async def test_a_reference_block_that_left_the_chain_while_nobody_looked(tmp_path: Path) -> None:
    """The task is void after the restart, and its number is not given again."""
    world = World(tmp_path, operators(BOTH, BOTH, BOTH, BOTH))
    async with world.engine() as engine:
        task = await world.open(engine)
    world.registry.fork = 1
    async with world.engine() as engine:
        assert await engine.next_task(0, 3, 0.0) is None
        assert (await world.open(engine)).number == task.number + 1


async def test_a_task_that_expired_while_nobody_looked(tmp_path: Path) -> None:
    """It ends as expired, unless its confirmation was on its way."""
    world = World(tmp_path, operators(BOTH, BOTH, BOTH, BOTH))
    told: set[Hash32] = set()
    # The last call of a life that matters: the transaction goes out, and nobody notes it.
    for calls in range(30):
        await _run_until_frozen(world, Frost(calls, done=True), told)
        if world.chain.calls:
            break
    world.clock.now = EXPIRES + 1
    async with world.engine() as engine:
        await engine.tick()
        await engine.settled()
        (task,) = await world.log.tasks(recent=9)
        assert task.state is AvsTaskState.CONFIRMED
    assert len(world.chain.calls) == 1
