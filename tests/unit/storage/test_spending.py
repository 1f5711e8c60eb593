"""Spending is counted for a whole database, each effect once, and never beyond a limit."""

from __future__ import annotations

import asyncio
import datetime
from typing import TYPE_CHECKING

import pytest

from coprove.errors import InputError
from coprove.storage import SpendingLedger, open_ledger, open_store
from coprove.storage.errors import StoreUnavailableError
from tests.unit.storage.lab import SCOPE, TTL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TODAY, TOMORROW = datetime.date(2026, 1, 2), datetime.date(2026, 1, 3)


@pytest.fixture
async def ledger(url: str) -> AsyncIterator[SpendingLedger]:
    async with await open_ledger(url) as opened:
        yield opened


async def test_an_effect_counts_once(ledger: SpendingLedger) -> None:
    """On its first day, however often it is reserved; sums are exact beyond 64 bits."""
    for day, key, amount in (
        (TODAY, "a", 10**20 + 1),
        (TODAY, "a", 5),
        (TODAY, "b", 5),
        (TOMORROW, "a", 5),
        (TOMORROW, "c", 7),
    ):
        assert await ledger.reserve(key, day=day, backend="network", amount=amount)
    assert await ledger.spent(TODAY) == (2, 10**20 + 6)
    assert await ledger.spent(TOMORROW) == (1, 7)


async def test_a_limit_is_reached_and_not_passed(ledger: SpendingLedger) -> None:
    """In requests and in amount, day by day; what is counted already passes always."""

    async def reserve(key: str, day: datetime.date = TODAY, amount: int = 10) -> bool:
        return await ledger.reserve(
            key, day=day, backend="network", amount=amount, max_requests=3, max_amount=30
        )

    assert await reserve("a")
    assert await reserve("b")
    assert not await reserve("c", amount=11)
    assert await reserve("c")
    assert not await reserve("d", amount=0)
    assert await reserve("c", amount=11)
    assert await reserve("d", TOMORROW, amount=30)
    assert not await reserve("e", TOMORROW, amount=1)
    assert await ledger.spent(TODAY) == (3, 30)


async def test_a_price_takes_the_place_of_its_estimate(ledger: SpendingLedger) -> None:
    """By the proof that was noted first; a released reservation counts no more."""
    for key in "ab":
        await ledger.reserve(key, day=TODAY, backend="network", amount=10)
    await ledger.attach("a", b"paid")
    await ledger.attach("a", b"asked")
    await ledger.settle(b"asked", 10**30)
    await ledger.settle(b"paid", 10**20)
    assert await ledger.spent(TODAY) == (2, 10**20 + 10)
    await ledger.release("b")
    await ledger.release("none")
    assert await ledger.spent(TODAY) == (1, 10**20)


async def test_processes_share_one_account(url: str) -> None:
    """Of many reservations at once, by several processes, exactly so many pass; it survives."""
    ledgers = [await open_ledger(url) for _ in range(3)]
    try:
        passed = await asyncio.gather(
            *(
                each.reserve(f"{i}", day=TODAY, backend="mock", amount=1, max_requests=7)
                for i, each in enumerate(ledgers * 10)
            )
        )
    finally:
        for each in ledgers:
            await each.close()
    assert sum(passed) == 7
    async with await open_ledger(url) as ledger:
        assert await ledger.spent(TODAY) == (7, 7)


async def test_a_leader_and_a_spender_use_one_database(url: str, ledger: SpendingLedger) -> None:
    """The request store's file or server, whatever its scope."""
    async with await open_store(url, SCOPE) as store:
        lease = await store.acquire("leader", TTL)
        assert await ledger.reserve("k", day=TODAY, backend="mock", amount=1)
        await store.reanchor(lease, 0)
        assert await ledger.spent(TODAY) == (1, 1)


async def test_keys_and_addresses_are_checked(ledger: SpendingLedger, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        await ledger.reserve("\0", day=TODAY, backend="mock", amount=1)
    with pytest.raises(StoreUnavailableError):
        await open_ledger(f"sqlite:///{tmp_path / 'none' / 'db'}")
    assert "password" not in repr(ledger)
