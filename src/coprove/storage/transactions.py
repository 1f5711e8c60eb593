"""The store's methods for transactions that are sent to L1, upon any database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from coprove.storage.base import StoreBase
from coprove.storage.cancellation import unbroken
from coprove.storage.checks import checked_number, checked_text
from coprove.storage.errors import IntentConflictError, UnknownIntentError
from coprove.types import transactions as tx

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.storage.records import Lease
    from coprove.storage.session import Session
    from coprove.types import Address

__all__ = ["TransactionMethods"]


class TransactionMethods(StoreBase):
    """What a `RequestStore` keeps of transactions; `TransactionLog` is a leader's view of it."""

    @unbroken
    async def bind_chain(self, lease: Lease, chain: str) -> str:
        """Tie the scope's transactions to an L1 at first use; return the one they are tied to."""
        checked_text("chain", chain)
        async with self._writing(lease) as (session, _):
            bound = await session.chain()
            if bound is None:
                await session.set_chain(chain)
            return bound or chain

    @unbroken
    async def transaction(self, key: str) -> tx.Intent | None:
        """Return the transaction of a key."""
        async with self._session(write=False) as session:
            return await session.transaction(checked_text("key", key))

    @unbroken
    async def unsettled_transactions(
        self, sender: Address, *, chain_nonce: int
    ) -> Sequence[tx.Intent]:
        """Return an account's transactions that are open, or at `chain_nonce` or above.

        The latter, if settled, are lost to the chain. In the order of their nonces.
        """
        async with self._session(write=False) as session:
            return await session.unsettled_transactions(sender, chain_nonce)

    @unbroken
    async def reserve_transaction(
        self, lease: Lease, draft: tx.Draft, *, chain_nonce: int
    ) -> tx.Intent:
        """Store a transaction with its sender's next nonce.

        That is the larger of `chain_nonce` (the sender's transactions in the chain) and the one
        after the highest stored. IntentConflictError when the key is there already.
        """
        checked_text("key", draft.key)
        checked_number("gas limit", draft.gas_limit)
        async with self._writing(lease) as (session, _):
            if await session.transaction(draft.key) is not None:
                raise IntentConflictError(f"transaction {draft.key!r} is stored already")
            nonce = await _next_nonce(session, draft.sender, chain_nonce)
            intent = tx.Intent(draft=draft, nonce=nonce, state=tx.IntentState.OPEN, mined=None)
            await session.put_transaction(intent)
            return intent

    @unbroken
    async def renumber_transaction(self, lease: Lease, key: str, *, chain_nonce: int) -> tx.Intent:
        """Give a transaction the next nonce: another one took its own."""
        async with self._writing(lease) as (session, _):
            intent = await _existing(session, key)
            nonce = await _next_nonce(session, intent.draft.sender, chain_nonce)
            moved = replace(intent, nonce=nonce)
            await session.put_transaction(moved)
            return moved

    @unbroken
    async def record_transaction(
        self, lease: Lease, key: str, mined: tx.Mined | None, state: tx.IntentState
    ) -> None:
        """Note where a transaction was found, or with None that it is gone from the chain."""
        async with self._writing(lease) as (session, _):
            intent = await _existing(session, key)
            await session.put_transaction(replace(intent, mined=mined, state=state))

    @unbroken
    async def discard_transaction(self, lease: Lease, key: str) -> bool:
        """Forget a transaction that no node accepted; False when a later nonce is taken already."""
        async with self._writing(lease) as (session, _):
            intent = await _existing(session, key)
            if await session.highest_nonce(intent.draft.sender) != intent.nonce:
                return False
            await session.drop_transaction(key)
            return True

    @unbroken
    async def add_attempt(self, lease: Lease, key: str, attempt: tx.Attempt) -> None:
        """Store a signed transaction, before it is sent; once for each hash."""
        checked_number("nonce", attempt.nonce)
        async with self._writing(lease) as (session, _):
            await _existing(session, key)
            if attempt.tx_hash not in {a.tx_hash for a in await session.attempts(key)}:
                await session.add_attempt(key, attempt)

    @unbroken
    async def attempts(self, key: str) -> Sequence[tx.Attempt]:
        """Return the signed transactions of a key, oldest first."""
        async with self._session(write=False) as session:
            return await session.attempts(checked_text("key", key))


async def _next_nonce(session: Session, sender: Address, chain_nonce: int) -> int:
    highest = await session.highest_nonce(sender)
    return checked_number(
        "nonce", chain_nonce if highest is None else max(chain_nonce, highest + 1)
    )


async def _existing(session: Session, key: str) -> tx.Intent:
    intent = await session.transaction(checked_text("key", key))
    if intent is None:
        raise UnknownIntentError(f"the scope has no transaction {key!r}")
    return intent
