"""The network's state in SQLite: a killed network comes back with all that it accepted."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from coprove.devnet.prover_network.records import ArtifactRecord, ProgramRecord, RequestRecord
from coprove.prover import Execution, Fulfillment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["NetworkStore"]

_TABLES = """
CREATE TABLE IF NOT EXISTS accounts (address BLOB PRIMARY KEY, nonce INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS programs (
    vkey_hash BLOB PRIMARY KEY, vkey BLOB NOT NULL, artifact_id TEXT NOT NULL,
    owner BLOB NOT NULL, created_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS artifacts (
    artifact_id TEXT PRIMARY KEY, kind INTEGER NOT NULL, token TEXT NOT NULL, digest TEXT);
CREATE TABLE IF NOT EXISTS requests (
    request_id BLOB PRIMARY KEY, requester BLOB NOT NULL, body BLOB NOT NULL,
    stdin_digest TEXT NOT NULL, fulfillment INTEGER NOT NULL, execution INTEGER NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, fulfilled_at INTEGER,
    cause INTEGER NOT NULL, cycles INTEGER, gas INTEGER, price INTEGER,
    proof_artifact TEXT, public_values BLOB);
"""
_REQUEST_FIELDS = tuple(field.name for field in fields(RequestRecord))


class NetworkStore:
    """One connection, used from one thread."""

    def __init__(self, path: Path) -> None:
        """Open or create the database."""
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all that follows, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def nonce(self, address: bytes) -> int:
        """Return an account's nonce."""
        row = self._one("SELECT nonce FROM accounts WHERE address = ?", address)
        return 0 if row is None else int(row["nonce"])

    def use_nonce(self, address: bytes) -> None:
        """Count one call of an account."""
        self._db.execute(
            "INSERT INTO accounts VALUES (?, 1) ON CONFLICT DO UPDATE SET nonce = nonce + 1",
            (address,),
        )

    def put_program(self, program: ProgramRecord) -> None:
        """Add a program."""
        self._db.execute(
            "INSERT INTO programs VALUES (?, ?, ?, ?, ?)",
            (
                program.vkey_hash,
                program.vkey,
                program.artifact_id,
                program.owner,
                program.created_at,
            ),
        )

    def program(self, vkey_hash: bytes) -> ProgramRecord | None:
        """Return a program."""
        row = self._one("SELECT * FROM programs WHERE vkey_hash = ?", vkey_hash)
        return None if row is None else ProgramRecord(**dict(row))

    def put_artifact(self, artifact: ArtifactRecord) -> None:
        """Add or replace an artifact's record."""
        self._db.execute(
            "INSERT OR REPLACE INTO artifacts VALUES (?, ?, ?, ?)",
            (artifact.artifact_id, artifact.kind, artifact.token, artifact.digest),
        )

    def artifact(self, artifact_id: str) -> ArtifactRecord | None:
        """Return an artifact's record."""
        row = self._one("SELECT * FROM artifacts WHERE artifact_id = ?", artifact_id)
        return None if row is None else ArtifactRecord(**dict(row))

    def put_request(self, request: RequestRecord) -> None:
        """Add or replace a request."""
        values = [getattr(request, name) for name in _REQUEST_FIELDS]
        marks = ", ".join("?" * len(values))
        names = ", ".join(_REQUEST_FIELDS)
        self._db.execute(
            f"INSERT OR REPLACE INTO requests ({names}) VALUES ({marks})",  # noqa: S608 - names are ours
            values,
        )

    def request(self, request_id: bytes) -> RequestRecord | None:
        """Return a request."""
        row = self._one("SELECT * FROM requests WHERE request_id = ?", request_id)
        return None if row is None else _request(row)

    def requests(self) -> list[RequestRecord]:
        """Return all requests, the newest first."""
        rows = self._db.execute("SELECT * FROM requests ORDER BY created_at DESC, rowid DESC")
        return [_request(row) for row in rows]

    def _one(self, query: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._db.execute(query, values).fetchone()
        return row


def _request(row: sqlite3.Row) -> RequestRecord:
    values = dict(row)
    values["fulfillment"] = Fulfillment(values["fulfillment"])
    values["execution"] = Execution(values["execution"])
    return RequestRecord(**values)
