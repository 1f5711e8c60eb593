"""The store's methods for intents, upon any database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from coprove.errors import InputError
from coprove.storage.base import StoreBase
from coprove.storage.cancellation import unbroken
from coprove.storage.checks import checked_text, dump_values, load_values
from coprove.storage.errors import IntentConflictError, UnknownIntentError
from coprove.storage.records import Intent, IntentState
from coprove.storage.steps import existing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.storage.records import IntentKind, Lease, Values
    from coprove.storage.session import Session

__all__ = ["IntentMethods"]


class IntentMethods(StoreBase):
    """What a `RequestStore` does with intents."""

    @unbroken
    async def open_intent(
        self,
        lease: Lease,
        key: str,
        kind: IntentKind,
        *,
        request_id: int | None = None,
        values: Values | None = None,
    ) -> Intent:
        """Store an intent, or return the one that has the key, in whatever state it is.

        IntentConflictError when the key stands for another kind or request.
        """
        checked_text("key", key)
        given = _checked(values)
        async with self._writing(lease) as (session, now):
            stored = await session.intent(key)
            if stored is not None:
                if (stored.kind, stored.request_id) != (kind, request_id):
                    raise IntentConflictError(
                        f"intent {key!r} is a {stored.kind} of request {stored.request_id},"
                        f" not a {kind} of {request_id}"
                    )
                return stored
            if request_id is not None:
                await existing(session, request_id)
            intent = Intent(
                key=key,
                kind=kind,
                request_id=request_id,
                values=given,
                state=IntentState.OPEN,
                created_at=now,
                updated_at=now,
            )
            await session.put_intent(intent)
            return intent

    @unbroken
    async def note_intent(self, lease: Lease, key: str, values: Values) -> Intent:
        """Add values to an open intent; IntentConflictError when it is closed."""
        async with self._writing(lease) as (session, now):
            return await _written(session, key, IntentState.OPEN, values, now)

    @unbroken
    async def close_intent(
        self, lease: Lease, key: str, state: IntentState, values: Values | None = None
    ) -> Intent:
        """Settle an intent as DONE or ABANDONED; again with the same state is no error."""
        if state is IntentState.OPEN:
            raise InputError("end of an intent", expected="DONE or ABANDONED", actual=state)
        async with self._writing(lease) as (session, now):
            return await _written(session, key, state, values, now)

    @unbroken
    async def intent(self, key: str) -> Intent | None:
        """Return the intent of a key."""
        async with self._session(write=False) as session:
            return await session.intent(checked_text("key", key))

    @unbroken
    async def open_intents(
        self, kind: IntentKind | None = None, request_id: int | None = None
    ) -> Sequence[Intent]:
        """Return the open intents, oldest first."""
        async with self._session(write=False) as session:
            return await session.intents(IntentState.OPEN, kind, request_id)


def _checked(values: Values | None) -> Values:
    return load_values(dump_values(values or {}))


async def _written(
    session: Session, key: str, state: IntentState, values: Values | None, now: float
) -> Intent:
    stored = await session.intent(checked_text("key", key))
    if stored is None:
        raise UnknownIntentError(f"the scope has no intent {key!r}")
    if stored.state is not IntentState.OPEN and stored.state is not state:
        raise IntentConflictError(f"intent {key!r} is {stored.state} already")
    merged = _checked({**stored.values, **(values or {})})
    intent = replace(stored, values=merged, state=state, updated_at=now)
    await session.put_intent(intent)
    return intent
