"""What an AVS' aggregator still has to bring before contracts: evidence, signatures, rewards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, select

from coprove.storage.avs_rows import (
    AvsConfirmationState,
    AvsSettlementKind,
    AvsSettlementState,
    StoredEvidence,
    StoredSettlement,
    StoredSignature,
    columns,
    dialect,
    read_evidence,
    read_settlement,
    read_signature,
)
from coprove.storage.cancellation import unbroken
from coprove.storage.schema import (
    avs_confirmations,
    avs_evidence,
    avs_settlements,
    avs_signatures,
    avs_tasks,
)
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select

    from coprove.storage.records import Lease
    from coprove.storage.sql_store import SqlRequestStore

__all__ = ["NOBODY", "AvsSettlementLog", "IssuedTask", "UnsettledReward"]

NOBODY = Hash32(bytes(32))
"""Whom a reward's settlement is about: no single operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedTask:
    """A task as it was issued."""

    number: int
    """Its number."""
    key: Hash32
    """Its name on chain."""
    body: str
    """The task as its room writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsettledReward:
    """A task that was confirmed and whose reward was not seen settled in a final block."""

    key: Hash32
    """Its name on chain."""
    calldata: bytes
    """The call that confirmed it."""


class AvsSettlementLog:
    """The records of one scope; every write is refused with LeaseLostError once another leads.

    Each method is one transaction, on disk when it returns; any may raise StoreUnavailableError.
    """

    def __init__(self, store: SqlRequestStore, lease: Lease) -> None:
        """Share the store's connections and write as the holder of `lease`."""
        self._store = store
        self._lease = lease

    @unbroken
    async def put(self, settlement: StoredSettlement) -> None:
        """Store how far something is."""
        async with self._store.connection(self._lease) as (db, scope):
            row = columns(settlement, scope)
            upsert: Any = dialect(db).insert(avs_settlements).values(row)
            await db.execute(
                upsert.on_conflict_do_update(
                    index_elements=["scope_id", "kind", "key", "operator_id"],
                    set_={name: row[name] for name in ("attempt", "state", "error", "updated_at")},
                )
            )

    @unbroken
    async def settlement(
        self, kind: AvsSettlementKind, key: Hash32, operator_id: Hash32
    ) -> StoredSettlement | None:
        """Return how far something is; None while nothing was tried."""
        async with self._store.connection(None) as (db, scope):
            query = select(avs_settlements).where(
                avs_settlements.c.scope_id == scope,
                avs_settlements.c.kind == kind.value,
                avs_settlements.c.key == key,
                avs_settlements.c.operator_id == operator_id,
            )
            row = (await db.execute(query)).mappings().one_or_none()
            return None if row is None else read_settlement(row)

    @unbroken
    async def evidence(self, *, since: float, limit: int) -> Sequence[StoredEvidence]:
        """Return evidence kept since then of which no slashing is final, oldest first."""
        same = and_(
            avs_settlements.c.kind == avs_evidence.c.kind,
            avs_settlements.c.key == avs_evidence.c.key,
            avs_settlements.c.operator_id == avs_evidence.c.operator_id,
        )
        async with self._store.connection(None) as (db, scope):
            query = _without_settled(select(avs_evidence), avs_evidence, same, scope)
            query = query.where(avs_evidence.c.created_at >= since)
            query = query.order_by(avs_evidence.c.created_at).limit(limit)
            return [read_evidence(row) for row in (await db.execute(query)).mappings()]

    @unbroken
    async def rewards(self, *, since: float, limit: int) -> Sequence[UnsettledReward]:
        """Return what we confirmed since then and of which no settlement is final, oldest first."""
        same = and_(
            avs_settlements.c.kind == AvsSettlementKind.REWARD.value,
            avs_settlements.c.key == avs_tasks.c.key,
        )
        async with self._store.connection(None) as (db, scope):
            confirmed = select(avs_tasks.c.key, avs_confirmations.c.calldata).join(
                avs_confirmations,
                and_(
                    avs_confirmations.c.scope_id == avs_tasks.c.scope_id,
                    avs_confirmations.c.task_number == avs_tasks.c.number,
                ),
            )
            query = _without_settled(confirmed, avs_tasks, same, scope).where(
                avs_confirmations.c.state == AvsConfirmationState.DONE.value,
                avs_confirmations.c.updated_at >= since,
            )
            query = query.order_by(avs_confirmations.c.updated_at).limit(limit)
            return [
                UnsettledReward(key=Hash32(row["key"]), calldata=row["calldata"])
                for row in (await db.execute(query)).mappings()
            ]

    @unbroken
    async def issued_tasks(self, *, after: int, since: float, limit: int) -> Sequence[IssuedTask]:
        """Return tasks above a number, issued since then, by number."""
        async with self._store.connection(None) as (db, scope):
            query = (
                select(avs_tasks.c.number, avs_tasks.c.key, avs_tasks.c.body)
                .where(
                    avs_tasks.c.scope_id == scope,
                    avs_tasks.c.number > after,
                    avs_tasks.c.created_at >= since,
                )
                .order_by(avs_tasks.c.number)
                .limit(limit)
            )
            return [
                IssuedTask(number=row["number"], key=Hash32(row["key"]), body=row["body"])
                for row in (await db.execute(query)).mappings()
            ]

    @unbroken
    async def unproven_signatures(self, task_number: int, key: Hash32) -> Sequence[StoredSignature]:
        """Return a task's signatures whose signer has no final slashing as proven wrong."""
        same = and_(
            avs_settlements.c.kind == AvsSettlementKind.PROVEN_WRONG.value,
            avs_settlements.c.key == key,
            avs_settlements.c.operator_id == avs_signatures.c.operator_id,
        )
        async with self._store.connection(None) as (db, scope):
            query = _without_settled(select(avs_signatures), avs_signatures, same, scope)
            query = query.where(avs_signatures.c.task_number == task_number)
            return [read_signature(row) for row in (await db.execute(query)).mappings()]


def _without_settled(query: Select[Any], table: Any, same: Any, scope: int) -> Select[Any]:
    """Keep a scope's rows of which no settlement is final."""
    settled = select(avs_settlements.c.key).where(
        avs_settlements.c.scope_id == scope,
        avs_settlements.c.state == AvsSettlementState.DONE.value,
        same,
    )
    return query.where(table.c.scope_id == scope, ~settled.exists())
