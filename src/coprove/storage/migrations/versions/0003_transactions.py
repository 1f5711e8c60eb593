"""Transactions to L1 and their attempts; which L1 they are for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _number() -> sa.types.TypeEngine[int]:
    """Return the type of numbers that the database gives; SQLite knows one only."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Transactions to L1 and their attempts; which L1 they are for."""
    op.add_column("scopes", sa.Column("chain", sa.Text()))
    op.create_table(
        "transactions",
        sa.Column("scope_id", _number(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sender", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("recipient", sa.LargeBinary()),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("gas_limit", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("mined_hash", sa.LargeBinary()),
        sa.Column("mined_block", sa.BigInteger()),
        sa.Column("mined_block_hash", sa.LargeBinary()),
        sa.Column("succeeded", sa.SmallInteger()),
        sa.Column("gas_used", sa.BigInteger()),
        sa.Column("created_contract", sa.LargeBinary()),
        sa.CheckConstraint("nonce >= 0", name=op.f("ck_transactions_nonce")),
        sa.CheckConstraint("state IN ('open', 'done')", name=op.f("ck_transactions_state")),
        sa.CheckConstraint(
            "state = 'open' OR mined_hash IS NOT NULL", name=op.f("ck_transactions_settled")
        ),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name=op.f("fk_transactions_scope_id")),
        sa.PrimaryKeyConstraint("scope_id", "key", name=op.f("pk_transactions")),
        sa.UniqueConstraint(
            "scope_id", "sender", "nonce", name=op.f("uq_transactions_scope_id_sender_nonce")
        ),
    )
    op.create_index(
        "ix_transactions_open",
        "transactions",
        ["scope_id", "sender"],
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "attempts",
        sa.Column("scope_id", _number(), nullable=False),
        sa.Column("tx_hash", sa.LargeBinary(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("max_fee", sa.Text(), nullable=False),
        sa.Column("priority_fee", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name=op.f("fk_attempts_scope_id")),
        sa.ForeignKeyConstraint(
            ["scope_id", "key"],
            ["transactions.scope_id", "transactions.key"],
            name=op.f("fk_attempts_scope_id_key"),
        ),
        sa.PrimaryKeyConstraint("scope_id", "tx_hash", name=op.f("pk_attempts")),
        sa.UniqueConstraint(
            "scope_id", "key", "number", name=op.f("uq_attempts_scope_id_key_number")
        ),
    )
