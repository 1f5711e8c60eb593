"""What every part of the request store stands on: one scope of one database, in transactions."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from coprove.closing import AsyncClosing
from coprove.storage import leases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from coprove.storage.records import Lease, Scope
    from coprove.storage.session import Session

__all__ = ["StoreBase"]


class StoreBase(AsyncClosing):
    """Leaves to its subclasses how a transaction is done."""

    def __init__(self, scope: Scope, address: str) -> None:
        """Speak for `scope`, in the database called `address`."""
        self._scope = scope
        self._address = address

    @property
    def scope(self) -> Scope:
        """Whose requests these are."""
        return self._scope

    @property
    def address(self) -> str:
        """Where the database is, without user, password and options: for logs."""
        return self._address

    @abstractmethod
    def _session(self, *, write: bool) -> AbstractAsyncContextManager[Session]:
        """Return a transaction; it is undone when an error leaves it."""

    @asynccontextmanager
    async def _writing(self, lease: Lease) -> AsyncIterator[tuple[Session, float]]:
        """Give a session of the leader, and the time; LeaseLostError when another leads."""
        async with self._session(write=True) as session:
            yield session, await leases.check(session, self._scope, lease)
