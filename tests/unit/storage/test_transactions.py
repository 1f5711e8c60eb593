"""Transactions on their way to L1: kept for the next leader, written by the present one alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coprove.errors import InputError
from coprove.storage import Scope, TransactionLog
from coprove.storage.errors import IntentConflictError, LeaseLostError, UnknownIntentError
from coprove.types import Hash32
from coprove.types.transactions import IntentState, Mined
from tests.unit.storage.lab import SCOPE, SENDER, TTL, attempt, draft

if TYPE_CHECKING:
    from tests.unit.storage.lab import Lab

MINED = Mined(
    tx_hash=attempt(1).tx_hash,
    block_number=7,
    block_hash=Hash32(b"b" * 32),
    succeeded=True,
    gas_used=21_000,
    contract_address=None,
)


async def test_the_next_leader_finds_what_the_last_one_sent(lab: Lab) -> None:
    """By another process, in another term; the last one can add nothing to it any more."""
    async with lab.store() as first, lab.store() as second:
        lease = await first.acquire("one", TTL)
        old = TransactionLog(first, lease)
        assert await old.bind("chain 1, genesis 2") == "chain 1, genesis 2"
        sent = await old.reserve(draft("propose"), 5)
        await old.add_attempt("propose", attempt(1, 5))
        await old.add_attempt("propose", attempt(1, 5))
        await first.release(lease)
        new = TransactionLog(second, await second.acquire("two", TTL))
        assert await new.bind("another") == "chain 1, genesis 2"
        assert list(await new.unsettled(SENDER, chain_nonce=5)) == [sent]
        assert list(await new.attempts("propose")) == [attempt(1, 5)]
        for write in (
            old.reserve(draft("late"), 5),
            old.add_attempt("propose", attempt(2, 5)),
            old.record("propose", MINED, IntentState.DONE),
            old.renumber("propose", 9),
            old.discard("propose"),
        ):
            with pytest.raises(LeaseLostError):
                await write
        assert await new.get("late") is None
        assert await new.get("propose") == sent
        await new.record("propose", MINED, IntentState.DONE)
        assert (await new.reserve(draft("next"), 5)).nonce == 6
        assert [i.key for i in await new.unsettled(SENDER, chain_nonce=6)] == ["next"]


async def test_scopes_have_accounts_of_their_own(lab: Lab) -> None:
    """Keys, nonces and the chain that they are for."""
    other = Scope(
        l1_chain_id=SCOPE.l1_chain_id,
        l2_chain_id=SCOPE.l2_chain_id + 1,
        contract=SCOPE.contract,
    )
    async with lab.store() as one, lab.store(other) as two:
        logs = [TransactionLog(store, await store.acquire("x", TTL)) for store in (one, two)]
        for number, log in enumerate(logs):
            assert await log.bind(f"chain {number}") == f"chain {number}"
            assert (await log.reserve(draft("k"), number)).nonce == number
            await log.add_attempt("k", attempt(1, number))
        assert await logs[0].discard("k")
        assert await logs[0].attempts("k") == []
        assert list(await logs[1].attempts("k")) == [attempt(1, 1)]


async def test_what_is_not_there_or_there_already_is_said(lab: Lab) -> None:
    async with lab.leading() as (store, lease):
        await store.reserve_transaction(lease, draft("k"), chain_nonce=0)
        with pytest.raises(IntentConflictError):
            await store.reserve_transaction(lease, draft("k"), chain_nonce=0)
        for write in (
            store.renumber_transaction(lease, "none", chain_nonce=0),
            store.record_transaction(lease, "none", None, IntentState.OPEN),
            store.discard_transaction(lease, "none"),
            store.add_attempt(lease, "none", attempt(1)),
        ):
            with pytest.raises(UnknownIntentError):
                await write
        with pytest.raises(InputError):
            await store.reserve_transaction(lease, draft("\0"), chain_nonce=0)
        with pytest.raises(InputError):
            await store.reserve_transaction(lease, draft("l"), chain_nonce=2**63)
        assert await store.transaction("none") is None
