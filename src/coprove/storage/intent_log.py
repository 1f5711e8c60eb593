"""The intents of one request as a backend sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.storage.records import IntentKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coprove.storage.records import Lease
    from coprove.storage.store import RequestStore

__all__ = ["RequestIntentLog"]


class RequestIntentLog:
    """Durable memory by key, for the requests of one leader: a prover's `IntentLog`.

    What is noted under a key belongs to one PROOF_REQUEST intent, opened by its first note.
    """

    def __init__(self, store: RequestStore, lease: Lease, request_id: int) -> None:
        """Note for `request_id`, as the holder of `lease`."""
        self._store = store
        self._lease = lease
        self._request_id = request_id

    async def note(self, key: str, values: Mapping[str, str | int]) -> None:
        """Store, or add to, what is known of the effect under `key`; durable on return."""
        await self._store.open_intent(
            self._lease, key, IntentKind.PROOF_REQUEST, request_id=self._request_id
        )
        await self._store.note_intent(self._lease, key, values)

    async def read(self, key: str) -> dict[str, str | int]:
        """Return all that was noted under `key`; empty when nothing was."""
        intent = await self._store.intent(key)
        if intent is None:
            return {}
        return {name: v for name, v in intent.values.items() if isinstance(v, (str, int))}
