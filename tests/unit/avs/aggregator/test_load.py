"""Who sends much or badly pays for it alone."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from coprove.avs.aggregator.batching import BatchVerifier
from coprove.avs.aggregator.metrics import ENGINE_METRICS
from coprove.avs.aggregator.offenders import Allowance, Offenders
from coprove.avs.tasks import Refusal, RefusedError, Submission
from coprove.storage.errors import LeaseLostError, StoreUnavailableError
from coprove.telemetry import Metrics
from tests.unit.avs.aggregator.lab import Operator, World, operators, poe, refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from coprove.avs.tasks import AvsTask

BOTH = {0: 100, 1: 100}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, operators(BOTH, BOTH, BOTH, BOTH), offender_burst=2.0)


def _bad(one: Operator, other: Operator, task: AvsTask) -> Submission:
    """A good prover signature beside another operator's BLS signature."""
    roots = poe(task.draft)
    return replace(one.submission(task, roots), signature=other.submission(task, roots).signature)


async def test_after_a_bad_signature_few_more_are_looked_at(world: World) -> None:
    """Until time passes, or a good one shows that it was another's doing."""
    one, other = world.people[:2]
    async with world.engine() as engine:
        task = await world.open(engine)
        bad = _bad(one, other, task)
        found = [await refused(engine, bad) for _ in range(5)]
        assert found == [Refusal.SIGNATURE] * 3 + [Refusal.RATE_LIMITED] * 2
        good = one.submission(task, poe(task.draft))
        assert await refused(engine, good) is Refusal.RATE_LIMITED
        assert await refused(engine, other.submission(task, poe(task.draft))) is None
        world.clock.now += 2.0
        assert await refused(engine, good) is None


async def test_what_strangers_send_in_its_name_spends_nothing_of_its_session(
    world: World,
) -> None:
    """An operator that authenticated has an allowance of its own."""
    one, other = world.people[:2]
    async with world.engine() as engine:
        task = await world.open(engine)
        bad = _bad(one, other, task)
        while await refused(engine, bad) is not Refusal.RATE_LIMITED:
            pass
        good = one.submission(task, poe(task.draft))
        assert await refused(engine, good, session=True) is None


async def test_an_operator_has_few_that_wait(tmp_path: Path) -> None:
    world = World(tmp_path, operators(BOTH, BOTH), pending_per_operator=2)
    async with world.engine() as engine:
        task = await world.open(engine)
        good = world.people[0].submission(task, poe(task.draft))
        found = await asyncio.gather(*(refused(engine, good) for _ in range(4)))
        assert found == [None, Refusal.DUPLICATE, Refusal.RATE_LIMITED, Refusal.RATE_LIMITED]


async def test_when_the_queue_is_full_the_rest_is_told_to_come_again(tmp_path: Path) -> None:
    world = World(tmp_path, operators(*[BOTH] * 4), queue=2)
    async with world.engine() as engine:
        task = await world.open(engine)
        found = await asyncio.gather(
            *(refused(engine, one.submission(task, poe(task.draft))) for one in world.people)
        )
        assert found == [None, None, Refusal.BUSY, Refusal.BUSY]


class _Broken:
    """A database that fails so many times, after or before it wrote."""

    def __init__(self, log: Any, error: Exception, *, wrote: bool) -> None:
        """Fail once."""
        self._log, self._error, self._wrote = log, error, wrote
        self._left = 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def accept(self, signatures: Sequence[Any], evidence: Sequence[Any]) -> None:
        if self._left and signatures:
            self._left -= 1
            if self._wrote:
                await self._log.accept(signatures, evidence)
            raise self._error
        await self._log.accept(signatures, evidence)


@pytest.mark.parametrize("wrote", [True, False])
async def test_what_may_be_stored_is_read_back_before_more_is_taken(
    world: World, *, wrote: bool
) -> None:
    """A commit whose outcome is not known: BUSY, and what is in the database counts after it."""
    error = StoreUnavailableError("broken")
    async with world.engine(log=lambda log: _Broken(log, error, wrote=wrote)) as engine:
        task = await world.open(engine)
        first, second = world.people[:2]
        liar = first.submission(task, poe(task.draft, tag=1))
        assert await refused(engine, liar) is Refusal.BUSY
        assert await refused(engine, second.submission(task, poe(task.draft))) is None
        found = await refused(engine, first.submission(task, poe(task.draft)))
        assert found is (Refusal.EQUIVOCATION if wrote else None)
        assert len(await world.log.signatures(1)) == 2


