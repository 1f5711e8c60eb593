"""Rows of the AVS' tables as records, and back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import postgresql, sqlite

from coprove.types import Hash32

if TYPE_CHECKING:
    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = [
    "AvsConfirmationState",
    "AvsEvidenceKind",
    "AvsSettlementKind",
    "AvsSettlementState",
    "AvsTaskState",
    "StoredConfirmation",
    "StoredEvidence",
    "StoredSettlement",
    "StoredSignature",
    "StoredTask",
    "columns",
    "dialect",
    "read_confirmation",
    "read_evidence",
    "read_settlement",
    "read_signature",
    "read_task",
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


class AvsSettlementKind(StrEnum):
    """What is brought before a contract."""

    EQUIVOCATION = "equivocation"
    """Evidence of that kind."""
    CONTRADICTS_QUORUM = "contradicts-quorum"
    """Evidence of that kind."""
    PROVEN_WRONG = "proven-wrong"
    """A signature that a proven output contradicts."""
    REWARD = "reward"
    """The reward of a confirmed task."""


class AvsSettlementState(StrEnum):
    """Where a settlement stands."""

    OPEN = "open"
    """Its transaction may have been sent."""
    FAILED = "failed"
    """The contract did not take it; another attempt follows."""
    DONE = "done"
    """A final block of the chain has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSettlement:
    """How far something is that has to be brought before a contract."""

    kind: AvsSettlementKind
    """What."""
    key: Hash32
    """Name of the task on chain."""
    operator_id: Hash32
    """Whom it is about; zeros for a reward."""
    attempt: int
    """From 1."""
    state: AvsSettlementState
    """Where it stands."""
    error: str | None = None
    """Why the attempt failed."""
    updated_at: float
    """Unix seconds."""


def dialect(db: AsyncConnection) -> Any:
    """Return the database's own statements, for what both know and SQL does not."""
    return sqlite if db.dialect.name == "sqlite" else postgresql


def columns(record: Any, scope: int) -> dict[str, Any]:
    """Return a record's values by the names of its columns."""
    found: dict[str, Any] = {"scope_id": scope}
    for name in record.__dataclass_fields__:
        value = getattr(record, name)
        found[name] = value.value if isinstance(value, StrEnum) else value
    return found


def read_task(row: RowMapping) -> StoredTask:
    """Return a row of `avs_tasks`."""
    values = _fields(row, "key")
    values["state"] = AvsTaskState(row["state"])
    return StoredTask(**values)


def read_signature(row: RowMapping) -> StoredSignature:
    """Return a row of `avs_signatures`."""
    return StoredSignature(**_fields(row, "operator_id"))


def read_evidence(row: RowMapping) -> StoredEvidence:
    """Return a row of `avs_evidence`."""
    values = _fields(row, "key", "operator_id")
    values["kind"] = AvsEvidenceKind(row["kind"])
    return StoredEvidence(**values)


def read_confirmation(row: RowMapping) -> StoredConfirmation:
    """Return a row of `avs_confirmations`."""
    values = _fields(row)
    values["state"] = AvsConfirmationState(row["state"])
    return StoredConfirmation(**values)


def read_settlement(row: RowMapping) -> StoredSettlement:
    """Return a row of `avs_settlements`."""
    values = _fields(row, "key", "operator_id")
    values["kind"] = AvsSettlementKind(row["kind"])
    values["state"] = AvsSettlementState(row["state"])
    return StoredSettlement(**values)


def _fields(row: RowMapping, *hashes: str) -> dict[str, Any]:
    found = {name: value for name, value in row.items() if name != "scope_id"}
    for name in hashes:
        found[name] = Hash32(found[name])
    return found
