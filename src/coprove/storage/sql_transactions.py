"""The part of a transaction on SQLite or PostgreSQL that speaks of transactions to L1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, text, union, update

from coprove.storage.schema import attempts, scopes, transactions
from coprove.types import Address, Hash32
from coprove.types import transactions as tx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["SqlTransactions"]


class SqlTransactions:
    """What a `SqlSession` does with them."""

    _db: AsyncConnection
    _scope_id: int

    async def chain(self) -> str | None:
        """See `Session`."""
        query = select(scopes.c.chain).where(scopes.c.id == self._scope_id)
        return (await self._db.execute(query)).scalar_one_or_none()

    async def set_chain(self, chain: str) -> None:
        """See `Session`."""
        await self._db.execute(
            update(scopes).where(scopes.c.id == self._scope_id).values(chain=chain)
        )

    async def transaction(self, key: str) -> tx.Intent | None:
        """See `Session`."""
        query = select(transactions).where(
            transactions.c.scope_id == self._scope_id, transactions.c.key == key
        )
        row = (await self._db.execute(query)).mappings().one_or_none()
        return None if row is None else _intent(row)

    async def unsettled_transactions(self, sender: Address, chain_nonce: int) -> list[tx.Intent]:
        """See `Session`."""
        of_sender = (
            transactions.c.scope_id == self._scope_id,
            transactions.c.sender == sender,
        )
        # Two indexed searches: this runs at every look at the chain. SQLite takes the index of
        # the open ones only where the state is written out.
        keys = union(
            select(transactions.c.key).where(*of_sender, text("state = 'open'")),
            select(transactions.c.key).where(*of_sender, transactions.c.nonce >= chain_nonce),
        )
        query = (
            select(transactions)
            .where(transactions.c.scope_id == self._scope_id, transactions.c.key.in_(keys))
            .order_by(transactions.c.nonce)
        )
        return [_intent(row) for row in (await self._db.execute(query)).mappings()]

    async def highest_nonce(self, sender: Address) -> int | None:
        """See `Session`."""
        query = select(func.max(transactions.c.nonce)).where(
            transactions.c.scope_id == self._scope_id, transactions.c.sender == sender
        )
        highest: int | None = (await self._db.execute(query)).scalar_one()
        return highest

    async def put_transaction(self, intent: tx.Intent) -> None:
        """See `Session`."""
        columns = _columns(intent)
        stored = await self._db.execute(
            update(transactions)
            .where(transactions.c.scope_id == self._scope_id, transactions.c.key == intent.key)
            .values(columns)
        )
        if stored.rowcount == 0:
            draft = intent.draft
            await self._db.execute(
                insert(transactions).values(
                    scope_id=self._scope_id,
                    key=draft.key,
                    sender=draft.sender,
                    recipient=draft.to,
                    value=str(draft.value),
                    data=draft.data,
                    gas_limit=draft.gas_limit,
                    **columns,
                )
            )

    async def drop_transaction(self, key: str) -> None:
        """See `Session`."""
        for table in (attempts, transactions):
            await self._db.execute(
                delete(table).where(table.c.scope_id == self._scope_id, table.c.key == key)
            )

    async def attempts(self, key: str) -> list[tx.Attempt]:
        """See `Session`."""
        query = (
            select(attempts)
            .where(attempts.c.scope_id == self._scope_id, attempts.c.key == key)
            .order_by(attempts.c.number)
        )
        return [_attempt(row) for row in (await self._db.execute(query)).mappings()]

    async def add_attempt(self, key: str, attempt: tx.Attempt) -> None:
        """See `Session`."""
        last = select(func.coalesce(func.max(attempts.c.number), 0) + 1).where(
            attempts.c.scope_id == self._scope_id, attempts.c.key == key
        )
        await self._db.execute(
            insert(attempts).values(
                scope_id=self._scope_id,
                tx_hash=attempt.tx_hash,
                key=key,
                number=last.scalar_subquery(),
                nonce=attempt.nonce,
                raw=attempt.raw,
                max_fee=str(attempt.fees.max_fee),
                priority_fee=str(attempt.fees.priority_fee),
                sent_at=attempt.sent_at,
            )
        )


def _columns(intent: tx.Intent) -> dict[str, object]:
    """Return what may change of a transaction."""
    mined = intent.mined
    return {
        "nonce": intent.nonce,
        "state": intent.state.value,
        "mined_hash": None if mined is None else mined.tx_hash,
        "mined_block": None if mined is None else mined.block_number,
        "mined_block_hash": None if mined is None else mined.block_hash,
        "succeeded": None if mined is None else int(mined.succeeded),
        "gas_used": None if mined is None else mined.gas_used,
        "created_contract": None if mined is None else mined.contract_address,
    }


def _intent(row: Mapping[Any, Any]) -> tx.Intent:
    mined = None
    if row["mined_hash"] is not None:
        created = row["created_contract"]
        mined = tx.Mined(
            tx_hash=Hash32(row["mined_hash"]),
            block_number=row["mined_block"],
            block_hash=Hash32(row["mined_block_hash"]),
            succeeded=bool(row["succeeded"]),
            gas_used=row["gas_used"],
            contract_address=None if created is None else Address(created),
        )
    to = row["recipient"]
    draft = tx.Draft(
        key=row["key"],
        sender=Address(row["sender"]),
        to=None if to is None else Address(to),
        value=int(row["value"]),
        data=bytes(row["data"]),
        gas_limit=row["gas_limit"],
    )
    return tx.Intent(
        draft=draft, nonce=row["nonce"], state=tx.IntentState(row["state"]), mined=mined
    )


def _attempt(row: Mapping[Any, Any]) -> tx.Attempt:
    return tx.Attempt(
        tx_hash=Hash32(row["tx_hash"]),
        nonce=row["nonce"],
        raw=bytes(row["raw"]),
        fees=tx.Fees(max_fee=int(row["max_fee"]), priority_fee=int(row["priority_fee"])),
        sent_at=row["sent_at"],
    )