async def test_an_aggregator_that_lost_its_lease_takes_nothing_more(world: World) -> None:
    """Operators are told that it stops; its loop ends with the error."""
    error = LeaseLostError(token=1, actual="another leads")
    async with world.engine(log=lambda log: _Broken(log, error, wrote=False)) as engine:
        task = await world.open(engine)
        one = world.people[0].submission(task, poe(task.draft))
        assert await refused(engine, one) is Refusal.STOPPING
        with pytest.raises(LeaseLostError):
            await engine.tick()


async def test_a_registry_that_does_not_answer_is_no_refusal_for_good(world: World) -> None:
    async with world.engine() as engine:
        task = await world.open(engine)

        async def silent(*_arguments: Any, **_more: Any) -> None:
            raise StoreUnavailableError("no answer")

        world.registry.live_prover = silent  # type: ignore[method-assign]
        one = world.people[0].submission(task, poe(task.draft))
        assert await refused(engine, one) is Refusal.BUSY


async def test_what_waits_at_the_end_is_told_so() -> None:
    """The batch under way ends; the rest is refused with STOPPING."""
    begun, go_on = threading.Event(), threading.Event()

    def verify(candidates: Sequence[Any]) -> Sequence[None]:
        begun.set()
        assert go_on.wait(60)
        return [None] * len(candidates)

    async def settle(candidates: Sequence[Any], _verdicts: Sequence[Any]) -> Sequence[None]:
        return [None] * len(candidates)

    verifier = BatchVerifier(verify, settle, metrics=Metrics(ENGINE_METRICS), capacity=10, batch=10)
    candidate: Any = object()
    first = asyncio.create_task(verifier.check(candidate))
    await asyncio.to_thread(begun.wait)
    second = asyncio.create_task(verifier.check(candidate, suspect=True))
    third = asyncio.create_task(verifier.check(candidate))
    await asyncio.sleep(0)
    closing = asyncio.create_task(verifier.close())
    await asyncio.sleep(0)
    third.cancel()
    go_on.set()
    await closing
    await first
    with pytest.raises(RefusedError, match="stopping"):
        await second
    with pytest.raises(RefusedError, match="stopping"):
        await verifier.check(candidate)
    assert third.cancelled()


async def test_suspects_are_verified_apart() -> None:
    """A batch never has both, so that the good do not pay for the bad."""
    batches: list[list[str]] = []

    def verify(candidates: Sequence[Any]) -> Sequence[None]:
        batches.append(list(candidates))
        return [None] * len(candidates)

    async def settle(candidates: Sequence[Any], _verdicts: Sequence[Any]) -> Sequence[None]:
        return [None] * len(candidates)

    async with BatchVerifier(
        verify, settle, metrics=Metrics(ENGINE_METRICS), capacity=100, batch=100
    ) as verifier:
        names: list[Any] = [f"{kind} {at}" for at in range(10) for kind in ("good", "suspect")]
        await asyncio.gather(
            *(verifier.check(name, suspect=name.startswith("suspect")) for name in names)
        )
    assert sorted(len(batch) for batch in batches) == [10, 10]
    assert all(len({name.split()[0] for name in batch}) == 1 for batch in batches)


async def test_a_fault_in_a_batch_ends_that_batch_alone() -> None:
    faults = [RuntimeError("fault")]

    def verify(candidates: Sequence[Any]) -> Sequence[None]:
        if faults:
            raise faults.pop()
        return [None] * len(candidates)

    async def settle(candidates: Sequence[Any], _verdicts: Sequence[Any]) -> Sequence[None]:
        return [None] * len(candidates)

    candidate: Any = object()
    async with BatchVerifier(
        verify, settle, metrics=Metrics(ENGINE_METRICS), capacity=10, batch=10
    ) as verifier:
        with pytest.raises(RuntimeError, match="fault"):
            await verifier.check(candidate)
        await verifier.check(candidate)


def test_an_allowance_fills_up_again_and_not_beyond_its_burst() -> None:
    allowance = Allowance(burst=2, per_second=1)
    assert [allowance.take("a", 0.0) for _ in range(3)] == [True, True, False]
    assert allowance.take("b", 0.0)
    assert [allowance.take("a", 1.0) for _ in range(2)] == [True, False]
    assert [allowance.take("a", 100.0) for _ in range(3)] == [True, True, False]


def test_offences_are_forgotten() -> None:
    offenders = Offenders(remembered=10.0, allowance=Allowance(burst=1, per_second=1))
    offenders.mark("a", 0.0)
    assert offenders.is_one("a", 10.0)
    assert not offenders.is_one("b", 10.0)
    assert not offenders.is_one("a", 10.5)
    offenders.mark("a", 20.0)
    offenders.clear("a")
    assert not offenders.is_one("a", 20.0)
