"""What was signed, on disk before it is signed: no task ever gets two outcomes of one operator.

A file of SQLite with a rollback journal, synchronous EXTRA: when `record` returns, the entry and
the journal's end are on disk. The file belongs to one operator at one service manager, and to one
process: an flock on `<file>.lock`, which ends with the process however that ends.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from coprove.attestation.avs_poe import AvsPoe
from coprove.avs.operator.errors import AnotherStateError, ProtectionError, ProtectionInUseError
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path
    from types import TracebackType

__all__ = ["ProtectionScope", "SignedState", "SlashingProtection"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS scope (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    chain_id TEXT NOT NULL,
    service_manager BLOB NOT NULL,
    operator_id BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS signed (
    task_key BLOB NOT NULL CHECK (length(task_key) = 32),
    batch_hash BLOB NOT NULL CHECK (length(batch_hash) = 32),
    state_hash BLOB NOT NULL CHECK (length(state_hash) = 32),
    l1_head BLOB NOT NULL CHECK (length(l1_head) = 32),
    l1_head_number INTEGER NOT NULL,
    reference_block INTEGER NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    signed_at INTEGER NOT NULL,
    state BLOB NOT NULL,
    prover_signature BLOB NOT NULL,
    PRIMARY KEY (task_key, digest)
);
"""
_COLUMNS: Final = (
    "task_key, batch_hash, state_hash, l1_head, l1_head_number, reference_block, digest,"
    " signed_at, state, prover_signature"
)
_RENEWED: Final = (
    "DO UPDATE SET state = excluded.state, prover_signature = excluded.prover_signature"
)
"""A prover that started again signs the same state with another key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionScope:
    """Whose signatures a database is about."""

    chain_id: int
    """L1 chain."""
    service_manager: Address
    """The AVS there."""
    operator_id: Hash32
    """keccak256 of the G1 key that signs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedState:
    """One signature, made or about to be."""

    task_key: Hash32
    """Name of the task on chain."""
    batch_hash: Hash32
    """Range, rollup and L1 head, as the state names them."""
    state_hash: Hash32
    """keccak256 of the state's bytes."""
    l1_head: Hash32
    """L1 block up to which L1 was read."""
    l1_head_number: int
    """Its number."""
    reference_block: int
    """L1 block at which stakes count."""
    digest: Hash32
    """What the BLS signature is over."""
    signed_at: int
    """Unix seconds."""
    state: bytes = b""
    """What was signed, to be handed in again; empty where it was signed elsewhere."""
    prover_signature: bytes = b""
    """What came with it; empty where it was signed elsewhere."""

    def has_outcome_of(self, other: SignedState) -> bool:
        """Whether both are known to say the same of their range, whatever their L1 heads are."""
        if not self.state or not other.state:
            return False
        return AvsPoe.decode(self.state).outcome == AvsPoe.decode(other.state).outcome


