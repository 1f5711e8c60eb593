"""The tables, and the rules that the database itself holds.

The live ranges of a scope are one path. Table `spans` has a row for each block at which a live
range ends, with the block at which it starts: a range starts where exactly one other ends
(a foreign key of the table to itself, checked at commit), no two start or end at the same block
(unique), each goes upwards (check), and one row per scope, the anchor, starts nowhere. Without a
way to go round in circles every chain of starts ends at the anchor, and without two ranges at a
start there is one chain: no gap, no overlap. Foreign keys in both directions tie each row to its
request, and a check ties a request's state to its being there.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from coprove.storage import avs_schema

__all__ = [
    "DIES",
    "METADATA",
    "attempts",
    "avs_confirmations",
    "avs_evidence",
    "avs_settlements",
    "avs_signatures",
    "avs_tasks",
    "checkpoints",
    "intents",
    "leases",
    "proofs",
    "requests",
    "scopes",
    "spans",
    "spending",
    "transactions",
]

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every table; migrations lead to exactly this."""

DIES = "status IN (6, 7)"
"""SQL for FAILED or CANCELLED; a test holds it against the table of states."""

# SQLite numbers rows by itself in columns of type INTEGER only.
_Number = BigInteger().with_variant(Integer(), "sqlite")


def _scope(*, primary_key: bool = False) -> Column[int]:
    return Column(
        "scope_id", _Number, ForeignKey("scopes.id"), nullable=False, primary_key=primary_key
    )


scopes = Table(
    "scopes",
    METADATA,
    Column("id", _Number, primary_key=True),
    Column("l1_chain_id", BigInteger, nullable=False),
    Column("l2_chain_id", BigInteger, nullable=False),
    Column("contract", LargeBinary, nullable=False),
    Column("config_name", Text, nullable=False),
    # Which L1 its transactions are for; a chain that began anew has the same number.
    Column("chain", Text),
    UniqueConstraint("l1_chain_id", "l2_chain_id", "contract", "config_name"),
)
"""Whose requests the others hold."""

leases = Table(
    "leases",
    METADATA,
    _scope(primary_key=True),
    Column("holder", Text),
    Column("token", BigInteger, nullable=False),
    Column("expires_at", Double, nullable=False),
)
"""One row per scope, which every writer locks."""

