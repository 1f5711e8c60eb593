"""One leads at a time; whoever lost the lead writes nothing."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest

from coprove.errors import InputError
from coprove.storage import (
    IntentKind,
    IntentState,
    Lease,
    MemoryDatabase,
    MemoryRequestStore,
    RequestStatus,
    RequestStore,
    open_store,
    plan_adoption,
)
from coprove.storage.errors import LeaseHeldError, LeaseLostError
from coprove.types import BlockRange
from coprove.types.transactions import IntentState as TxState
from tests.unit.storage.lab import SCOPE, SENDER, TTL, attempt, block, draft, plans, spans

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.unit.storage.lab import Lab

S = RequestStatus


async def test_a_second_process_stands_by(lab: Lab) -> None:
    async with lab.store() as one, lab.store() as two:
        assert await one.leader() is None
        lease = await one.acquire("one", TTL)
        assert await two.leader() == lease
        for holder in ("two", "one"):
            with pytest.raises(LeaseHeldError) as held:
                await two.acquire(holder, TTL)
            assert (held.value.holder, held.value.expires_at) == ("one", lease.expires_at)
        await one.check(lease)
        renewed = await one.renew(lease, TTL + 5)
        assert renewed.token == lease.token
        assert renewed.expires_at > lease.expires_at
        await one.release(renewed)
        assert await two.leader() is None
        following = await two.acquire("two", TTL)
        assert following.token == lease.token + 1


def _writes(store: RequestStore, lease: Lease) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return a call of every method that writes, on request 1, intent "k" and transaction "t"."""
    return {
        "renew": lambda: store.renew(lease, TTL),
        "check": lambda: store.check(lease),
        "reanchor": lambda: store.reanchor(lease, 5),
        "cut_above": lambda: store.cut_above(lease, 0, error="x"),
        "plan_ranges": lambda: store.plan_ranges(lease, plans(10, 20), backend="mock"),
        "add_aggregation": lambda: store.add_aggregation(
            lease, BlockRange(start=0, end=10), backend="mock"
        ),
        "move": lambda: store.move(lease, 1, S.UNREQUESTED, S.WITNESS_GENERATION, proof=b"x"),
        "note": lambda: store.note(lease, 1, error="x"),
        "replace": lambda: store.replace(lease, 1, S.UNREQUESTED, S.CANCELLED, error="x"),
        "recover": lambda: store.recover(lease, error="x"),
        "adopt": lambda: store.adopt(lease, plan_adoption((), 0), backend="mock"),
        "open_intent": lambda: store.open_intent(lease, "new", IntentKind.PROPOSAL),
        "note_intent": lambda: store.note_intent(lease, "k", {"late": 1}),
        "close_intent": lambda: store.close_intent(lease, "k", IntentState.DONE),
        "bind_chain": lambda: store.bind_chain(lease, "another"),
        "reserve_transaction": lambda: store.reserve_transaction(lease, draft("u"), chain_nonce=0),
        "renumber_transaction": lambda: store.renumber_transaction(lease, "t", chain_nonce=9),
        "record_transaction": lambda: store.record_transaction(lease, "t", None, TxState.OPEN),
        "discard_transaction": lambda: store.discard_transaction(lease, "t"),
        "add_attempt": lambda: store.add_attempt(lease, "t", attempt(2)),
        "put_checkpoint": lambda: store.put_checkpoint(lease, block(1)),
        "drop_checkpoint": lambda: store.drop_checkpoint(lease, 9),
    }


def test_every_method_that_takes_a_lease_is_tried() -> None:
    """A method added to the store must be added to the writes above."""
    takes = {
        name
        for name, method in inspect.getmembers(RequestStore, inspect.isfunction)
        if "lease" in method.__annotations__ and not name.startswith("_")
    }
    store = MemoryRequestStore(MemoryDatabase(), SCOPE)
    lease = Lease(scope=SCOPE, holder="", token=0, expires_at=0.0)
    assert takes == {*_writes(store, lease), "release"}


async def _contents(store: RequestStore) -> object:
    return [
        await store.find(),
        await store.anchor(),
        await store.intent("k"),
        await store.intent("new"),
        await store.checkpoints(),
        await store.unsettled_transactions(SENDER, chain_nonce=0),
        await store.attempts("t"),
        await store.leader(),
        await store.proof(1),
    ]


