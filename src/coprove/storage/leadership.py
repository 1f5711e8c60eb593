"""The store's methods for leadership, upon any database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.storage import leases
from coprove.storage.base import StoreBase
from coprove.storage.cancellation import unbroken
from coprove.storage.checks import checked_text

if TYPE_CHECKING:
    from coprove.storage.records import Lease

__all__ = ["LeadershipMethods"]


class LeadershipMethods(StoreBase):
    """What a `RequestStore` knows of who leads."""

    @unbroken
    async def acquire(self, holder: str, ttl: float) -> Lease:
        """Lead for `ttl` seconds; LeaseHeldError as long as another does.

        A holder that asks again is refused like any other: it renews, or waits for the end.
        """
        checked_text("holder", holder)
        async with self._session(write=True) as session:
            return await leases.acquire(session, self._scope, holder, ttl)

    @unbroken
    async def renew(self, lease: Lease, ttl: float) -> Lease:
        """Lead for `ttl` seconds from now; LeaseLostError once the lease has run out."""
        async with self._writing(lease) as (session, now):
            return await leases.renew(session, lease, ttl, now)

    @unbroken
    async def release(self, lease: Lease) -> None:
        """Stop leading, so that a standby need not wait; no error when it is lost already."""
        async with self._session(write=True) as session:
            await leases.release(session, self._scope, lease)

    @unbroken
    async def check(self, lease: Lease) -> None:
        """Raise LeaseLostError when the caller does not lead: before an effect outside."""
        async with self._session(write=False) as session:
            await leases.check(session, self._scope, lease)

    @unbroken
    async def leader(self) -> Lease | None:
        """Return who leads now; None when nobody does."""
        async with self._session(write=False) as session:
            return await leases.leader(session, self._scope)
