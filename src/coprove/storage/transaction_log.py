"""The transactions of one leader as a transaction manager sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.storage.records import Lease
    from coprove.storage.store import RequestStore
    from coprove.types import Address
    from coprove.types.transactions import Attempt, Draft, Intent, IntentState, Mined

__all__ = ["TransactionLog"]


class TransactionLog:
    """Intents and signed transactions, for one leader: a transaction manager's `IntentStore`.

    Every write is refused with LeaseLostError once another leads. What is there is there for the
    next leader, wherever it runs. An account must send for one scope only.
    """

    def __init__(self, store: RequestStore, lease: Lease) -> None:
        """Write as the holder of `lease`; its renewals need not be told."""
        self._store = store
        self._lease = lease

    async def bind(self, chain: str) -> str:
        """See `RequestStore.bind_chain`."""
        return await self._store.bind_chain(self._lease, chain)

    async def get(self, key: str) -> Intent | None:
        """Return the intent of a key."""
        return await self._store.transaction(key)

    async def reserve(self, draft: Draft, chain_nonce: int) -> Intent:
        """See `RequestStore.reserve_transaction`."""
        return await self._store.reserve_transaction(self._lease, draft, chain_nonce=chain_nonce)

    async def renumber(self, key: str, chain_nonce: int) -> Intent:
        """See `RequestStore.renumber_transaction`."""
        return await self._store.renumber_transaction(self._lease, key, chain_nonce=chain_nonce)

    async def add_attempt(self, key: str, attempt: Attempt) -> None:
        """See `RequestStore.add_attempt`."""
        await self._store.add_attempt(self._lease, key, attempt)

    async def attempts(self, key: str) -> Sequence[Attempt]:
        """See `RequestStore.attempts`."""
        return await self._store.attempts(key)

    async def record(self, key: str, mined: Mined | None, state: IntentState) -> None:
        """See `RequestStore.record_transaction`."""
        await self._store.record_transaction(self._lease, key, mined, state)

    async def discard(self, key: str) -> bool:
        """See `RequestStore.discard_transaction`."""
        return await self._store.discard_transaction(self._lease, key)

    async def unsettled(self, sender: Address, *, chain_nonce: int) -> Sequence[Intent]:
        """See `RequestStore.unsettled_transactions`."""
        return await self._store.unsettled_transactions(sender, chain_nonce=chain_nonce)
