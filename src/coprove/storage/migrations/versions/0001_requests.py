"""Scopes, leases, requests with their path, proofs, intents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _number() -> sa.types.TypeEngine[int]:
    """Return the type of numbers that the database gives; SQLite knows one only."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Scopes, leases, requests with their path, proofs, intents."""
    op.create_table(
        "scopes",
        sa.Column("id", _number(), nullable=False),
        sa.Column("l1_chain_id", sa.BigInteger(), nullable=False),
        sa.Column("l2_chain_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.LargeBinary(), nullable=False),
        sa.Column("config_name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scopes")),
        sa.UniqueConstraint(
            "l1_chain_id",
            "l2_chain_id",
            "contract",
            "config_name",
            name=op.f("uq_scopes_l1_chain_id_l2_chain_id_contract_config_name"),
        ),
    )
    op.create_table(
        "leases",
        sa.Column("scope_id", _number(), nullable=False),
        sa.Column("holder", sa.Text()),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name=op.f("fk_leases_scope_id")),
        sa.PrimaryKeyConstraint("scope_id", name=op.f("pk_leases")),
    )
    op.create_table(
        "requests",
        sa.Column("id", _number(), autoincrement=True, nullable=False),
        sa.Column("scope_id", _number(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("start_block", sa.BigInteger(), nullable=False),
        sa.Column("end_block", sa.BigInteger(), nullable=False),
        sa.Column("live_end", sa.BigInteger()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("replaces", _number()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("witness_begun_at", sa.Double()),
        sa.Column("requested_at", sa.Double()),
        sa.Column("witness_seconds", sa.Double()),
        sa.Column("execution_seconds", sa.Double()),
        sa.Column("proof_seconds", sa.Double()),
        sa.Column("proof_id", sa.LargeBinary()),
        sa.Column("deadline", sa.Double()),
        sa.Column("l1_head_number", sa.BigInteger()),
        sa.Column("l1_head_hash", sa.LargeBinary()),
        sa.Column("end_hash", sa.LargeBinary()),
        sa.Column("agreed_root", sa.LargeBinary()),
        sa.Column("claimed_root", sa.LargeBinary()),
        sa.Column("checkpoint_number", sa.BigInteger()),
        sa.Column("checkpoint_hash", sa.LargeBinary()),
        sa.Column("witness_path", sa.Text()),
        sa.Column("witness_digest", sa.LargeBinary()),
        sa.Column("statistics", sa.Text(), nullable=False),
        sa.Column("cost", sa.Text(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("relay_tx", sa.LargeBinary()),
        sa.Column("aggregation_vkey", sa.LargeBinary()),
        sa.Column("range_vkey_commitment", sa.LargeBinary()),
        sa.Column("rollup_config_hash", sa.LargeBinary()),
        sa.Column("prover_address", sa.LargeBinary()),
        sa.CheckConstraint(
            "(kind = 0 AND NOT (status IN (6, 7))) = (live_end IS NOT NULL)",
            name=op.f("ck_requests_live"),
        ),
        sa.CheckConstraint(
            "0 <= start_block AND start_block < end_block", name=op.f("ck_requests_blocks")
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_requests_attempts")),
        sa.CheckConstraint("kind = 1 OR status <> 5", name=op.f("ck_requests_relayed")),
        sa.CheckConstraint("kind IN (0, 1)", name=op.f("ck_requests_kind")),
        sa.CheckConstraint(
            "live_end IS NULL OR live_end = end_block", name=op.f("ck_requests_live_end")
        ),
        sa.CheckConstraint("status BETWEEN 0 AND 7", name=op.f("ck_requests_status")),
        sa.ForeignKeyConstraint(["replaces"], ["requests.id"], name=op.f("fk_requests_replaces")),
        sa.ForeignKeyConstraint(
            ["scope_id", "live_end", "id"],
            ["spans.scope_id", "spans.end_block", "spans.request_id"],
            name=op.f("fk_requests_scope_id_live_end_id"),
            initially="DEFERRED",
            deferrable=True,
            use_alter=True,
        ),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name=op.f("fk_requests_scope_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sa.UniqueConstraint(
            "id",
            "scope_id",
            "start_block",
            "live_end",
            name=op.f("uq_requests_id_scope_id_start_block_live_end"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_requests_scope_id_end_block"), "requests", ["scope_id", "end_block"])
    op.create_index(
        op.f("ix_requests_scope_id_kind_status_start_block"),
        "requests",
        ["scope_id", "kind", "status", "start_block"],
    )
    op.create_index(op.f("ix_requests_scope_id_live_end"), "requests", ["scope_id", "live_end"])
    op.create_index(
        "uq_requests_live_aggregation",
        "requests",
        ["scope_id", "start_block", "end_block"],
        unique=True,
        sqlite_where=sa.text("kind = 1 AND NOT (status IN (6, 7))"),
        postgresql_where=sa.text("kind = 1 AND NOT (status IN (6, 7))"),
    )
    op.create_table(
        "spans",
        sa.Column("scope_id", _number(), nullable=False),
        sa.Column("end_block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("start_block", sa.BigInteger()),
        sa.Column("request_id", _number()),
        sa.CheckConstraint(
            "(start_block IS NULL) = (request_id IS NULL)", name=op.f("ck_spans_anchor")
        ),
        sa.CheckConstraint("start_block < end_block", name=op.f("ck_spans_upwards")),
        sa.ForeignKeyConstraint(
            ["request_id", "scope_id", "start_block", "end_block"],
            ["requests.id", "requests.scope_id", "requests.start_block", "requests.live_end"],
            name=op.f("fk_spans_request_id_scope_id_start_block_end_block"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["scope_id", "start_block"],
            ["spans.scope_id", "spans.end_block"],
            name=op.f("fk_spans_scope_id_start_block"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name=op.f("fk_spans_scope_id")),
        sa.PrimaryKeyConstraint("scope_id", "end_block", name=op.f("pk_spans")),
        sa.UniqueConstraint(
            "scope_id",
            "end_block",
            "request_id",
            name=op.f("uq_spans_scope_id_end_block_request_id"),
        ),
        sa.UniqueConstraint("scope_id", "start_block", name=op.f("uq_spans_scope_id_start_block")),
    )
    op.create_index(
        "uq_spans_one_anchor",
        "spans",
        ["scope_id"],
        unique=True,
        sqlite_where=sa.text("start_block IS NULL"),
        postgresql_where=sa.text("start_block IS NULL"),
    )
    op.create_table(
        "proofs",
        sa.Column("request_id", _number(), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_proofs_request_id")),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_proofs")),
    )
    op.create_table(
        "intents",
        sa.Column("scope_id", _number(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("request_id", _number()),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('proof_request', 'checkpoint', 'proposal')", name=op.f("ck_intents_kind")
        ),
        sa.CheckConstraint("state IN ('open', 'done', 'abandoned')", name=op.f("ck_intents_state")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_intents_request_id")
        ),
        sa.ForeignKeyConstraint(["scope_id"], ["scopes.id"], name=op.f("fk_intents_scope_id")),
        sa.PrimaryKeyConstraint("scope_id", "key", name=op.f("pk_intents")),
        sa.UniqueConstraint("scope_id", "number", name=op.f("uq_intents_scope_id_number")),
    )
    op.create_index(
        op.f("ix_intents_scope_id_state_request_id"), "intents", ["scope_id", "state", "request_id"]
    )
    # The two tables point at each other; SQLite took the reference with the table.
    if op.get_bind().dialect.name != "sqlite":
        op.create_foreign_key(
            op.f("fk_requests_scope_id_live_end_id"),
            "requests",
            "spans",
            ["scope_id", "live_end", "id"],
            ["scope_id", "end_block", "request_id"],
            deferrable=True,
            initially="DEFERRED",
        )
