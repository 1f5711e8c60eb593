"""The store's methods for spending, upon any database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.storage.base import StoreBase
from coprove.storage.cancellation import unbroken
from coprove.storage.checks import checked_text

if TYPE_CHECKING:
    import datetime

    from coprove.storage.records import Lease

__all__ = ["SpendingMethods"]


class SpendingMethods(StoreBase):
    """What a `RequestStore` notes of costs."""

    @unbroken
    async def put_spend(
        self, lease: Lease, key: str, *, day: datetime.date, backend: str, amount: int
    ) -> None:
        """Note what an effect costs, in the payment token's base unit; once for each key.

        A later note of the same key takes the place of the first: an estimate, then the price.
        """
        checked_text("key", key)
        checked_text("backend", backend)
        async with self._writing(lease) as (session, _):
            await session.put_spend(key, day, backend, amount)

    @unbroken
    async def spent(self, day: datetime.date, backend: str | None = None) -> int:
        """Return what the effects of a day (UTC) cost, in the base unit."""
        async with self._session(write=False) as session:
            return sum(await session.spends(day, backend))