requests = Table(
    "requests",
    METADATA,
    # Said aloud: as part of a foreign key it would not be numbered by itself.
    Column("id", _Number, primary_key=True, autoincrement=True),
    _scope(),
    Column("kind", SmallInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("backend", Text, nullable=False),
    Column("start_block", BigInteger, nullable=False),
    Column("end_block", BigInteger, nullable=False),
    # The end block while it is a live range, to point at its row in `spans`.
    Column("live_end", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("replaces", _Number, ForeignKey("requests.id")),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("witness_begun_at", Double),
    Column("requested_at", Double),
    Column("witness_seconds", Double),
    Column("execution_seconds", Double),
    Column("proof_seconds", Double),
    Column("proof_id", LargeBinary),
    Column("deadline", Double),
    Column("l1_head_number", BigInteger),
    Column("l1_head_hash", LargeBinary),
    Column("end_hash", LargeBinary),
    Column("agreed_root", LargeBinary),
    Column("claimed_root", LargeBinary),
    Column("checkpoint_number", BigInteger),
    Column("checkpoint_hash", LargeBinary),
    Column("witness_path", Text),
    Column("witness_digest", LargeBinary),
    Column("statistics", Text, nullable=False),
    Column("cost", Text, nullable=False),
    Column("error", Text),
    Column("relay_tx", LargeBinary),
    Column("aggregation_vkey", LargeBinary),
    Column("range_vkey_commitment", LargeBinary),
    Column("rollup_config_hash", LargeBinary),
    Column("prover_address", LargeBinary),
    UniqueConstraint("id", "scope_id", "start_block", "live_end"),
    CheckConstraint("kind IN (0, 1)", "kind"),
    CheckConstraint("status BETWEEN 0 AND 7", "status"),
    CheckConstraint("kind = 1 OR status <> 5", "relayed"),
    CheckConstraint("0 <= start_block AND start_block < end_block", "blocks"),
    CheckConstraint("attempts >= 0", "attempts"),
    CheckConstraint(f"(kind = 0 AND NOT ({DIES})) = (live_end IS NOT NULL)", "live"),
    CheckConstraint("live_end IS NULL OR live_end = end_block", "live_end"),
    ForeignKeyConstraint(
        ["scope_id", "live_end", "id"],
        ["spans.scope_id", "spans.end_block", "spans.request_id"],
        deferrable=True,
        initially="DEFERRED",
        use_alter=True,
    ),
    Index(None, "scope_id", "kind", "status", "start_block"),
    Index(None, "scope_id", "live_end"),
    Index(None, "scope_id", "end_block"),
    Index(
        "uq_requests_live_aggregation",
        "scope_id",
        "start_block",
        "end_block",
        unique=True,
        sqlite_where=text(f"kind = 1 AND NOT ({DIES})"),
        postgresql_where=text(f"kind = 1 AND NOT ({DIES})"),
    ),
    sqlite_autoincrement=True,
)
"""Proof requests, live and dead."""

spans = Table(
    "spans",
    METADATA,
    _scope(primary_key=True),
    Column("end_block", BigInteger, primary_key=True, autoincrement=False),
    Column("start_block", BigInteger),
    Column("request_id", _Number),
    UniqueConstraint("scope_id", "start_block"),
    UniqueConstraint("scope_id", "end_block", "request_id"),
    CheckConstraint("start_block < end_block", "upwards"),
    CheckConstraint("(start_block IS NULL) = (request_id IS NULL)", "anchor"),
    ForeignKeyConstraint(
        ["scope_id", "start_block"],
        ["spans.scope_id", "spans.end_block"],
        deferrable=True,
        initially="DEFERRED",
    ),
    ForeignKeyConstraint(
        ["request_id", "scope_id", "start_block", "end_block"],
        ["requests.id", "requests.scope_id", "requests.start_block", "requests.live_end"],
        deferrable=True,
        initially="DEFERRED",
    ),
    Index(
        "uq_spans_one_anchor",
        "scope_id",
        unique=True,
        sqlite_where=text("start_block IS NULL"),
        postgresql_where=text("start_block IS NULL"),
    ),
)
"""The path of live ranges."""

proofs = Table(
    "proofs",
    METADATA,
    Column("request_id", _Number, ForeignKey("requests.id"), primary_key=True),
    Column("proof", LargeBinary, nullable=False),
)
"""Proofs, apart from the requests so that listings stay light."""

intents = Table(
    "intents",
    METADATA,
    _scope(primary_key=True),
    Column("key", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("request_id", _Number, ForeignKey("requests.id")),
    Column("facts", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    UniqueConstraint("scope_id", "number"),
    CheckConstraint("kind IN ('proof_request', 'checkpoint', 'proposal')", "kind"),
    CheckConstraint("state IN ('open', 'done', 'abandoned')", "state"),
    Index(None, "scope_id", "state", "request_id"),
)
"""What is about to be done; `number` keeps their order, `facts` what is known of each."""

transactions = Table(
    "transactions",
    METADATA,
    _scope(primary_key=True),
    Column("key", Text, primary_key=True),
    Column("sender", LargeBinary, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("recipient", LargeBinary),
    # Wei do not fit 64 bits.
    Column("value", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("gas_limit", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("mined_hash", LargeBinary),
    Column("mined_block", BigInteger),
    Column("mined_block_hash", LargeBinary),
    Column("succeeded", SmallInteger),
    Column("gas_used", BigInteger),
    Column("created_contract", LargeBinary),
    UniqueConstraint("scope_id", "sender", "nonce"),
    CheckConstraint("nonce >= 0", "nonce"),
    CheckConstraint("state IN ('open', 'done')", "state"),
    CheckConstraint("state = 'open' OR mined_hash IS NOT NULL", "settled"),
    Index(
        "ix_transactions_open",
        "scope_id",
        "sender",
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)
"""What is sent to L1, each with its nonce, and where it ended."""

attempts = Table(
    "attempts",
    METADATA,
    _scope(primary_key=True),
    Column("tx_hash", LargeBinary, primary_key=True),
    Column("key", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("max_fee", Text, nullable=False),
    Column("priority_fee", Text, nullable=False),
    Column("sent_at", Double, nullable=False),
    UniqueConstraint("scope_id", "key", "number"),
    ForeignKeyConstraint(["scope_id", "key"], ["transactions.scope_id", "transactions.key"]),
)
"""Signed transactions: of each the first and its replacements, in order."""

checkpoints = Table(
    "checkpoints",
    METADATA,
    _scope(primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    Column("tx_hash", LargeBinary),
    Column("created_at", Double, nullable=False),
)
"""L1 blocks whose hash the contract keeps."""

spending = Table(
    "spending",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("day", Text, nullable=False),
    Column("backend", Text, nullable=False),
    # Base units of a token with 18 decimals do not fit 64 bits.
    Column("amount", Text, nullable=False),
    Column("proof_id", LargeBinary),
    Index(None, "day"),
    Index(None, "proof_id"),
)
"""What each effect cost, by day; of all scopes together, and of who has none."""

avs_tasks, avs_signatures, avs_evidence, avs_confirmations, avs_settlements = avs_schema.define(
    METADATA, _Number
)
"""An AVS' tasks, what operators signed of them, evidence against some, what went on chain, and what
was brought before slasher and rewards."""
