"""The node's database: one SQLite file in WAL mode.

Every change that belongs together (a block, its state, the heads) is one transaction, so a process
killed at any instant leaves the state before or after it. Blocks that a reorg left behind stay
readable by hash; state is never pruned, so every root remains answerable.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from coprove.errors import Critical, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["HeadName", "SafeHead", "Store", "StoreError", "StoredBlock", "pack", "unpack"]

HeadName = Literal["unsafe", "safe", "finalized"]
"""The three heads that are kept."""

_VERSION: Final = "1"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (
  hash BLOB PRIMARY KEY, number INTEGER NOT NULL, parent BLOB NOT NULL, header BLOB NOT NULL,
  transactions BLOB NOT NULL, receipts BLOB NOT NULL, senders BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS canonical (number INTEGER PRIMARY KEY, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS transactions (
  hash BLOB NOT NULL, block BLOB NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY (hash, block)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heads (name TEXT PRIMARY KEY, hash BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS safe_heads (
  l1_number INTEGER PRIMARY KEY, l1_hash BLOB NOT NULL,
  l2_number INTEGER NOT NULL, l2_hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS state (
  id INTEGER PRIMARY KEY, nodes BLOB NOT NULL, codes BLOB NOT NULL);
"""
_BLOCK_COLUMNS: Final = "hash, number, parent, header, transactions, receipts, senders"


class StoreError(Critical):
    """The database cannot be used: another process holds it, or it is not of this chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBlock:
    """An executed L2 block."""

    hash: bytes
    """Block hash."""
    number: int
    """Block number."""
    parent_hash: bytes
    """Hash of its parent."""
    header: bytes
    """RLP of the header."""
    transactions: tuple[bytes, ...]
    """EIP-2718 encodings."""
    receipts: tuple[bytes, ...]
    """EIP-2718 encodings, one for each transaction."""
    senders: tuple[bytes, ...]
    """20 bytes for each transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeHead:
    """What was safe once the L1 block was derived."""

    l1_number: int
    """Number of the L1 block."""
    l1_hash: bytes
    """Its hash."""
    l2_number: int
    """Number of the safe L2 block."""
    l2_hash: bytes
    """Its hash."""


def pack(items: Sequence[bytes]) -> bytes:
    """Join byte strings, each behind its length (u32, little endian)."""
    parts: list[bytes] = []
    for item in items:
        parts += (len(item).to_bytes(4, "little"), item)
    return b"".join(parts)


def unpack(flat: bytes) -> tuple[bytes, ...]:
    """Split what `pack` joined; `InputError` when a length is wrong."""
    items, offset = [], 0
    while offset < len(flat):
        start = offset + 4
        offset = start + int.from_bytes(flat[offset:start], "little")
        if start > len(flat) or offset > len(flat):
            raise InputError("packed bytes", expected=f"{offset} bytes", actual=len(flat))
        items.append(flat[start:offset])
    return tuple(items)


def _block(row: Sequence[Any]) -> StoredBlock:
    return StoredBlock(
        hash=row[0],
        number=row[1],
        parent_hash=row[2],
        header=row[3],
        transactions=unpack(row[4]),
        receipts=unpack(row[5]),
        senders=unpack(row[6]),
    )