@pytest.mark.parametrize("how", ["released", "taken over", "forged"])
async def test_without_the_lead_nothing_can_be_written(lab: Lab, how: str) -> None:
    """Every write of the store, by one who led before."""
    async with lab.leading() as (store, lease), lab.store() as other:
        await store.plan_ranges(lease, plans(0, 10), backend="mock")
        await store.open_intent(lease, "k", IntentKind.PROPOSAL)
        await store.put_checkpoint(lease, block(9))
        await store.reserve_transaction(lease, draft("t"), chain_nonce=4)
        await store.add_attempt(lease, "t", attempt(1))
        if how != "forged":
            await store.release(lease)
        if how == "taken over":
            await other.acquire("other", TTL)
        token = 99 if how == "forged" else lease.token
        old = Lease(scope=SCOPE, holder="leader", token=token, expires_at=lease.expires_at)
        before = await _contents(other)
        for name, write in _writes(store, old).items():
            with pytest.raises(LeaseLostError):
                await write()
            assert await _contents(other) == before, name
        await store.release(old)
        assert await _contents(other) == before


async def test_a_lease_runs_out_by_itself(tmp_path: Path) -> None:
    """By the clock of the database, which here is set by hand."""
    time = [1000.0]
    memory = MemoryDatabase(clock=lambda: time[0])
    url = f"sqlite:///{tmp_path / 'requests.db'}"
    for store in (
        MemoryRequestStore(memory, SCOPE),
        await open_store(url, SCOPE, clock=lambda: time[0]),
    ):
        async with store:
            time[0] = 1000.0
            lease = await store.acquire("one", 10.0)
            assert lease.expires_at == 1010.0
            time[0] = 1009.9
            await store.reanchor(lease, 0)
            lease = await store.renew(lease, 10.0)
            time[0] = 1019.8
            await store.check(lease)
            time[0] = 1019.9
            with pytest.raises(LeaseLostError, match="ran out"):
                await store.check(lease)
            with pytest.raises(LeaseLostError):
                await store.renew(lease, 10.0)
            assert await store.leader() is None
            following = await store.acquire("two", 10.0)
            assert following.token == lease.token + 1
            with pytest.raises(LeaseLostError, match="two has token"):
                await store.reanchor(lease, 1)


@pytest.mark.parametrize("ttl", [0.0, -1.0, float("nan"), float("inf"), 1e6])
async def test_a_lease_has_a_sensible_time(lab: Lab, ttl: float) -> None:
    async with lab.store() as store:
        with pytest.raises(InputError):
            await store.acquire("one", ttl)


async def test_of_many_at_once_one_leads(lab: Lab) -> None:
    """A lock that is checked and then set would let two through."""
    async with lab.store() as store, lab.store() as other:
        tries = await asyncio.gather(
            *(each.acquire(f"{i}", TTL) for i in range(5) for each in (store, other)),
            return_exceptions=True,
        )
        assert sum(isinstance(tried, Lease) for tried in tries) == 1
        assert sum(isinstance(tried, LeaseHeldError) for tried in tries) == 9


async def test_writes_at_the_same_time_keep_one_path(lab: Lab) -> None:
    """Of several plans for the same place one is taken, the others are refused whole."""
    async with lab.leading() as (store, lease), lab.store() as other:
        tries = await asyncio.gather(
            *(
                each.plan_ranges(lease, plans(0, 10 + i, 40), backend="mock")
                for i in range(4)
                for each in (store, other)
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(tried, BaseException) for tried in tries) == 7
        path = spans(await store.live_ranges())
        assert len(path) == 2
        assert path[-1][1] == 40


async def test_a_cancelled_call_ends_its_transaction_first(lab: Lab) -> None:
    """A call's time may run out while it waits for a lock: it takes no lock to the grave."""
    async with lab.leading() as (store, lease), lab.store() as other:
        async with other._session(write=True) as session:
            await session.lease()
            task = asyncio.create_task(store.plan_ranges(lease, plans(0, 1, 2), backend="mock"))
            for _ in range(3):
                # Long enough to be on its way; whatever it does then, it is not given up.
                await asyncio.sleep(0.02)
                task.cancel()
            assert not task.done()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await store.highest_end() == 2
        await other.plan_ranges(lease, plans(2, 3), backend="mock")


async def test_a_call_cancelled_anywhere_is_done_or_not_done(lab: Lab) -> None:
    async with lab.leading() as (store, lease):
        for i in range(20):
            end = await store.highest_end()
            assert end is not None
            task = asyncio.create_task(
                store.plan_ranges(lease, plans(end, end + 1, end + 2), backend="mock")
            )
            for _ in range(i):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await store.highest_end() in (end, end + 2)
        end = await store.highest_end()
        assert end is not None
        await store.plan_ranges(lease, plans(end, end + 1), backend="mock")
