"""What an AVS' aggregator brings before the slasher and the rewards contract."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _number() -> sa.types.TypeEngine[int]:
    """Return the type of numbers that the database gives; SQLite knows one only."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """What an AVS' aggregator brings before the slasher and the rewards contract."""
    op.create_table(
        "avs_settlements",
        sa.Column("scope_id", _number(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("operator_id", sa.LargeBinary(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('equivocation', 'contradicts-quorum', 'proven-wrong', 'reward')",
            name=op.f("ck_avs_settlements_kind"),
        ),
        sa.CheckConstraint("attempt > 0", name=op.f("ck_avs_settlements_attempt")),
        sa.CheckConstraint(
            "state IN ('open', 'failed', 'done')", name=op.f("ck_avs_settlements_state")
        ),
        sa.ForeignKeyConstraint(
            ["scope_id"], ["scopes.id"], name=op.f("fk_avs_settlements_scope_id")
        ),
        sa.PrimaryKeyConstraint(
            "scope_id", "kind", "key", "operator_id", name=op.f("pk_avs_settlements")
        ),
    )
