"""The tables of an AVS' aggregator: tasks, signatures, evidence, confirmations, settlements."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

__all__ = ["define"]


def define(metadata: MetaData, number: BigInteger) -> tuple[Table, Table, Table, Table, Table]:
    """Return the five tables of `metadata`; `number` is the type of a scope's number."""
    tasks = Table(
        "avs_tasks",
        metadata,
        Column("scope_id", number, primary_key=True),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("key", LargeBinary, nullable=False),
        Column("body", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        ForeignKeyConstraint(["scope_id"], ["scopes.id"]),
        CheckConstraint("number > 0", "number"),
        CheckConstraint("state IN ('open', 'confirmed', 'expired', 'void')", "state"),
        Index(None, "scope_id", "key"),
        Index(None, "scope_id", "state"),
    )
    signatures = Table(
        "avs_signatures",
        metadata,
        Column("scope_id", number, primary_key=True),
        Column("task_number", BigInteger, primary_key=True, autoincrement=False),
        # An operator counts once for a task, whatever it sends.
        Column("operator_id", LargeBinary, primary_key=True),
        Column("state", LargeBinary, nullable=False),
        Column("signature", LargeBinary, nullable=False),
        Column("prover_signature", LargeBinary, nullable=False),
        Column("accepted_at", Double, nullable=False),
        ForeignKeyConstraint(
            ["scope_id", "task_number"], ["avs_tasks.scope_id", "avs_tasks.number"]
        ),
    )
    evidence = Table(
        "avs_evidence",
        metadata,
        Column("scope_id", number, primary_key=True),
        Column("key", LargeBinary, primary_key=True),
        Column("operator_id", LargeBinary, primary_key=True),
        Column("kind", Text, primary_key=True),
        Column("body", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        ForeignKeyConstraint(["scope_id"], ["scopes.id"]),
        CheckConstraint("kind IN ('equivocation', 'contradicts-quorum')", "kind"),
    )
    confirmations = Table(
        "avs_confirmations",
        metadata,
        Column("scope_id", number, primary_key=True),
        Column("task_number", BigInteger, primary_key=True, autoincrement=False),
        Column("attempt", Integer, primary_key=True, autoincrement=False),
        Column("calldata", LargeBinary, nullable=False),
        Column("state", Text, nullable=False),
        Column("error", Text),
        Column("updated_at", Double, nullable=False),
        ForeignKeyConstraint(
            ["scope_id", "task_number"], ["avs_tasks.scope_id", "avs_tasks.number"]
        ),
        CheckConstraint("attempt > 0", "attempt"),
        CheckConstraint("state IN ('open', 'done', 'failed')", "state"),
        Index(
            "uq_avs_confirmations_one_open",
            "scope_id",
            "task_number",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )
    settlements = Table(
        "avs_settlements",
        metadata,
        Column("scope_id", number, primary_key=True),
        Column("kind", Text, primary_key=True),
        Column("key", LargeBinary, primary_key=True),
        Column("operator_id", LargeBinary, primary_key=True),
        Column("attempt", Integer, nullable=False),
        Column("state", Text, nullable=False),
        Column("error", Text),
        Column("updated_at", Double, nullable=False),
        ForeignKeyConstraint(["scope_id"], ["scopes.id"]),
        CheckConstraint(
            "kind IN ('equivocation', 'contradicts-quorum', 'proven-wrong', 'reward')", "kind"
        ),
        CheckConstraint("attempt > 0", "attempt"),
        CheckConstraint("state IN ('open', 'failed', 'done')", "state"),
    )
    return tasks, signatures, evidence, confirmations, settlements