class Store:
    """The database of one data folder; safe to use from several threads of this process."""

    def __init__(self, data_dir: Path) -> None:
        """Open or create it; `StoreError` when another process has it open."""
        data_dir.mkdir(parents=True, exist_ok=True)
        self._lock_file = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock_file)
            raise StoreError(f"{data_dir} is in use by another node") from error
        self._lock = threading.RLock()
        self._db = sqlite3.connect(
            data_dir / "node.db", isolation_level=None, check_same_thread=False, timeout=30
        )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        with self.transaction():
            for statement in _SCHEMA.split(";"):
                self._db.execute(statement)
            version = self.meta("version")
            if version is None:
                self.put_meta("version", _VERSION.encode())
            elif version != _VERSION.encode():
                raise StoreError(f"database version {version!r}, this program reads {_VERSION}")

    def close(self) -> None:
        """Close the file and let other processes have it; a second call does nothing."""
        with self._lock:
            self._db.close()
            if self._lock_file >= 0:
                os.close(self._lock_file)
            self._lock_file = -1

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside take effect together or not at all; nests by joining the outer one."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _one(self, sql: str, *values: Any) -> Any:
        with self._lock:
            return self._db.execute(sql, values).fetchone()

    def _all(self, sql: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _run(self, sql: str, *values: Any) -> None:
        with self._lock:
            self._db.execute(sql, values)

    def meta(self, key: str) -> bytes | None:
        """A value kept under `key`."""
        row = self._one("SELECT value FROM meta WHERE key = ?", key)
        return row[0] if row else None

    def put_meta(self, key: str, value: bytes) -> None:
        """Keep `value` under `key`."""
        self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    def put_state(self, nodes: bytes, codes: bytes) -> None:
        """Keep trie nodes and codes, in the kernel's flat form."""
        if nodes or codes:
            self._run("INSERT INTO state (nodes, codes) VALUES (?, ?)", nodes, codes)

    def states(self) -> Iterator[tuple[bytes, bytes]]:
        """All nodes and codes that were kept, in the order of `put_state`."""
        last = 0
        while rows := self._all(
            "SELECT id, nodes, codes FROM state WHERE id > ? ORDER BY id LIMIT 256", last
        ):
            for _, nodes, codes in rows:
                yield nodes, codes
            last = rows[-1][0]

    def put_block(self, block: StoredBlock) -> None:
        """Keep a block and index its transactions; a block already kept is left as it is."""
        with self.transaction():
            self._run(
                f"INSERT OR IGNORE INTO blocks ({_BLOCK_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - the columns are a constant
                block.hash,
                block.number,
                block.parent_hash,
                block.header,
                pack(block.transactions),
                pack(block.receipts),
                pack(block.senders),
            )

    def index_transactions(self, block_hash: bytes, hashes: Sequence[bytes]) -> None:
        """Let transactions be found by hash."""
        with self._lock:
            self._db.executemany(
                "INSERT OR IGNORE INTO transactions VALUES (?, ?, ?)",
                [(item, block_hash, position) for position, item in enumerate(hashes)],
            )

    def block(self, block_hash: bytes) -> StoredBlock | None:
        """The block of this hash, canonical or not."""
        row = self._one(
            f"SELECT {_BLOCK_COLUMNS} FROM blocks WHERE hash = ?",  # noqa: S608 - a constant
            block_hash,
        )
        return _block(row) if row else None

    def header(self, block_hash: bytes) -> bytes | None:
        """The header's RLP of the block of this hash."""
        row = self._one("SELECT header FROM blocks WHERE hash = ?", block_hash)
        return row[0] if row else None

    def canonical_hash(self, number: int) -> bytes | None:
        """Hash of the canonical block of this number."""
        row = self._one("SELECT hash FROM canonical WHERE number = ?", number)
        return row[0] if row else None

    def canonical_headers(self, first: int, last: int) -> list[tuple[int, bytes, bytes]]:
        """Number, hash and header's RLP of the canonical blocks first to last."""
        return self._all(
            "SELECT c.number, c.hash, b.header FROM canonical c JOIN blocks b ON b.hash = c.hash"
            " WHERE c.number BETWEEN ? AND ? ORDER BY c.number",
            first,
            last,
        )

    def transaction_place(self, transaction_hash: bytes) -> tuple[bytes, int] | None:
        """Block hash and position of a transaction in the canonical chain."""
        return self._one(  # type: ignore[no-any-return]
            "SELECT t.block, t.position FROM transactions t JOIN canonical c ON c.hash = t.block"
            " WHERE t.hash = ?",
            transaction_hash,
        )

    def head(self, name: HeadName) -> bytes | None:
        """Hash of a head."""
        row = self._one("SELECT hash FROM heads WHERE name = ?", name)
        return row[0] if row else None

    def put_head(self, name: HeadName, block_hash: bytes) -> None:
        """Move a head."""
        self._run("INSERT OR REPLACE INTO heads VALUES (?, ?)", name, block_hash)

    def make_canonical(self, block_hash: bytes) -> tuple[list[bytes], list[bytes]]:
        """Make this block's chain the canonical one, its own number the highest.

        Returns the hashes that left the canonical chain and those that joined it, both from the
        highest number down.
        """
        joined: list[bytes] = []
        with self.transaction():
            row = self._one("SELECT number, parent FROM blocks WHERE hash = ?", block_hash)
            if row is None:
                raise StoreError(f"no block 0x{block_hash.hex()}")
            number, top, cursor = row[0], row[0], block_hash
            while row is not None and self.canonical_hash(row[0]) != cursor:
                joined.append(cursor)
                number, cursor = row[0], row[1]
                row = self._one("SELECT number, parent FROM blocks WHERE hash = ?", cursor)
            first_left = number if joined else top + 1
            left = [
                item[0]
                for item in self._all(
                    "SELECT hash FROM canonical WHERE number >= ? ORDER BY number DESC", first_left
                )
            ]
            self._run("DELETE FROM canonical WHERE number >= ?", first_left)
            for position, item in enumerate(joined):
                self._run("INSERT INTO canonical VALUES (?, ?)", top - position, item)
        return left, joined

    def put_safe_head(self, entry: SafeHead) -> None:
        """Record what is safe after an L1 block; entries of later L1 blocks are dropped."""
        with self.transaction():
            self._run("DELETE FROM safe_heads WHERE l1_number >= ?", entry.l1_number)
            self._run(
                "INSERT INTO safe_heads VALUES (?, ?, ?, ?)",
                entry.l1_number,
                entry.l1_hash,
                entry.l2_number,
                entry.l2_hash,
            )

    def safe_head_at(self, l1_number: int) -> SafeHead | None:
        """The entry of the highest L1 block that is not above `l1_number`."""
        row = self._one(
            "SELECT l1_number, l1_hash, l2_number, l2_hash FROM safe_heads"
            " WHERE l1_number <= ? ORDER BY l1_number DESC LIMIT 1",
            l1_number,
        )
        if row is None:
            return None
        return SafeHead(l1_number=row[0], l1_hash=row[1], l2_number=row[2], l2_hash=row[3])

    def drop_safe_heads_after(self, l1_number: int) -> None:
        """Forget the entries of L1 blocks above `l1_number` (an L1 reorg)."""
        self._run("DELETE FROM safe_heads WHERE l1_number > ?", l1_number)
