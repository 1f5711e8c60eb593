"""What was spent, by day: one account for all that share a database, whatever their scope.

Spending needs no lease: a proof server has none, and counts beside a proposer. A reservation is
one transaction under a lock, so that two processes never pass a limit together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, text, update

from coprove.closing import AsyncClosing
from coprove.storage.cancellation import unbroken
from coprove.storage.checks import checked_text
from coprove.storage.engine import check_file, connect, database_url, shown_address, transaction
from coprove.storage.migrate import upgrade
from coprove.storage.schema import spending

if TYPE_CHECKING:
    import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

__all__ = ["SpendingLedger", "open_ledger"]


class SpendingLedger(AsyncClosing):
    """Counts effects that cost money, each once for its key; `open_ledger` makes one.

    Amounts are in the payment token's base unit. Any method may raise StoreUnavailableError.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        """Count in the database of `engine`, which is closed with the ledger."""
        self._engine = engine

    def __repr__(self) -> str:
        """Return the address without any secret."""
        return f"{type(self).__name__}({shown_address(self._engine.url)})"

    @unbroken
    async def reserve(
        self,
        key: str,
        *,
        day: datetime.date,
        backend: str,
        amount: int,
        max_requests: int | None = None,
        max_amount: int | None = None,
    ) -> bool:
        """Count the effect of `key` on a day (UTC); False, and it is not, when beyond a limit.

        True also when the key was counted before, on whatever day: it counts once.
        """
        checked_text("key", key)
        checked_text("backend", backend)
        async with transaction(self._engine, write=True) as db:
            if self._engine.dialect.name == "postgresql":
                # Readers go on; SQLite's writer has the whole file.
                await db.execute(text("LOCK TABLE spending IN SHARE ROW EXCLUSIVE MODE"))
            known = select(spending.c.key).where(spending.c.key == key)
            if (await db.execute(known)).first() is not None:
                return True
            requests, spent = await _spent(db, day)
            if max_requests is not None and requests + 1 > max_requests:
                return False
            if max_amount is not None and spent + amount > max_amount:
                return False
            await db.execute(
                insert(spending).values(
                    key=key, day=day.isoformat(), backend=backend, amount=str(amount)
                )
            )
            return True

    @unbroken
    async def attach(self, key: str, proof_id: bytes) -> None:
        """Note which proof a reservation became; the first note counts."""
        async with transaction(self._engine, write=True) as db:
            await db.execute(
                update(spending)
                .where(spending.c.key == key, spending.c.proof_id.is_(None))
                .values(proof_id=proof_id)
            )

    @unbroken
    async def release(self, key: str) -> None:
        """Forget a reservation of which nothing came."""
        async with transaction(self._engine, write=True) as db:
            await db.execute(delete(spending).where(spending.c.key == key))

    @unbroken
    async def settle(self, proof_id: bytes, amount: int) -> None:
        """Count what a proof did cost in place of its estimate."""
        async with transaction(self._engine, write=True) as db:
            await db.execute(
                update(spending).where(spending.c.proof_id == proof_id).values(amount=str(amount))
            )

    @unbroken
    async def spent(self, day: datetime.date) -> tuple[int, int]:
        """Return how many effects a day (UTC) had, and what they cost."""
        async with transaction(self._engine, write=False) as db:
            return await _spent(db, day)

    @unbroken
    async def close(self) -> None:
        """Release connections."""
        await self._engine.dispose()


async def _spent(db: AsyncConnection, day: datetime.date) -> tuple[int, int]:
    query = select(spending.c.amount).where(spending.c.day == day.isoformat())
    amounts = [int(amount) for amount in (await db.execute(query)).scalars()]
    return len(amounts), sum(amounts)


@unbroken
async def open_ledger(url: str) -> SpendingLedger:
    """Open the ledger of the database at `url`, making file and tables when not there.

    `url` is as for `open_store`, whose schema it shares.
    """
    engine = connect(database_url(url))
    try:
        await check_file(engine)
        async with transaction(engine, write=True) as connection:
            await upgrade(connection)
    except BaseException:
        await engine.dispose()
        raise
    return SpendingLedger(engine)
