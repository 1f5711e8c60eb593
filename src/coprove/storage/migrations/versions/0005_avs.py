"""What an AVS' aggregator must not lose: tasks, signatures, evidence, confirmations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _number() -> sa.types.TypeEngine[int]:
    """Return the type of numbers that the database gives; SQLite knows one only."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """What an AVS' aggregator must not lose: tasks, signatures, evidence, confirmations."""
    op.create_table(
        "avs_tasks",
        sa.Column("scope_id", _number(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_avs_tasks_number")),
        sa.CheckConstraint(
            "state IN ('open', 'confirmed', 'expired', 'void')", name=op.f("ck_avs_tasks_state")
        ),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name=op.f("fk_avs_tasks_scope_id")),
        sa.PrimaryKeyConstraint("scope_id", "number", name=op.f("pk_avs_tasks")),
    )
    op.create_index(op.f("ix_avs_tasks_scope_id_key"), "avs_tasks", ["scope_id", "key"])
    op.create_index(op.f("ix_avs_tasks_scope_id_state"), "avs_tasks", ["scope_id", "state"])
    op.create_table(
        "avs_signatures",
        sa.Column("scope_id", _number(), nullable=False),
        sa.Column("task_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("operator_id", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("prover_signature", sa.LargeBinary(), nullable=False),
        sa.Column("accepted_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["scope_id", "task_number"],
            ["avs_tasks.scope_id", "avs_tasks.number"],
            name=op.f("fk_avs_signatures_scope_id_task_number"),
        ),
        sa.PrimaryKeyConstraint(
            "scope_id", "task_number", "operator_id", name=op.f("pk_avs_signatures")
        ),
    )
    op.create_table(
        "avs_evidence",
        sa.Column("scope_id", _number(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("operator_id", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('equivocation', 'contradicts-quorum')", name=op.f("ck_avs_evidence_kind")
        ),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name=op.f("fk_avs_evidence_scope_id")),
        sa.PrimaryKeyConstraint(
            "scope_id", "key", "operator_id", "kind", name=op.f("pk_avs_evidence")
        ),
    )
    op.create_table(
        "avs_confirmations",
        sa.Column("scope_id", _number(), nullable=False),
        sa.Column("task_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("calldata", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.CheckConstraint("attempt > 0", name=op.f("ck_avs_confirmations_attempt")),
        sa.CheckConstraint(
            "state IN ('open', 'done', 'failed')", name=op.f("ck_avs_confirmations_state")
        ),
        sa.ForeignKeyConstraint(
            ["scope_id", "task_number"],
            ["avs_tasks.scope_id", "avs_tasks.number"],
            name=op.f("fk_avs_confirmations_scope_id_task_number"),
        ),
        sa.PrimaryKeyConstraint(
            "scope_id", "task_number", "attempt", name=op.f("pk_avs_confirmations")
        ),
    )
    op.create_index(
        "uq_avs_confirmations_one_open",
        "avs_confirmations",
        ["scope_id", "task_number"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
