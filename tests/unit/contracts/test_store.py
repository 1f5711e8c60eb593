"""The stores of intents: whatever keeps them, they behave alike."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.contracts import SqliteIntentStore
from coprove.contracts.transactions import Attempt, Draft, Fees, IntentState, Mined
from coprove.types import Address, Hash32
from tests.intent_stores import INTENT_STORES, open_intent_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from coprove.contracts import IntentStore
    from tests.postgres import PostgresServer

ME, OTHER = Address(b"\x01" * 20), Address(b"\x02" * 20)


def draft(key: str, sender: Address = ME) -> Draft:
    return Draft(key=key, sender=sender, to=None, value=2**200, data=b"\x00", gas_limit=21_000)


def attempt(number: int, nonce: int = 0) -> Attempt:
    return Attempt(
        tx_hash=Hash32(number.to_bytes(32)),
        nonce=nonce,
        raw=b"\x02\xc0",
        fees=Fees(max_fee=2**100, priority_fee=1),
        sent_at=1.5,
    )


MINED = Mined(
    tx_hash=Hash32(b"\x03" * 32),
    block_number=7,
    block_hash=Hash32(b"\x04" * 32),
    succeeded=False,
    gas_used=21_000,
    contract_address=OTHER,
)


@pytest.fixture(params=INTENT_STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[IntentStore]:
    def server_url() -> str:
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.new_database()

    async with open_intent_store(request.param, tmp_path, server_url) as opened:
        yield opened


async def test_an_intent_is_read_back_as_stored(store: IntentStore) -> None:
    """Draft, nonce, attempts and outcome."""
    assert await store.get("k") is None
    intent = await store.reserve(draft("k"), 5)
    assert (intent.draft, intent.nonce, intent.state) == (draft("k"), 5, IntentState.OPEN)
    await store.add_attempt("k", attempt(1, 5))
    await store.add_attempt("k", attempt(2, 5))
    assert await store.attempts("k") == [attempt(1, 5), attempt(2, 5)]
    await store.record("k", MINED, IntentState.DONE)
    there = await store.get("k")
    assert there is not None
    assert (there.mined, there.state) == (MINED, IntentState.DONE)
    await store.record("k", None, IntentState.OPEN)
    there = await store.get("k")
    assert there is not None
    assert there.mined is None


async def test_nonces_follow_each_other_and_the_chain(store: IntentStore) -> None:
    """Each sender has a row of its own; a chain that is ahead is followed."""
    assert (await store.reserve(draft("a"), 3)).nonce == 3
    assert (await store.reserve(draft("b"), 3)).nonce == 4
    assert (await store.reserve(draft("c", OTHER), 0)).nonce == 0
    assert (await store.reserve(draft("d"), 9)).nonce == 9
    assert (await store.renumber("a", 4)).nonce == 10


async def test_unsettled_are_the_open_and_those_that_the_chain_lost(store: IntentStore) -> None:
    """A settled intent counts as soon as the chain's nonce is at or below its own."""
    for key in "abc":
        await store.reserve(draft(key), 0)
    await store.record("a", MINED, IntentState.DONE)
    await store.record("b", MINED, IntentState.DONE)
    keys = [intent.key for intent in await store.unsettled(ME, chain_nonce=2)]
    assert keys == ["c"]
    assert [i.key for i in await store.unsettled(ME, chain_nonce=1)] == ["b", "c"]
    assert await store.unsettled(OTHER, chain_nonce=0) == []


async def test_only_the_last_intent_can_be_discarded(store: IntentStore) -> None:
    """One in the middle would leave a gap."""
    await store.reserve(draft("a"), 0)
    await store.reserve(draft("b"), 0)
    await store.add_attempt("b", attempt(1))
    assert not await store.discard("a")
    assert await store.discard("b")
    assert await store.get("b") is None
    assert await store.attempts("b") == []
    assert await store.discard("a")


async def test_a_store_serves_one_chain(store: IntentStore) -> None:
    """The first binding stays."""
    assert await store.bind("one") == "one"
    assert await store.bind("two") == "one"
    assert await store.bind("one") == "one"


async def test_sqlite_survives_its_process(tmp_path: Path) -> None:
    """What was stored is there for the next opening, and for a second one at the same time."""
    path = tmp_path / "folder" / "intents.sqlite"
    first = SqliteIntentStore(path)
    await first.reserve(draft("k"), 0)
    second = SqliteIntentStore(path)
    assert await second.get("k") == await first.get("k")
    assert (await second.reserve(draft("l"), 0)).nonce == 1
    first.close()
    second.close()
    third = SqliteIntentStore(path)
    assert await third.get("l") is not None
    third.close()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("rndm"), st.integers(0, 12), st.integers(0, 12))))
def test_all_stores_agree_on_any_sequence(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    """Reserve, renumber, discard, record in any order: same results, no nonce twice."""
    folder = tmp_path_factory.mktemp("store")
    asyncio.run(_all_agree(folder, steps))


async def _all_agree(folder: Path, steps: list[tuple[str, int, int]]) -> None:
    async with AsyncExitStack() as stack:
        stores = [
            await stack.enter_async_context(open_intent_store(kind, folder, str))
            for kind in ("memory", "file", "requests in memory", "requests on SQLite")
        ]
        await _agree(stores, steps)


async def _agree(stores: Sequence[IntentStore], steps: list[tuple[str, int, int]]) -> None:
    for step, number, nonce in steps:
        results = [await _take(store, step, f"k{number}", nonce) for store in stores]
        assert all(result == results[0] for result in results), results
        found = [await store.unsettled(ME, chain_nonce=nonce) for store in stores]
        assert all(intents == found[0] for intents in found), found
        assert len({intent.nonce for intent in found[0]}) == len(found[0])


async def _take(store: IntentStore, step: str, key: str, nonce: int) -> object:
    is_there = await store.get(key) is not None
    if step == "r" and not is_there:
        return await store.reserve(draft(key), nonce)
    if step == "n" and is_there:
        return await store.renumber(key, nonce)
    if step == "d" and is_there:
        return await store.discard(key)
    if step == "m" and is_there:
        await store.record(key, MINED, IntentState.DONE)
    return is_there
