"""Where intents are kept: the protocol and its in-memory twin for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from coprove.types.transactions import Intent, IntentState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.types import Address
    from coprove.types.transactions import Attempt, Draft, Mined

__all__ = ["IntentStore", "MemoryIntentStore"]


class IntentStore(Protocol):
    """Keeps intents and their attempts; every method is one atomic, durable step.

    Where several machines may send for one account, a store refuses all writes but those of the
    one that leads.
    """

    async def bind(self, chain: str) -> str:
        """Tie the store to a chain at first use; return the chain that it is tied to."""

    async def get(self, key: str) -> Intent | None:
        """Return the intent of a key."""

    async def reserve(self, draft: Draft, chain_nonce: int) -> Intent:
        """Store a new intent with the sender's next nonce.

        That is the larger of `chain_nonce` (transactions of the sender in the chain) and the one
        after the highest nonce in the store.
        """

    async def renumber(self, key: str, chain_nonce: int) -> Intent:
        """Give an intent the next nonce, as `reserve` would: another transaction took its own."""

    async def add_attempt(self, key: str, attempt: Attempt) -> None:
        """Store a signed transaction, before it is sent."""

    async def attempts(self, key: str) -> Sequence[Attempt]:
        """Return the signed transactions of an intent, oldest first."""

    async def record(self, key: str, mined: Mined | None, state: IntentState) -> None:
        """Note where an intent was found, or with None that it is gone from the chain."""

    async def discard(self, key: str) -> bool:
        """Forget an intent that no node accepted, unless a later nonce is taken already.

        False when it stays. No attempt of it may ever have reached a pool.
        """

    async def unsettled(self, sender: Address, *, chain_nonce: int) -> Sequence[Intent]:
        """Return an account's intents that are open, or settled at a nonce not below `chain_nonce`
        (the chain lost them), in the order of their nonces.
        """


class MemoryIntentStore:
    """An `IntentStore` that a test can hand from one manager to the next; nothing survives it."""

    def __init__(self) -> None:
        """Begin empty."""
        self._chain: str | None = None
        self._intents: dict[str, Intent] = {}
        self._attempts: dict[str, list[Attempt]] = {}

    async def bind(self, chain: str) -> str:
        """See `IntentStore`."""
        if self._chain is None:
            self._chain = chain
        return self._chain

    async def get(self, key: str) -> Intent | None:
        """See `IntentStore`."""
        return self._intents.get(key)

    async def reserve(self, draft: Draft, chain_nonce: int) -> Intent:
        """See `IntentStore`."""
        nonce = self._next_nonce(draft.sender, chain_nonce)
        intent = Intent(draft=draft, nonce=nonce, state=IntentState.OPEN, mined=None)
        self._intents[draft.key] = intent
        return intent

    async def renumber(self, key: str, chain_nonce: int) -> Intent:
        """See `IntentStore`."""
        intent = self._intents[key]
        nonce = self._next_nonce(intent.draft.sender, chain_nonce)
        self._intents[key] = replace(intent, nonce=nonce)
        return self._intents[key]

    async def add_attempt(self, key: str, attempt: Attempt) -> None:
        """See `IntentStore`."""
        self._attempts.setdefault(key, []).append(attempt)

    async def attempts(self, key: str) -> list[Attempt]:
        """See `IntentStore`."""
        return list(self._attempts.get(key, ()))

    async def record(self, key: str, mined: Mined | None, state: IntentState) -> None:
        """See `IntentStore`."""
        self._intents[key] = replace(self._intents[key], mined=mined, state=state)

    async def discard(self, key: str) -> bool:
        """See `IntentStore`."""
        intent = self._intents[key]
        if self._next_nonce(intent.draft.sender, 0) != intent.nonce + 1:
            return False
        del self._intents[key]
        self._attempts.pop(key, None)
        return True

    async def unsettled(self, sender: Address, *, chain_nonce: int) -> list[Intent]:
        """See `IntentStore`."""
        found = [
            intent
            for intent in self._intents.values()
            if intent.draft.sender == sender
            and (intent.state is IntentState.OPEN or intent.nonce >= chain_nonce)
        ]
        return sorted(found, key=lambda intent: intent.nonce)

    def _next_nonce(self, sender: Address, chain_nonce: int) -> int:
        used = (i.nonce for i in self._intents.values() if i.draft.sender == sender)
        return max(chain_nonce, max(used, default=-1) + 1)
