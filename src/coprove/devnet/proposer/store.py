"""The proposer's memory in SQLite: ranges with their claims, outputs with their intents.

One process writes; the view reads. The database refuses ranges that overlap.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Self

from coprove.devnet.proposer.records import OutputIntent, OutputState, RangeState, StoredRange
from coprove.types import BlockId, BootInfo, Hash32

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from coprove.types import BlockRange

__all__ = ["ProposerStore"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS ranges (
    start_block INTEGER PRIMARY KEY,
    end_block INTEGER NOT NULL UNIQUE CHECK (end_block > start_block),
    state TEXT NOT NULL CHECK (state IN ('new', 'running', 'done')),
    boot_info BLOB CHECK ((state = 'done') = (boot_info IS NOT NULL)),
    attempts INTEGER NOT NULL DEFAULT 0,
    retry_at REAL NOT NULL DEFAULT 0,
    error TEXT
);
CREATE TRIGGER IF NOT EXISTS ranges_do_not_overlap BEFORE INSERT ON ranges
WHEN EXISTS (
    SELECT 1 FROM ranges WHERE start_block < NEW.end_block AND end_block > NEW.start_block
)
BEGIN SELECT RAISE(ABORT, 'ranges overlap'); END;
CREATE TABLE IF NOT EXISTS outputs (
    end_block INTEGER PRIMARY KEY,
    start_block INTEGER NOT NULL CHECK (end_block > start_block),
    root BLOB NOT NULL,
    checkpoint_number INTEGER NOT NULL,
    checkpoint_hash BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('intended', 'proposed')),
    tx_hash BLOB
);
"""
_RANGE_COLUMNS = "start_block, end_block, state, boot_info, attempts, retry_at, error"
_OUTPUT_COLUMNS = (
    "start_block, end_block, root, checkpoint_number, checkpoint_hash, attempt, state, tx_hash"
)


class ProposerStore:
    """Ranges and outputs; each method is one transaction."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open or create the database at `path`; `read_only` needs it to be there."""
        if read_only:
            self._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.executescript(_SCHEMA)
        self._db.execute("PRAGMA busy_timeout = 5000")

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the database."""
        self._db.close()

    def ranges(self) -> list[StoredRange]:
        """Return all ranges in the order of their blocks."""
        rows = self._db.execute(f"SELECT {_RANGE_COLUMNS} FROM ranges ORDER BY start_block")  # noqa: S608 - constants
        return [_range(row) for row in rows]

    def outputs(self) -> list[OutputIntent]:
        """Return all outputs in the order of their blocks."""
        rows = self._db.execute(f"SELECT {_OUTPUT_COLUMNS} FROM outputs ORDER BY end_block")  # noqa: S608 - constants
        return [_output(row) for row in rows]

    def output(self, end: int) -> OutputIntent | None:
        """Return the output at block `end`."""
        return next((item for item in self.outputs() if item.end == end), None)

    def add_ranges(self, ranges: Iterable[BlockRange]) -> None:
        """Add new ranges; sqlite3.IntegrityError when one overlaps a range that is there."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(
                "INSERT INTO ranges (start_block, end_block, state) VALUES (?, ?, 'new')",
                [(item.start, item.end) for item in ranges],
            )
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def begin_range(self, start: int) -> None:
        """Mark the range from `start` as running and count the attempt."""
        self._db.execute(
            "UPDATE ranges SET state = 'running', attempts = attempts + 1 "
            "WHERE start_block = ? AND state = 'new'",
            (start,),
        )

    def finish_range(self, start: int, boot_info: BootInfo) -> None:
        """Keep the claim of the running range from `start`."""
        self._db.execute(
            "UPDATE ranges SET state = 'done', boot_info = ?, error = NULL "
            "WHERE start_block = ? AND state = 'running'",
            (boot_info.encode(), start),
        )

    def fail_range(self, start: int, *, error: str, retry_at: float) -> None:
        """Put the running range from `start` back, not to be run before `retry_at` (Unix)."""
        self._db.execute(
            "UPDATE ranges SET state = 'new', error = ?, retry_at = ? "
            "WHERE start_block = ? AND state = 'running'",
            (error, retry_at, start),
        )

    def discard_claim(self, start: int) -> None:
        """Have the done range from `start` run again: what it stood on has changed."""
        self._db.execute(
            "UPDATE ranges SET state = 'new', boot_info = NULL, retry_at = 0 "
            "WHERE start_block = ? AND state = 'done'",
            (start,),
        )

    def drop_misaligned(self, latest: int, interval: int) -> None:
        """Remove ranges that straddle the block of an output: the contract's interval changed."""
        self._db.execute(
            "DELETE FROM ranges WHERE state != 'running' AND start_block >= ? "
            "AND (start_block - ?) / ? != (end_block - 1 - ?) / ?",
            (latest, latest, interval, latest, interval),
        )

    def recover(self) -> int:
        """Put ranges that an earlier process left running back; return how many there were."""
        return self._db.execute("UPDATE ranges SET state = 'new' WHERE state = 'running'").rowcount

    def put_output(self, output: OutputIntent) -> None:
        """Insert or replace the output at its block."""
        self._db.execute(
            f"INSERT OR REPLACE INTO outputs ({_OUTPUT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
            (
                output.start,
                output.end,
                bytes(output.root),
                output.checkpoint.number,
                bytes(output.checkpoint.hash),
                output.attempt,
                output.state.value,
                None if output.tx_hash is None else bytes(output.tx_hash),
            ),
        )


def _range(row: tuple[int, int, str, bytes | None, int, float, str | None]) -> StoredRange:
    start, end, state, boot_info, attempts, retry_at, error = row
    return StoredRange(
        start=start,
        end=end,
        state=RangeState(state),
        boot_info=None if boot_info is None else BootInfo.decode(boot_info),
        attempts=attempts,
        retry_at=retry_at,
        error=error,
    )


def _output(row: tuple[int, int, bytes, int, bytes, int, str, bytes | None]) -> OutputIntent:
    start, end, root, number, block_hash, attempt, state, tx_hash = row
    return OutputIntent(
        start=start,
        end=end,
        root=Hash32(root),
        checkpoint=BlockId(hash=Hash32(block_hash), number=number),
        attempt=attempt,
        state=OutputState(state),
        tx_hash=None if tx_hash is None else Hash32(tx_hash),
    )
