"""The stores of intents: SQLite and its in-memory twin behave alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.contracts import MemoryIntentStore, SqliteIntentStore, StoreMismatchError
from coprove.contracts.transactions import Attempt, Draft, Fees, IntentState, Mined
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.contracts import IntentStore

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


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> IntentStore:
    if request.param == "memory":
        return MemoryIntentStore()
    return SqliteIntentStore(tmp_path / "intents.sqlite")


def test_an_intent_is_read_back_as_stored(store: IntentStore) -> None:
    """Draft, nonce, attempts and outcome."""
    assert store.get("k") is None
    intent = store.reserve(draft("k"), 5)
    assert (intent.draft, intent.nonce, intent.state) == (draft("k"), 5, IntentState.OPEN)
    store.add_attempt("k", attempt(1, 5))
    store.add_attempt("k", attempt(2, 5))
    assert store.attempts("k") == [attempt(1, 5), attempt(2, 5)]
    store.record("k", MINED, IntentState.DONE)
    there = store.get("k")
    assert there is not None
    assert (there.mined, there.state) == (MINED, IntentState.DONE)
    store.record("k", None, IntentState.OPEN)
    there = store.get("k")
    assert there is not None
    assert there.mined is None


def test_nonces_follow_each_other_and_the_chain(store: IntentStore) -> None:
    """Each sender has a row of its own; a chain that is ahead is followed."""
    assert store.reserve(draft("a"), 3).nonce == 3
    assert store.reserve(draft("b"), 3).nonce == 4
    assert store.reserve(draft("c", OTHER), 0).nonce == 0
    assert store.reserve(draft("d"), 9).nonce == 9
    assert store.renumber("a", 4).nonce == 10


def test_unsettled_are_the_open_and_those_that_the_chain_lost(store: IntentStore) -> None:
    """A settled intent counts as soon as the chain's nonce is at or below its own."""
    for key in "abc":
        store.reserve(draft(key), 0)
    store.record("a", MINED, IntentState.DONE)
    store.record("b", MINED, IntentState.DONE)
    keys = [intent.key for intent in store.unsettled(ME, chain_nonce=2)]
    assert keys == ["c"]
    assert [i.key for i in store.unsettled(ME, chain_nonce=1)] == ["b", "c"]
    assert store.unsettled(OTHER, chain_nonce=0) == []


def test_only_the_last_intent_can_be_discarded(store: IntentStore) -> None:
    """One in the middle would leave a gap."""
    store.reserve(draft("a"), 0)
    store.reserve(draft("b"), 0)
    store.add_attempt("b", attempt(1))
    assert not store.discard("a")
    assert store.discard("b")
    assert store.get("b") is None
    assert store.attempts("b") == []
    assert store.discard("a")


def test_a_store_serves_one_chain(store: IntentStore) -> None:
    """The first binding stays."""
    store.bind("one")
    store.bind("one")
    with pytest.raises(StoreMismatchError, match="one"):
        store.bind("two")


def test_sqlite_survives_its_process(tmp_path: Path) -> None:
    """What was stored is there for the next opening, and for a second one at the same time."""
    path = tmp_path / "folder" / "intents.sqlite"
    first = SqliteIntentStore(path)
    first.reserve(draft("k"), 0)
    second = SqliteIntentStore(path)
    assert second.get("k") == first.get("k")
    assert second.reserve(draft("l"), 0).nonce == 1
    first.close()
    second.close()
    third = SqliteIntentStore(path)
    assert third.get("l") is not None
    third.close()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("rndm"), st.integers(0, 12), st.integers(0, 12))))
def test_both_stores_agree_on_any_sequence(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    """Reserve, renumber, discard, record in any order: same results, no nonce twice."""
    path = tmp_path_factory.mktemp("store") / "intents.sqlite"
    stores: tuple[IntentStore, ...] = (MemoryIntentStore(), SqliteIntentStore(path))
    for step, number, nonce in steps:
        key = f"k{number}"
        is_there = stores[0].get(key) is not None
        if step == "r" and not is_there:
            made = {store.reserve(draft(key), nonce).nonce for store in stores}
            assert len(made) == 1
        elif step == "n" and is_there:
            assert len({store.renumber(key, nonce).nonce for store in stores}) == 1
        elif step == "d" and is_there:
            assert len({store.discard(key) for store in stores}) == 1
        elif step == "m" and is_there:
            for store in stores:
                store.record(key, MINED, IntentState.DONE)
        left, right = (store.unsettled(ME, chain_nonce=nonce) for store in stores)
        assert left == right
        assert len({intent.nonce for intent in left}) == len(left)
    stores[1].close()
