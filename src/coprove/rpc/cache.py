"""A content-addressed cache on disk, shared by everything that reads the same chains.

An entry is a file named by the hash of what it holds. The reader checks that hash on every load:
an entry that fails is deleted and counts as absent, so nothing on the disk is ever trusted.
Writing is atomic, and a failing disk costs speed only. Several processes may use one folder.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import tempfile
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from coprove.errors import InputError
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

__all__ = ["CacheStats", "DiskCache"]

T = TypeVar("T")

_STRIPES = 64
_POLL_SECONDS = 0.01
_LONGEST_ENTRY = 64 << 20
_LOCKS = "locks"


@dataclass(slots=True, kw_only=True)
class CacheStats:
    """Counters of one cache object since its creation."""

    hits: int = 0
    """Entries that were there and passed their check."""
    misses: int = 0
    """Entries that were not there."""
    corrupt: int = 0
    """Entries that failed their check and were deleted."""
    stored: int = 0
    """Entries written."""
    evicted: int = 0
    """Entries deleted to keep the size."""


class DiskCache:
    """Bytes by kind and name in a folder of bounded size."""

    def __init__(self, path: Path | str, *, max_bytes: int = 8 << 30) -> None:
        """Use the folder `path`, which is made if need be; `max_bytes` counts whole disk blocks.

        The size is looked at after every sixteenth of it that was written, so that each process
        may exceed it by as much for a moment; then the entries unused for longest go.
        """
        if max_bytes < 1 << 20:
            raise InputError("cache size", expected="at least 1 MiB", actual=max_bytes)
        self.path = Path(path)
        self.stats = CacheStats()
        self._max_bytes = max_bytes
        self._unchecked_bytes = max_bytes
        self._log = get_logger(cache=str(self.path))
        (self.path / _LOCKS).mkdir(parents=True, exist_ok=True, mode=0o700)

    def load(self, kind: str, name: str, read: Callable[[bytes], T]) -> T | None:
        """Return what `read` makes of an entry, None when there is none.

        `read` checks the content by its hash and raises an InputError when it is not right; then
        the entry is deleted.
        """
        path = self._file(kind, name)
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            self.stats.misses += 1
            return None
        try:
            value = read(content)
        except InputError as error:
            self.stats.corrupt += 1
            self._log.warning("corrupt entry", kind=kind, entry=name, reason=str(error))
            with suppress(OSError):
                path.unlink()
            return None
        self.stats.hits += 1
        return value

    def store(self, kind: str, name: str, content: bytes) -> None:
        """Write an entry whole or not at all; a disk that fails is logged and forgotten about."""
        if len(content) > _LONGEST_ENTRY:
            return
        path = self._file(kind, name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                os.replace(partial, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(partial)
                raise
        except OSError as error:
            self._log.warning("entry not written", kind=kind, reason=str(error))
            return
        self.stats.stored += 1
        self._unchecked_bytes += len(content) + 4096
        if self._unchecked_bytes > self._max_bytes // 16:
            self._unchecked_bytes = 0
            self._evict()

    @asynccontextmanager
    async def flight(self, names: Iterable[str]) -> AsyncIterator[None]:
        """Hold a lock on `names` against other tasks and processes that want to fetch them.

        Who waited finds the entries in the cache. Locks fall with the process that holds them, and
        are never taken within one another.
        """
        stripes = sorted({hash_stripe(name) for name in names})
        with ExitStack() as held:
            for stripe in stripes:
                path = self.path / _LOCKS / f"{stripe:02d}"
                file = held.enter_context(path.open("ab"))
                while not _try_lock(file.fileno()):  # noqa: ASYNC110 - other processes hold it too
                    await asyncio.sleep(_POLL_SECONDS)
            yield

    def _file(self, kind: str, name: str) -> Path:
        return self.path / kind / name[-2:] / name

    def _evict(self) -> None:
        """Delete the entries unused for longest until a quarter of the size is free."""
        entries = sorted(self._entries())
        total = sum(size for _, size, _ in entries)
        if total <= self._max_bytes:
            return
        for _, size, path in entries:
            with suppress(OSError):
                os.unlink(path)
                self.stats.evicted += 1
            total -= size
            if total <= self._max_bytes * 3 // 4:
                break
        self._log.debug("evicted", left_bytes=total)

    def _entries(self) -> Iterator[tuple[float, int, str]]:
        """Yield time of last use, bytes on the disk and path of each entry."""
        for folder, _, names in os.walk(self.path):
            if folder.endswith(os.sep + _LOCKS):
                continue
            for name in names:
                path = os.path.join(folder, name)
                with suppress(OSError):
                    status = os.stat(path)
                    yield status.st_mtime, max(status.st_blocks * 512, status.st_size), path


def hash_stripe(name: str) -> int:
    """Return the lock of a name: the same in every process, unlike `hash`."""
    return int.from_bytes(name.encode()[-8:], "big") % _STRIPES


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
