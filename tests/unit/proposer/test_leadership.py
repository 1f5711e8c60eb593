"""Who leads: two processes on one store, a lease that runs out, a store that does not answer."""

import asyncio
from typing import Any

import pytest

from coprove.proposer.background import Background
from coprove.proposer.calls import within
from coprove.proposer.errors import CallTimeoutError, NotLeadingError
from coprove.proposer.leadership import Leadership, LeadState
from coprove.storage.errors import LeaseLostError, StoreUnavailableError
from coprove.storage.memory import MemoryRequestStore
from tests.unit.proposer.bench import ASSIGNED, FULFILLED, World


def candidate(world: World, name: str, seconds: float = 30.0) -> Leadership:
    return Leadership(world.store, holder=name, seconds=seconds, clock=world.clock)


async def test_one_leads_and_the_other_takes_over(world: World) -> None:
    """After the lease of a dead leader has run out, and not before."""
    first, second = candidate(world, "one"), candidate(world, "two", seconds=0.03)
    lease = await first.gain()
    assert first.state is LeadState.LEADING
    waiting = asyncio.create_task(second.gain())
    while second.state is not LeadState.STANDBY:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.01)
    assert not waiting.done()
    world.clock.now += 31
    assert (await waiting).token > lease.token
    with pytest.raises(NotLeadingError):
        _ = first.lease


async def test_a_lease_that_is_given_back_is_free_at_once(world: World) -> None:
    """A clean end does not make the standby wait."""
    first, second = candidate(world, "one"), candidate(world, "two")
    await first.gain()
    await first.release()
    await second.gain()
    assert second.state is LeadState.LEADING
    await first.release()
    await second.confirm()


async def test_a_lease_is_believed_no_longer_than_it_was_asked_for(world: World) -> None:
    """By the process's own clock, counted from before the question."""
    leadership = candidate(world, "one")
    await leadership.gain()
    assert leadership.require(29).holder == "one"
    with pytest.raises(NotLeadingError):
        leadership.require(31)
    world.clock.now += 30
    with pytest.raises(NotLeadingError):
        await leadership.confirm()


async def test_a_leader_whose_lease_another_took_stops(world: World) -> None:
    """The renewal tells."""
    first = candidate(world, "one", seconds=0.03)
    await first.gain()
    world.clock.now += 1
    await candidate(world, "two").gain()
    first._until = world.clock.now + 100  # its own clock stood still
    with pytest.raises(LeaseLostError):
        await first.keep()
    assert first.state is LeadState.UNKNOWN


async def test_a_store_that_is_away_for_a_moment_does_not_end_the_lead(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later renewal comes through; one that never does ends it by the clock."""
    leadership = candidate(world, "one", seconds=0.03)
    await leadership.gain()
    leadership._until = world.clock.now + 100
    failures, renewed = 2, asyncio.Event()
    renew = world.store.renew

    async def flaky(*arguments: Any) -> Any:
        nonlocal failures
        if failures:
            failures -= 1
            raise StoreUnavailableError("locked")
        renewed.set()
        return await renew(*arguments)

    monkeypatch.setattr(world.store, "renew", flaky)
    keeping = asyncio.create_task(leadership.keep())
    await renewed.wait()
    assert not keeping.done()
    world.clock.now += 200
    with pytest.raises((NotLeadingError, LeaseLostError)):
        await keeping


async def test_two_proposers_act_one_at_a_time(world: World) -> None:
    """The standby writes and asks nothing until it leads, and then goes on where the other was."""
    world.backend.answers = lambda _job: ASSIGNED
    first = await world.begin("one")
    await first.ticks(2)
    standby = Leadership(world.store, holder="two", seconds=30.0, clock=world.clock)
    gaining = asyncio.create_task(standby.gain())
    await first.tick()
    assert not gaining.done()
    gaining.cancel()
    await asyncio.gather(gaining, return_exceptions=True)
    await first.die()
    world.backend.answers = lambda _job: FULFILLED
    second = await world.begin("two")
    await second.until(lambda: world.contract.latest == 20)
    assert len(world.backend.submissions) == 5


async def test_after_losing_the_lead_background_work_writes_nothing(world: World) -> None:
    """A hand-over that was under way does not end in the store, nor is it asked for again."""
    world.node.finalized = 5
    accepted, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_job: object) -> None:
        accepted.set()
        await go_on.wait()

    world.backend.after = slow
    first = await world.begin("one")
    await first.tick(wait=False)
    await accepted.wait()
    world.clock.now += 31
    world.backend.after = None
    other = MemoryRequestStore(world.database, world.scope)
    second = await world.begin("two")
    await second.tick()
    # The second found what the first had asked for.
    before = await other.live_ranges()
    assert [item.status.name for item in before] == ["COMPLETE"]
    go_on.set()
    await first.idle()
    await second.ticks(2)
    assert len(world.backend.submissions) == 1
    assert await other.live_ranges() == before


async def test_background_work_runs_once_a_name_and_ends_with_stop() -> None:
    """A failure is logged and wakes the loop; after the stop nothing begins."""
    woken = 0

    def wake() -> None:
        nonlocal woken
        woken += 1

    background = Background(on_done=wake)
    hang = asyncio.Event()

    async def wait() -> None:
        await hang.wait()

    async def fail() -> None:
        raise ZeroDivisionError

    async def end_itself() -> None:
        await background.cancel("self")

    assert background.start("a", wait())
    assert not background.start("a", wait())
    assert background.is_running("a")
    assert background.start("b", fail())
    assert background.start("self", end_itself())
    while background.is_running("b") or background.is_running("self"):  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert woken == 2
    await background.cancel("nobody")
    await background.stop()
    assert not background.is_running("a")
    assert not background.start("c", wait())
    assert woken == 2


async def test_a_limit_names_what_it_ended_and_hides_no_other_timeout() -> None:
    """A TimeoutError from inside stays one."""
    with pytest.raises(CallTimeoutError) as caught:
        await within(0.01, "the answer", asyncio.Event().wait())
    assert caught.value.what == "the answer"

    async def other() -> None:
        raise TimeoutError("from inside")

    with pytest.raises(TimeoutError, match="from inside"):
        await within(60, "the answer", other())
