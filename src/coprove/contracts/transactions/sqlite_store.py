"""The intents in one SQLite file."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from coprove.types import Address, Hash32
from coprove.types.transactions import Attempt, Draft, Fees, Intent, IntentState, Mined

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SqliteIntentStore"]

# Wei do not fit SQLite's 64-bit integers and are kept as decimal text.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS chain (id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS intents (
    key TEXT PRIMARY KEY,
    sender BLOB NOT NULL,
    nonce INTEGER NOT NULL,
    recipient BLOB,
    value TEXT NOT NULL,
    data BLOB NOT NULL,
    gas_limit INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'done')),
    tx_hash BLOB,
    block_number INTEGER,
    block_hash BLOB,
    succeeded INTEGER,
    gas_used INTEGER,
    contract_address BLOB,
    UNIQUE (sender, nonce)
);
CREATE TABLE IF NOT EXISTS attempts (
    tx_hash BLOB PRIMARY KEY,
    key TEXT NOT NULL REFERENCES intents (key),
    nonce INTEGER NOT NULL,
    raw BLOB NOT NULL,
    max_fee TEXT NOT NULL,
    priority_fee TEXT NOT NULL,
    sent_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS attempts_of_key ON attempts (key);
CREATE INDEX IF NOT EXISTS open_intents ON intents (sender, key) WHERE state = 'open';
"""
_INTENT = (
    "key, sender, nonce, recipient, value, data, gas_limit, state,"
    " tx_hash, block_number, block_hash, succeeded, gas_used, contract_address"
)
_NEXT_NONCE = "max(?, coalesce((SELECT max(nonce) + 1 FROM intents WHERE sender = ?), 0))"


class SqliteIntentStore:
    """An `IntentStore` in a file with a write-ahead log, for what is sent from one machine.

    Calls do not wait for anything but the disk. Several processes may share the file.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, creating it when it is not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30.0)
        self._db.execute("PRAGMA journal_mode = WAL")
        # An intent must be on disk before its transaction is sent.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.executescript(_SCHEMA)

    async def bind(self, chain: str) -> str:
        """See `IntentStore`."""
        self._db.execute("INSERT OR IGNORE INTO chain (id, name) VALUES (1, ?)", (chain,))
        (stored,) = self._db.execute("SELECT name FROM chain").fetchone()
        return str(stored)

    async def get(self, key: str) -> Intent | None:
        """See `IntentStore`."""
        return self._get(key)

    def _get(self, key: str) -> Intent | None:
        query = f"SELECT {_INTENT} FROM intents WHERE key = ?"  # noqa: S608 - constant columns
        row = self._db.execute(query, (key,)).fetchone()
        return None if row is None else _intent(row)

    async def reserve(self, draft: Draft, chain_nonce: int) -> Intent:
        """See `IntentStore`."""
        self._db.execute(
            "INSERT INTO intents (key, sender, nonce, recipient, value, data, gas_limit, state)"  # noqa: S608 - constant text
            f" VALUES (?, ?, {_NEXT_NONCE}, ?, ?, ?, ?, 'open')",
            (
                draft.key,
                draft.sender,
                chain_nonce,
                draft.sender,
                draft.to,
                str(draft.value),
                draft.data,
                draft.gas_limit,
            ),
        )
        return self._stored(draft.key)

    async def renumber(self, key: str, chain_nonce: int) -> Intent:
        """See `IntentStore`."""
        sender = self._stored(key).draft.sender
        self._db.execute(
            f"UPDATE intents SET nonce = {_NEXT_NONCE} WHERE key = ?",  # noqa: S608 - constant text
            (chain_nonce, sender, key),
        )
        return self._stored(key)

    async def add_attempt(self, key: str, attempt: Attempt) -> None:
        """See `IntentStore`."""
        self._db.execute(
            "INSERT OR IGNORE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                attempt.tx_hash,
                key,
                attempt.nonce,
                attempt.raw,
                str(attempt.fees.max_fee),
                str(attempt.fees.priority_fee),
                attempt.sent_at,
            ),
        )

    async def attempts(self, key: str) -> list[Attempt]:
        """See `IntentStore`."""
        rows = self._db.execute(
            "SELECT tx_hash, nonce, raw, max_fee, priority_fee, sent_at FROM attempts"
            " WHERE key = ? ORDER BY rowid",
            (key,),
        )
        return [
            Attempt(
                tx_hash=Hash32(tx_hash),
                nonce=nonce,
                raw=raw,
                fees=Fees(max_fee=int(max_fee), priority_fee=int(priority_fee)),
                sent_at=sent_at,
            )
            for tx_hash, nonce, raw, max_fee, priority_fee, sent_at in rows
        ]

    async def record(self, key: str, mined: Mined | None, state: IntentState) -> None:
        """See `IntentStore`."""
        values: tuple[object, ...] = (None,) * 6
        if mined is not None:
            values = (
                mined.tx_hash,
                mined.block_number,
                mined.block_hash,
                int(mined.succeeded),
                mined.gas_used,
                mined.contract_address,
            )
        self._db.execute(
            "UPDATE intents SET tx_hash = ?, block_number = ?, block_hash = ?, succeeded = ?,"
            " gas_used = ?, contract_address = ?, state = ? WHERE key = ?",
            (*values, state.value, key),
        )

    async def discard(self, key: str) -> bool:
        """See `IntentStore`."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            intent = self._stored(key)
            (highest,) = self._db.execute(
                "SELECT max(nonce) FROM intents WHERE sender = ?", (intent.draft.sender,)
            ).fetchone()
            if highest == intent.nonce:
                self._db.execute("DELETE FROM attempts WHERE key = ?", (key,))
                self._db.execute("DELETE FROM intents WHERE key = ?", (key,))
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return bool(highest == intent.nonce)

    async def unsettled(self, sender: Address, *, chain_nonce: int) -> list[Intent]:
        """See `IntentStore`."""
        # Two indexed searches: this runs at every poll, beside rows that hold whole batches.
        rows = self._db.execute(
            f"SELECT {_INTENT} FROM intents WHERE key IN ("  # noqa: S608 - constant columns
            "SELECT key FROM intents WHERE sender = ? AND state = 'open'"
            " UNION SELECT key FROM intents WHERE sender = ? AND nonce >= ?) ORDER BY nonce",
            (sender, sender, chain_nonce),
        )
        return [_intent(row) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _stored(self, key: str) -> Intent:
        intent = self._get(key)
        if intent is None:
            raise KeyError(key)
        return intent


def _intent(row: tuple[object, ...]) -> Intent:
    key, sender, nonce, to, value, data, gas_limit, state, *found = row
    tx_hash, block_number, block_hash, succeeded, gas_used, created = found
    mined = None
    if isinstance(tx_hash, bytes) and isinstance(block_hash, bytes):
        mined = Mined(
            tx_hash=Hash32(tx_hash),
            block_number=int(str(block_number)),
            block_hash=Hash32(block_hash),
            succeeded=bool(succeeded),
            gas_used=int(str(gas_used)),
            contract_address=Address(created) if isinstance(created, bytes) else None,
        )
    draft = Draft(
        key=str(key),
        sender=Address(_bytes(sender)),
        to=None if to is None else Address(_bytes(to)),
        value=int(str(value)),
        data=_bytes(data),
        gas_limit=int(str(gas_limit)),
    )
    return Intent(draft=draft, nonce=int(str(nonce)), state=IntentState(state), mined=mined)


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"expected a BLOB, got {type(value).__name__}")
    return value
