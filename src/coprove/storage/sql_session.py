"""A transaction on SQLite or PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from coprove.storage import rows
from coprove.storage.schema import (
    checkpoints,
    intents,
    leases,
    proofs,
    requests,
    spans,
)
from coprove.storage.session import StoredLease
from coprove.storage.sql_transactions import SqlTransactions
from coprove.storage.states import DEAD, RequestKind, RequestStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from coprove.storage.records import (
        Checkpoint,
        Intent,
        IntentKind,
        IntentState,
        ProofRequest,
        RequestChanges,
    )
    from coprove.storage.session import NewRequest, RequestFilter

__all__ = ["SqlSession"]


class SqlSession(SqlTransactions):
    """A `Session` on a connection whose transaction has begun."""

    def __init__(
        self,
        connection: AsyncConnection,
        scope_id: int,
        *,
        write: bool,
        clock: Callable[[], float],
    ) -> None:
        """Speak for the scope with number `scope_id`; `clock` is the host's, for SQLite."""
        self._write = write
        self._db = connection
        self._scope_id = scope_id
        self._clock = clock
        self._is_sqlite = connection.dialect.name == "sqlite"

    # ---- time and lease

    async def now(self) -> float:
        """See `Session`."""
        if self._is_sqlite:
            return self._clock()
        # Not the time at which the transaction began: it may have waited for a lock.
        found = await self._db.execute(text("SELECT extract(epoch FROM clock_timestamp())::float8"))
        return float(found.scalar_one())

    async def lease(self) -> StoredLease:
        """See `Session`."""
        query = select(leases).where(leases.c.scope_id == self._scope_id)
        if self._write:
            # PostgreSQL locks the row; SQLite's writer has the whole file.
            query = query.with_for_update()
        row = (await self._db.execute(query)).mappings().one()
        return StoredLease(holder=row["holder"], token=row["token"], expires_at=row["expires_at"])

    async def set_lease(self, lease: StoredLease) -> None:
        """See `Session`."""
        await self._db.execute(
            update(leases)
            .where(leases.c.scope_id == self._scope_id)
            .values(holder=lease.holder, token=lease.token, expires_at=lease.expires_at)
        )

    # ---- requests

    async def get(self, request_id: int) -> ProofRequest | None:
        """See `Session`."""
        query = select(requests).where(
            requests.c.scope_id == self._scope_id, requests.c.id == request_id
        )
        row = (await self._db.execute(query)).mappings().one_or_none()
        return None if row is None else rows.request_record(row)

    async def select(self, wanted: RequestFilter) -> list[ProofRequest]:
        """See `Session`."""
        query = select(requests).where(*self._conditions(wanted)).limit(wanted.limit)
        if wanted.on_path:
            query = query.order_by(requests.c.live_end)
        else:
            query = query.order_by(requests.c.id.desc() if wanted.newest_first else requests.c.id)
        found = await self._db.execute(query)
        return [rows.request_record(row) for row in found.mappings()]

    def _conditions(self, wanted: RequestFilter) -> list[ColumnElement[bool]]:
        conditions = [requests.c.scope_id == self._scope_id]
        if wanted.on_path:
            conditions.append(requests.c.live_end.is_not(None))
        if wanted.kind is not None:
            conditions.append(requests.c.kind == int(wanted.kind))
        if wanted.statuses is not None:
            conditions.append(requests.c.status.in_(sorted(map(int, wanted.statuses))))
        # On the path by its own column, which has an index of live ranges alone.
        end = requests.c.live_end if wanted.on_path else requests.c.end_block
        if wanted.start_from is not None:
            conditions += [requests.c.start_block >= wanted.start_from, end > wanted.start_from]
        if wanted.end_above is not None:
            conditions.append(end > wanted.end_above)
        if wanted.touching is not None:
            conditions += [
                requests.c.start_block < wanted.touching.end,
                end > wanted.touching.start,
            ]
        if wanted.before_id is not None:
            conditions.append(requests.c.id < wanted.before_id)
        return conditions

    async def counts(self, kind: RequestKind | None) -> dict[RequestStatus, int]:
        """See `Session`."""
        query = (
            select(requests.c.status, func.count())
            .where(requests.c.scope_id == self._scope_id)
            .group_by(requests.c.status)
        )
        if kind is not None:
            query = query.where(requests.c.kind == int(kind))
        found = await self._db.execute(query)
        return {RequestStatus(row[0]): row[1] for row in found}

    async def insert(self, new: Sequence[NewRequest], now: float) -> list[ProofRequest]:
        """See `Session`."""
        stored: list[ProofRequest] = []
        for request in new:
            columns = rows.new_request_columns(self._scope_id, request, now)
            found = await self._db.execute(insert(requests).values(columns).returning(requests))
            stored.append(rows.request_record(found.mappings().one()))
        path = [
            {
                "scope_id": self._scope_id,
                "start_block": request.blocks.start,
                "end_block": request.blocks.end,
                "request_id": request.id,
            }
            for request in stored
            if request.kind is RequestKind.RANGE
        ]
        if path:
            await self._db.execute(insert(spans), path)
        return stored

    async def step(
        self,
        request_id: int,
        *,
        kinds: Collection[RequestKind],
        sources: Collection[RequestStatus],
        target: RequestStatus | None,
        changes: RequestChanges,
        now: float,
    ) -> ProofRequest | None:
        """See `Session`."""
        columns = rows.change_columns(changes) | {"updated_at": now}
        if target is not None:
            columns["status"] = int(target)
        if target is RequestStatus.WITNESS_GENERATION:
            columns["witness_begun_at"] = now
        elif target is RequestStatus.PROVING:
            columns["requested_at"] = now
        elif target in DEAD:
            columns["live_end"] = None
        found = await self._db.execute(
            update(requests)
            .where(
                requests.c.scope_id == self._scope_id,
                requests.c.id == request_id,
                requests.c.kind.in_(sorted(map(int, kinds))),
                requests.c.status.in_(sorted(map(int, sources))),
            )
            .values(columns)
            .returning(requests)
        )
        row = found.mappings().one_or_none()
        if row is None:
            return None
        if target in DEAD:
            await self._db.execute(
                delete(spans).where(
                    spans.c.scope_id == self._scope_id, spans.c.request_id == request_id
                )
            )
        return rows.request_record(row)

    # ---- the path

    async def anchor(self) -> int | None:
        """See `Session`."""
        query = select(spans.c.end_block).where(
            spans.c.scope_id == self._scope_id, spans.c.start_block.is_(None)
        )
        return (await self._db.execute(query)).scalar_one_or_none()

    async def path_end(self) -> int | None:
        """See `Session`."""
        query = select(func.max(spans.c.end_block)).where(spans.c.scope_id == self._scope_id)
        end: int | None = (await self._db.execute(query)).scalar_one()
        return end

    async def set_anchor(self, block: int) -> None:
        """See `Session`."""
        moved = await self._db.execute(
            update(spans)
            .where(spans.c.scope_id == self._scope_id, spans.c.start_block.is_(None))
            .values(end_block=block)
        )
        if moved.rowcount == 0:
            await self._db.execute(insert(spans).values(scope_id=self._scope_id, end_block=block))

    # ---- proofs

    async def proof(self, request_id: int) -> bytes | None:
        """See `Session`."""
        query = select(proofs.c.proof).where(proofs.c.request_id == request_id)
        return (await self._db.execute(query)).scalar_one_or_none()

    async def put_proof(self, request_id: int, proof: bytes) -> None:
        """See `Session`."""
        await self._upsert(proofs, {"request_id": request_id}, {"proof": proof})

    # ---- intents

    async def intent(self, key: str) -> Intent | None:
        """See `Session`."""
        query = select(intents).where(intents.c.scope_id == self._scope_id, intents.c.key == key)
        row = (await self._db.execute(query)).mappings().one_or_none()
        return None if row is None else rows.intent_record(row)

    async def intents(
        self, state: IntentState, kind: IntentKind | None, request_id: int | None
    ) -> list[Intent]:
        """See `Session`."""
        query = (
            select(intents)
            .where(intents.c.scope_id == self._scope_id, intents.c.state == state.value)
            .order_by(intents.c.number)
        )
        if kind is not None:
            query = query.where(intents.c.kind == kind.value)
        if request_id is not None:
            query = query.where(intents.c.request_id == request_id)
        found = await self._db.execute(query)
        return [rows.intent_record(row) for row in found.mappings()]

    async def put_intent(self, intent: Intent) -> None:
        """See `Session`."""
        columns = rows.intent_columns(intent)
        stored = await self._db.execute(
            update(intents)
            .where(intents.c.scope_id == self._scope_id, intents.c.key == intent.key)
            .values(columns)
        )
        if stored.rowcount == 0:
            last = select(func.coalesce(func.max(intents.c.number), 0) + 1).where(
                intents.c.scope_id == self._scope_id
            )
            await self._db.execute(
                insert(intents).values(
                    scope_id=self._scope_id,
                    key=intent.key,
                    number=last.scalar_subquery(),
                    kind=intent.kind.value,
                    request_id=intent.request_id,
                    created_at=intent.created_at,
                    **columns,
                )
            )

    # ---- checkpoints

    async def checkpoints(self) -> list[Checkpoint]:
        """See `Session`."""
        query = (
            select(checkpoints)
            .where(checkpoints.c.scope_id == self._scope_id)
            .order_by(checkpoints.c.number.desc())
        )
        found = await self._db.execute(query)
        return [rows.checkpoint_record(row) for row in found.mappings()]

    async def put_checkpoint(self, checkpoint: Checkpoint) -> None:
        """See `Session`."""
        await self._upsert(
            checkpoints,
            {"scope_id": self._scope_id, "number": checkpoint.block.number},
            {
                "hash": checkpoint.block.hash,
                "tx_hash": checkpoint.tx_hash,
                "created_at": checkpoint.created_at,
            },
        )

    async def drop_checkpoint(self, number: int) -> None:
        """See `Session`."""
        await self._db.execute(
            delete(checkpoints).where(
                checkpoints.c.scope_id == self._scope_id, checkpoints.c.number == number
            )
        )

    async def _upsert(
        self, table: Table, key: dict[str, object], values: dict[str, object]
    ) -> None:
        if self._is_sqlite:
            lite = sqlite.insert(table).values(**key, **values)
            await self._db.execute(lite.on_conflict_do_update(index_elements=[*key], set_=values))
        else:
            post = postgresql.insert(table).values(**key, **values)
            await self._db.execute(post.on_conflict_do_update(index_elements=[*key], set_=values))
