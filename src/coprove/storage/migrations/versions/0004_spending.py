"""What was spent counts for all that share the database, and knows its proof."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was spent counts for all that share the database, and knows its proof."""
    old = sa.table("spending", *map(sa.column, ("scope_id", "key", "day", "backend", "amount")))
    stored = op.get_bind().execute(sa.select(old)).mappings().all()
    op.drop_table("spending")
    new = op.create_table(
        "spending",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("amount", sa.Text(), nullable=False),
        sa.Column("proof_id", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_spending")),
    )
    op.create_index(op.f("ix_spending_day"), "spending", ["day"])
    op.create_index(op.f("ix_spending_proof_id"), "spending", ["proof_id"])
    # Two scopes may have had one key.
    rows = [
        {
            "key": f"{row['scope_id']}/{row['key']}",
            "day": row["day"],
            "backend": row["backend"],
            "amount": row["amount"],
        }
        for row in stored
    ]
    op.bulk_insert(new, rows)