class SlashingProtection:
    """The database; use it as a context manager. Calls wait for the disk and nothing else.

    One outcome for one task, for ever: output roots before and after, and withdrawal root. Under
    one L1 head that is one state. Under another L1 head, which another aggregator may choose, it
    is another state of the same outcome, as far as that is known: of what was signed elsewhere,
    and imported as hashes, it is not. The one exception is a reorg: where the L1 head of every
    other signed state was reorged away, which the caller has to know of its own L1 node, any state
    with another L1 head may follow. The contract punishes less (two states with equal
    `batch_hash`); what this refuses beyond that costs a confirmation, never a stake.
    """

    def __init__(self, path: Path, scope: ProtectionScope) -> None:
        """Open the file, creating it when it is not there.

        ProtectionInUseError when another process has it, ProtectionError when it is another
        operator's or no such database.
        """
        self.path, self.scope = path, scope
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(path)
        try:
            self._db = _opened(path, scope)
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Self:
        """Return the database itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the file and let others have it."""
        self._db.close()
        os.close(self._lock)

    def signed(self, task_key: Hash32) -> tuple[SignedState, ...]:
        """Return what was signed for a task, oldest first."""
        query = f"SELECT {_COLUMNS} FROM signed WHERE task_key = ? ORDER BY rowid"  # noqa: S608 - constant columns
        return tuple(_row(row) for row in self._db.execute(query, (task_key,)))

    def every(self) -> tuple[SignedState, ...]:
        """Return everything that was signed, oldest first."""
        query = f"SELECT {_COLUMNS} FROM signed ORDER BY rowid"  # noqa: S608 - constant columns
        return tuple(_row(row) for row in self._db.execute(query))

    def check(self, state: SignedState, *, reorged: Collection[Hash32] = ()) -> None:
        """Raise AnotherStateError when `record` would."""
        _check(self.signed(state.task_key), state, reorged)

    def record(self, state: SignedState, *, reorged: Collection[Hash32] = ()) -> None:
        """Write down what is about to be signed; when this returns, it is on disk.

        `reorged` are L1 blocks that are not canonical any more. AnotherStateError, and nothing is
        written, when another state was signed for the task, except as the class says.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            _check(self.signed(state.task_key), state, reorged)
            self._insert((state,), _RENEWED)
            self._db.execute("COMMIT")
        except BaseException:
            self._undo()
            raise

    def merge(self, states: Iterable[SignedState]) -> int:
        """Add what was signed elsewhere, all of it or nothing; return how many were new.

        States that contradict each other are all taken in: of such a task nothing is signed again.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            before = self._db.total_changes
            self._insert(states, "DO NOTHING")
            added = self._db.total_changes - before
            self._db.execute("COMMIT")
        except BaseException:
            self._undo()
            raise
        return added

    def _insert(self, states: Iterable[SignedState], conflict: str) -> None:
        for state in states:
            self._db.execute(
                f"INSERT INTO signed ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constant text
                f" ON CONFLICT (task_key, digest) {conflict}",
                (
                    state.task_key,
                    state.batch_hash,
                    state.state_hash,
                    state.l1_head,
                    state.l1_head_number,
                    state.reference_block,
                    state.digest,
                    state.signed_at,
                    state.state,
                    state.prover_signature,
                ),
            )

    def _undo(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


def _check(earlier: Iterable[SignedState], state: SignedState, reorged: Collection[Hash32]) -> None:
    for other in earlier:
        if other.state_hash == state.state_hash:
            continue
        is_of_another_l1 = other.batch_hash != state.batch_hash and other.l1_head != state.l1_head
        is_harmless = other.l1_head in reorged or other.has_outcome_of(state)
        if not is_of_another_l1 or not is_harmless:
            raise AnotherStateError(state.task_key, signed=other.state_hash, asked=state.state_hash)


def _locked(path: Path) -> int:
    lock = path.with_name(f"{path.name}.lock")
    found = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(found)
        message = f"{path}: another process signs with this database"
        raise ProtectionInUseError(message) from None
    return found


def _opened(path: Path, scope: ProtectionScope) -> sqlite3.Connection:
    # The umask alone decides for files that SQLite creates.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path, isolation_level=None, timeout=30.0)
    try:
        # With a rollback journal the commit is the journal's end, which EXTRA syncs as well.
        _expect_mode(db)
        db.execute("PRAGMA synchronous = EXTRA")
        db.execute("PRAGMA fullfsync = ON")
        _integrity(db, path)
        db.executescript(_SCHEMA)
        _bind(db, path, scope)
    except sqlite3.DatabaseError as error:
        db.close()
        raise ProtectionError(
            str(path), expected="a slashing-protection database", actual=error
        ) from None
    except BaseException:
        db.close()
        raise
    return db


def _expect_mode(db: sqlite3.Connection) -> None:
    (mode,) = db.execute("PRAGMA journal_mode = DELETE").fetchone()
    if mode != "delete":
        raise sqlite3.DatabaseError(f"journal mode {mode}")


def _integrity(db: sqlite3.Connection, path: Path) -> None:
    (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise ProtectionError(str(path), expected="an undamaged database", actual=found)


def _bind(db: sqlite3.Connection, path: Path, scope: ProtectionScope) -> None:
    given = (str(scope.chain_id), bytes(scope.service_manager), bytes(scope.operator_id))
    db.execute(
        "INSERT OR IGNORE INTO scope (id, chain_id, service_manager, operator_id)"
        " VALUES (1, ?, ?, ?)",
        given,
    )
    with closing(db.execute("SELECT chain_id, service_manager, operator_id FROM scope")) as found:
        chain_id, manager, operator = found.fetchone()
    names: tuple[tuple[str, Callable[[], object], object], ...] = (
        ("chain", lambda: int(chain_id), scope.chain_id),
        ("service manager", lambda: Address(manager), scope.service_manager),
        ("operator", lambda: Hash32(operator), scope.operator_id),
    )
    for name, stored, expected in names:
        if stored() != expected:
            raise ProtectionError(f"{path}: {name}", expected=expected, actual=stored())


def _row(row: tuple[Any, ...]) -> SignedState:
    task, batch, state_hash, head, head_number, block, digest, signed_at, state, signature = row
    return SignedState(
        task_key=Hash32(task),
        batch_hash=Hash32(batch),
        state_hash=Hash32(state_hash),
        l1_head=Hash32(head),
        l1_head_number=head_number,
        reference_block=block,
        digest=Hash32(digest),
        signed_at=signed_at,
        state=state,
        prover_signature=signature,
    )
