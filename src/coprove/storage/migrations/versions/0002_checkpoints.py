"""Checkpoints, and what was spent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _number() -> sa.types.TypeEngine[int]:
    """Return the type of numbers that the database gives; SQLite knows one only."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Checkpoints, and what was spent."""
    op.create_table(
        "checkpoints",
        sa.Column("scope_id", _number(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("tx_hash", sa.LargeBinary()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name=op.f("fk_checkpoints_scope_id")),
        sa.PrimaryKeyConstraint("scope_id", "number", name=op.f("pk_checkpoints")),
    )
    op.create_table(
        "spending",
        sa.Column("scope_id", _number(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("amount", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name=op.f("fk_spending_scope_id")),
        sa.PrimaryKeyConstraint("scope_id", "key", name=op.f("pk_spending")),
    )
    op.create_index(op.f("ix_spending_scope_id_day"), "spending", ["scope_id", "day"])
