"""The jobs of a proof server in one SQLite file."""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any

from coprove.prover.backend import Execution, Fulfillment, ProofCost, ProofKind
from coprove.prover.server.errors import JobConflictError, UnknownJobError
from coprove.prover.server.records import ALLOWED, OPEN, Job, JobState, NewJob, WitnessEntry
from coprove.types import BlockRange, BootInfo, Hash32

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["JobIntents", "JobStore"]

_STATES = ", ".join(f"'{state}'" for state in JobState)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('range', 'aggregation')),
    fingerprint TEXT NOT NULL,
    backend TEXT NOT NULL,
    start_block INTEGER,
    end_block INTEGER,
    checkpoint BLOB,
    subproofs BLOB NOT NULL,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ({_STATES})),
    claim BLOB,
    proof_id BLOB,
    fulfillment INTEGER NOT NULL DEFAULT 0,
    execution INTEGER NOT NULL DEFAULT 0,
    cost TEXT,
    reason TEXT,
    cancel INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    updated REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_of_fingerprint ON jobs (fingerprint, created);
CREATE INDEX IF NOT EXISTS jobs_of_proof ON jobs (proof_id);
CREATE INDEX IF NOT EXISTS jobs_in_time ON jobs (created, id);
CREATE TABLE IF NOT EXISTS intents (
    key TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (key, name)
);
CREATE TABLE IF NOT EXISTS claims (
    digest BLOB PRIMARY KEY, start_block INTEGER NOT NULL, claim BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS witnesses (
    start_block INTEGER NOT NULL,
    end_block INTEGER NOT NULL,
    claim BLOB NOT NULL,
    size INTEGER NOT NULL,
    created REAL NOT NULL,
    used REAL NOT NULL,
    PRIMARY KEY (start_block, end_block, claim)
);
"""
_JOB = (
    "id, key, kind, fingerprint, backend, start_block, end_block, checkpoint, subproofs, priority,"
    " state, claim, proof_id, fulfillment, execution, cost, reason, cancel, created, updated"
)
_SELECT = f"SELECT {_JOB} FROM jobs"  # noqa: S608 - constant columns
_BEFORE = {
    after: sorted(state for state, following in ALLOWED.items() if after in following)
    for after in JobState
}


class JobStore:
    """All methods take effect on the disk before they return."""

    def __init__(self, path: Path) -> None:
        """Open the file, creating it when it is not there."""
        self._db = sqlite3.connect(
            path, isolation_level=None, timeout=30.0, check_same_thread=False
        )
        self._lock = threading.Lock()
        self._db.execute("PRAGMA journal_mode = WAL")
        # A request is answered as accepted only once it is on the disk.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def check(self) -> None:
        """Read and write once; sqlite3.Error when the file does not allow it."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("ROLLBACK")

    def add(self, new: NewJob, *, key: str | None = None) -> Job:
        """Store a request as an accepted job; `key` defaults to a new one.

        A key that is taken gives its job back when it asked for the same, and JobConflictError
        otherwise.
        """
        job_id = secrets.token_hex(16)
        now = time.time()
        self._write(
            "INSERT OR IGNORE INTO jobs (id, key, kind, fingerprint, backend, start_block,"
            " end_block, checkpoint, subproofs, priority, state, created, updated)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'accepted', ?, ?)",
            (
                job_id,
                key if key is not None else f"{new.kind}/{job_id}",
                new.kind.value,
                new.fingerprint,
                new.backend,
                None if new.blocks is None else new.blocks.start,
                None if new.blocks is None else new.blocks.end,
                new.checkpoint,
                b"".join(new.subproofs),
                new.priority,
                now,
                now,
            ),
        )
        found = self._jobs("WHERE key = ? OR id = ?", (key, job_id))
        if found[0].request.fingerprint != new.fingerprint:
            raise JobConflictError(f"the idempotency key {key!r} belongs to another request")
        return found[0]

    def get(self, job_id: str) -> Job:
        """Return a job; UnknownJobError when there is none."""
        found = self._jobs("WHERE id = ?", (job_id,))
        if not found:
            raise UnknownJobError(f"no job {job_id[:64]!r}")
        return found[0]

    def latest(self, fingerprint: str) -> Job | None:
        """Return the newest job that asked for the same."""
        found = self._jobs(
            "WHERE fingerprint = ? ORDER BY created DESC, rowid DESC LIMIT 1", (fingerprint,)
        )
        return found[0] if found else None

    def by_proof(self, proof_id: bytes) -> Job | None:
        """Return the job that the backend knows under `proof_id`."""
        found = self._jobs("WHERE proof_id = ? LIMIT 1", (proof_id,))
        return found[0] if found else None

    def by_key(self, key: str) -> Job | None:
        """Return the job with an idempotency key."""
        found = self._jobs("WHERE key = ?", (key,))
        return found[0] if found else None

    def open_jobs(self) -> list[Job]:
        """Return the jobs that are not over, the oldest first."""
        marks = ", ".join("?" for _ in OPEN)
        return self._jobs(f"WHERE state IN ({marks}) ORDER BY created, rowid", sorted(OPEN))

    def page(
        self, *, states: Sequence[JobState], kinds: Sequence[ProofKind], before: str, limit: int
    ) -> list[Job]:
        """Return at most `limit` jobs, the newest first, of these states and kinds.

        `before` is the identifier of the last job of the page before, or empty.
        """
        marks = ", ".join("?" for _ in states)
        kind_marks = ", ".join("?" for _ in kinds)
        where = f"WHERE state IN ({marks}) AND kind IN ({kind_marks})"
        values: list[object] = [*states, *kinds]
        if before:
            where += " AND (created, id) < (SELECT created, id FROM jobs WHERE id = ?)"
            values.append(before)
        return self._jobs(f"{where} ORDER BY created DESC, id DESC LIMIT ?", [*values, limit])

    def count(self) -> dict[tuple[str, str], int]:
        """Return the number of jobs by kind and state."""
        rows = self._read("SELECT kind, state, count(*) FROM jobs GROUP BY kind, state")
        return {(kind, state): number for kind, state, number in rows}

    def move(self, job_id: str, state: JobState, **values: object) -> bool:
        """Bring a job into `state` with further columns; False when its state forbids it.

        `values`: claim, blocks, proof_id, fulfillment, execution, cost, reason.
        """
        before = _BEFORE[state]
        marks = ", ".join("?" for _ in before)
        assignments, given = _assignments(values)
        changed = self._write(
            f"UPDATE jobs SET state = ?, updated = ?{assignments}"  # noqa: S608 - own columns
            f" WHERE id = ? AND state IN ({marks})",
            (state.value, time.time(), *given, job_id, *before),
        )
        return changed > 0

    def note(self, job_id: str, **values: object) -> None:
        """Store what is known of an open job besides its state; columns as in `move`."""
        assignments, given = _assignments(values)
        marks = ", ".join("?" for _ in OPEN)
        self._write(
            f"UPDATE jobs SET updated = ?{assignments}"  # noqa: S608 - own columns
            f" WHERE id = ? AND state IN ({marks})",
            (time.time(), *given, job_id, *sorted(OPEN)),
        )

    def ask_to_cancel(self, job_id: str) -> None:
        """Mark an open job as to be given up."""
        self.note(job_id, cancel=1)

    def remember_claim(self, digest: bytes, start: int, claim: BootInfo) -> None:
        """Store what the range proof with SHA-256 `digest` shows."""
        self._write(
            "INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", (digest, start, claim.encode())
        )

    def claim_of(self, digest: bytes) -> tuple[int, BootInfo] | None:
        """Return the agreed block and the claim of a range proof that was made here."""
        rows = self._read("SELECT start_block, claim FROM claims WHERE digest = ?", (digest,))
        return (rows[0][0], BootInfo.decode(rows[0][1])) if rows else None

    def put_witness(self, entry: WitnessEntry) -> None:
        """Store that the input of a range lies in the cache."""
        self._write(
            "INSERT OR REPLACE INTO witnesses VALUES (?, ?, ?, ?, ?, ?)",
            (
                entry.blocks.start,
                entry.blocks.end,
                entry.claim.encode(),
                entry.size,
                entry.created,
                entry.used,
            ),
        )

    def witnesses(self) -> list[WitnessEntry]:
        """Return the inputs in the cache, the least recently used first."""
        rows = self._read(
            "SELECT start_block, end_block, claim, size, created, used FROM witnesses ORDER BY used"
        )
        return [
            WitnessEntry(
                blocks=BlockRange(start=start, end=end),
                claim=BootInfo.decode(claim),
                size=size,
                created=created,
                used=used,
            )
            for start, end, claim, size, created, used in rows
        ]

    def drop_witness(self, entry: WitnessEntry) -> None:
        """Forget that the input of a range lies in the cache."""
        self._write(
            "DELETE FROM witnesses WHERE start_block = ? AND end_block = ? AND claim = ?",
            (entry.blocks.start, entry.blocks.end, entry.claim.encode()),
        )

    def note_intent(self, key: str, values: Mapping[str, str | int]) -> None:
        """Store, or add to, what a backend notes under a key."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(
                    "INSERT OR REPLACE INTO intents VALUES (?, ?, ?)",
                    [(key, name, json.dumps(value)) for name, value in values.items()],
                )
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def read_intent(self, key: str) -> dict[str, str | int]:
        """Return what a backend noted under a key."""
        rows = self._read("SELECT name, value FROM intents WHERE key = ?", (key,))
        return {name: json.loads(value) for name, value in rows}

    def _jobs(self, where: str, values: Sequence[object] = ()) -> list[Job]:
        return [_job(row) for row in self._read(f"{_SELECT} {where}", values)]

    def _read(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(query, tuple(values)).fetchall()

    def _write(self, query: str, values: Sequence[object]) -> int:
        with self._lock:
            return self._db.execute(query, tuple(values)).rowcount


class JobIntents:
    """The `IntentLog` of the backends, in the store."""

    def __init__(self, store: JobStore) -> None:
        """Share the store."""
        self._store = store

    async def note(self, key: str, values: Mapping[str, str | int]) -> None:
        """See `IntentLog`."""
        await asyncio.to_thread(self._store.note_intent, key, dict(values))

    async def read(self, key: str) -> dict[str, str | int]:
        """See `IntentLog`."""
        return await asyncio.to_thread(self._store.read_intent, key)


def _assignments(values: Mapping[str, object]) -> tuple[str, list[object]]:
    """Return ", column = ?" for each value and the values as SQLite takes them."""
    columns: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, BlockRange):
            columns |= {"start_block": value.start, "end_block": value.end}
        elif isinstance(value, BootInfo):
            columns[name] = value.encode()
        elif isinstance(value, ProofCost):
            columns[name] = json.dumps(
                {field: getattr(value, field) for field in ProofCost.__slots__}
            )
        elif isinstance(value, Fulfillment | Execution):
            columns[name] = int(value)
        else:
            columns[name] = value
    return "".join(f", {name} = ?" for name in columns), list(columns.values())


def _job(row: tuple[Any, ...]) -> Job:
    job_id, key, kind, fingerprint, backend, start, end, checkpoint, subproofs, *rest = row
    priority, state, claim, proof_id, fulfillment, execution, cost, reason, *last = rest
    cancel, created, updated = last
    return Job(
        id=job_id,
        key=key,
        request=NewJob(
            kind=ProofKind(kind),
            fingerprint=fingerprint,
            backend=backend,
            blocks=None if start is None else BlockRange(start=start, end=end),
            checkpoint=None if checkpoint is None else Hash32(checkpoint),
            subproofs=tuple(subproofs[at : at + 32] for at in range(0, len(subproofs), 32)),
            priority=priority,
        ),
        state=JobState(state),
        claim=None if claim is None else BootInfo.decode(claim),
        proof_id=proof_id,
        fulfillment=Fulfillment(fulfillment),
        execution=Execution(execution),
        cost=None if cost is None else ProofCost(**json.loads(cost)),
        reason=reason,
        cancel=bool(cancel),
        created=created,
        updated=updated,
    )
