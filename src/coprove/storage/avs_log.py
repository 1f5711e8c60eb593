"""What an AVS' aggregator must not lose, written by one leader."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from coprove.storage.cancellation import unbroken
from coprove.storage.schema import avs_confirmations, avs_evidence, avs_signatures, avs_tasks
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping, Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from coprove.storage.records import Lease
    from coprove.storage.sql_store import SqlRequestStore

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


class AvsTaskState(StrEnum):
    """Where a task stands."""

    OPEN = "open"
    """Signatures are taken."""
    CONFIRMED = "confirmed"
    """The chain has it; a reorg may open it again."""
    EXPIRED = "expired"
    """Its time ran out."""
    VOID = "void"
    """Its reference block left the chain: nobody can confirm what was signed."""


class AvsEvidenceKind(StrEnum):
    """What an operator can be slashed for by its own signatures."""

    EQUIVOCATION = "equivocation"
    """It signed two states of one range and L1 head."""
    CONTRADICTS_QUORUM = "contradicts-quorum"
    """It signed another state of the same range and L1 head than was confirmed."""


class AvsConfirmationState(StrEnum):
    """Where an attempt to confirm a task stands."""

    OPEN = "open"
    """It may have been sent."""
    DONE = "done"
    """It is in the chain."""
    FAILED = "failed"
    """It reverted or the chain lost it: another attempt may follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTask:
    """A task that was issued."""

    number: int
    """From 1; never given twice in a scope."""
    key: Hash32
    """Name of the task on chain; tasks that were issued again share it."""
    body: str
    """The task as its room writes it."""
    state: AvsTaskState
    """Where it stands."""
    created_at: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSignature:
    """A state that an operator signed, verified."""

    task_number: int
    """Which task."""
    operator_id: Hash32
    """Who."""
    state: bytes
    """What it signed."""
    signature: bytes
    """Its BLS signature, 64 bytes."""
    prover_signature: bytes
    """Its prover's, 65 bytes."""
    accepted_at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvidence:
    """Signed evidence against an operator; the first of a kind for a task is kept."""

    key: Hash32
    """Name of the task on chain."""
    operator_id: Hash32
    """Against whom."""
    kind: AvsEvidenceKind
    """For what."""
    body: str
    """JSON, in the shape of the slasher's arguments."""
    created_at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConfirmation:
    """An attempt to confirm a task; at most one of a task is open."""

    task_number: int
    """Which task."""
    attempt: int
    """From 1."""
    calldata: bytes
    """What is sent."""
    state: AvsConfirmationState
    """Where it stands."""
    error: str | None = None
    """Why it failed."""
    updated_at: float
    """Unix seconds."""


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
            await db.execute(insert(avs_tasks).values(_columns(task, scope)))

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
            await _insert_new(db, avs_signatures, [_columns(one, scope) for one in signatures])
            await _insert_new(db, avs_evidence, [_columns(one, scope) for one in evidence])

    @unbroken
    async def put_confirmation(
        self,
        confirmation: StoredConfirmation,
        *,
        task_state: AvsTaskState | None = None,
        evidence: Sequence[StoredEvidence] = (),
    ) -> None:
        """Store an attempt, or where it stands now, with all that follows from it."""
        row = _columns(confirmation, scope=0)
        async with self._store.connection(self._lease) as (db, scope):
            row["scope_id"] = scope
            upsert: Any = _dialect(db).insert(avs_confirmations).values(row)
            await db.execute(
                upsert.on_conflict_do_update(
                    index_elements=["scope_id", "task_number", "attempt"],
                    set_={name: row[name] for name in ("state", "error", "updated_at")},
                )
            )
            if task_state is not None:
                await _set_state(db, scope, confirmation.task_number, task_state)
            await _insert_new(db, avs_evidence, [_columns(one, scope) for one in evidence])

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
            return [_task(row) for row in (await db.execute(query)).mappings()]

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
            return None if row is None else _task(row)

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
            return [
                StoredSignature(**_fields(row, "operator_id"))
                for row in (await db.execute(query)).mappings()
            ]

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
            found = []
            for row in (await db.execute(query)).mappings():
                fields = _fields(row, "key", "operator_id")
                fields["kind"] = AvsEvidenceKind(row["kind"])
                found.append(StoredEvidence(**fields))
            return found

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
            found = []
            for row in (await db.execute(query)).mappings():
                fields = _fields(row)
                fields["state"] = AvsConfirmationState(row["state"])
                found.append(StoredConfirmation(**fields))
            return found


async def _set_state(db: AsyncConnection, scope: int, number: int, state: AvsTaskState) -> None:
    await db.execute(
        update(avs_tasks)
        .where(avs_tasks.c.scope_id == scope, avs_tasks.c.number == number)
        .values(state=state.value)
    )


async def _insert_new(db: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        statement: Any = _dialect(db).insert(table)
        await db.execute(statement.on_conflict_do_nothing(), rows)


def _dialect(db: AsyncConnection) -> Any:
    return sqlite if db.dialect.name == "sqlite" else postgresql


def _columns(record: Any, scope: int) -> dict[str, Any]:
    found: dict[str, Any] = {"scope_id": scope}
    for name in record.__dataclass_fields__:
        value = getattr(record, name)
        found[name] = value.value if isinstance(value, StrEnum) else value
    return found


def _fields(row: RowMapping, *hashes: str) -> dict[str, Any]:
    found = {name: value for name, value in row.items() if name != "scope_id"}
    for name in hashes:
        found[name] = Hash32(found[name])
    return found


def _task(row: RowMapping) -> StoredTask:
    fields = _fields(row, "key")
    fields["state"] = AvsTaskState(row["state"])
    return StoredTask(**fields)
