"""What an AVS' aggregator must not lose, written by one leader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from coprove.storage.avs_rows import (
    AvsConfirmationState,
    AvsEvidenceKind,
    AvsTaskState,
    StoredConfirmation,
    StoredEvidence,
    StoredSignature,
    StoredTask,
    columns,
    dialect,
    read_confirmation,
    read_evidence,
    read_signature,
    read_task,
)
from coprove.storage.cancellation import unbroken
from coprove.storage.schema import avs_confirmations, avs_evidence, avs_signatures, avs_tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from coprove.storage.records import Lease
    from coprove.storage.sql_store import SqlRequestStore
    from coprove.types import Hash32

__all__ = [
    "AvsConfirmationState",
    "AvsEvidenceKind",
    "AvsLog",
    "AvsTaskState",
    "StoredConfirmation",
    "StoredEvidence",
    "StoredSignature",
    "StoredTask",
]


class AvsLog:
    """The records of one scope; every write is refused with LeaseLostError once another leads.

    Each method is one transaction, on disk when it returns; any may raise StoreUnavailableError.
    """

    def __init__(self, store: SqlRequestStore, lease: Lease) -> None:
        """Share the store's connections and write as the holder of `lease`."""
        self._store = store
        self._lease = lease

    @unbroken
    async def add_task(self, task: StoredTask) -> None:
        """Store a task that is issued."""
        async with self._store.connection(self._lease) as (db, scope):
            await db.execute(insert(avs_tasks).values(columns(task, scope)))

    @unbroken
    async def set_state(self, number: int, state: AvsTaskState) -> None:
        """Note where a task stands."""
        async with self._store.connection(self._lease) as (db, scope):
            await _set_state(db, scope, number, state)

    @unbroken
    async def accept(
        self, signatures: Sequence[StoredSignature], evidence: Sequence[StoredEvidence]
    ) -> None:
        """Store what a batch brought, all or nothing; what is there already stays as it is."""
        async with self._store.connection(self._lease) as (db, scope):
            await _insert_new(db, avs_signatures, [columns(one, scope) for one in signatures])
            await _insert_new(db, avs_evidence, [columns(one, scope) for one in evidence])

    @unbroken
    async def put_confirmation(
        self,
        confirmation: StoredConfirmation,
        *,
        task_state: AvsTaskState | None = None,
        evidence: Sequence[StoredEvidence] = (),
    ) -> None:
        """Store an attempt, or where it stands now, with all that follows from it."""
        row = columns(confirmation, scope=0)
        async with self._store.connection(self._lease) as (db, scope):
            row["scope_id"] = scope
            upsert: Any = dialect(db).insert(avs_confirmations).values(row)
            await db.execute(
                upsert.on_conflict_do_update(
                    index_elements=["scope_id", "task_number", "attempt"],
                    set_={name: row[name] for name in ("state", "error", "updated_at")},
                )
            )
            if task_state is not None:
                await _set_state(db, scope, confirmation.task_number, task_state)
            await _insert_new(db, avs_evidence, [columns(one, scope) for one in evidence])

    @unbroken
    async def tasks(self, *, recent: int) -> Sequence[StoredTask]:
        """Return open tasks and the `recent` newest of the others, by number."""
        async with self._store.connection(None) as (db, scope):
            own = avs_tasks.c.scope_id == scope
            closed = avs_tasks.c.state != AvsTaskState.OPEN.value
            newest = (
                select(avs_tasks.c.number)
                .where(own, closed)
                .order_by(avs_tasks.c.number.desc())
                .limit(recent)
            )
            query = (
                select(avs_tasks)
                .where(own, ~closed | avs_tasks.c.number.in_(newest))
                .order_by(avs_tasks.c.number)
            )
            return [read_task(row) for row in (await db.execute(query)).mappings()]

    @unbroken
    async def last_number(self) -> int:
        """Return the highest number that a task has; 0 when there is none."""
        async with self._store.connection(None) as (db, scope):
            query = select(func.coalesce(func.max(avs_tasks.c.number), 0)).where(
                avs_tasks.c.scope_id == scope
            )
            return int((await db.execute(query)).scalar_one())

    @unbroken
    async def newest_of(self, key: Hash32) -> StoredTask | None:
        """Return the newest task of a name on chain."""
        async with self._store.connection(None) as (db, scope):
            query = (
                select(avs_tasks)
                .where(avs_tasks.c.scope_id == scope, avs_tasks.c.key == key)
                .order_by(avs_tasks.c.number.desc())
                .limit(1)
            )
            row = (await db.execute(query)).mappings().one_or_none()
            return None if row is None else read_task(row)

    @unbroken
    async def signatures(self, task_number: int) -> Sequence[StoredSignature]:
        """Return what was signed of a task, in the order of acceptance."""
        async with self._store.connection(None) as (db, scope):
            query = (
                select(avs_signatures)
                .where(
                    avs_signatures.c.scope_id == scope,
                    avs_signatures.c.task_number == task_number,
                )
                .order_by(avs_signatures.c.accepted_at, avs_signatures.c.operator_id)
            )
            return [read_signature(row) for row in (await db.execute(query)).mappings()]

    @unbroken
    async def evidence(
        self, *, key: Hash32 | None = None, limit: int = 1000
    ) -> Sequence[StoredEvidence]:
        """Return evidence, newest first, of one task or of all."""
        async with self._store.connection(None) as (db, scope):
            query = select(avs_evidence).where(avs_evidence.c.scope_id == scope)
            if key is not None:
                query = query.where(avs_evidence.c.key == key)
            query = query.order_by(avs_evidence.c.created_at.desc()).limit(limit)
            return [read_evidence(row) for row in (await db.execute(query)).mappings()]

    @unbroken
    async def confirmations(self, task_number: int) -> Sequence[StoredConfirmation]:
        """Return the attempts to confirm a task, oldest first."""
        async with self._store.connection(None) as (db, scope):
            query = (
                select(avs_confirmations)
                .where(
                    avs_confirmations.c.scope_id == scope,
                    avs_confirmations.c.task_number == task_number,
                )
                .order_by(avs_confirmations.c.attempt)
            )
            return [read_confirmation(row) for row in (await db.execute(query)).mappings()]


async def _set_state(db: AsyncConnection, scope: int, number: int, state: AvsTaskState) -> None:
    await db.execute(
        update(avs_tasks)
        .where(avs_tasks.c.scope_id == scope, avs_tasks.c.number == number)
        .values(state=state.value)
    )


async def _insert_new(db: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        statement: Any = dialect(db).insert(table)
        await db.execute(statement.on_conflict_do_nothing(), rows)
