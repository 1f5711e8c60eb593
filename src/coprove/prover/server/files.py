"""The data folder of a proof server: bodies as they come in, subproofs, inputs and proofs."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from typing import TYPE_CHECKING

from coprove.prover.server.errors import DataFolderInUseError, DiskFullError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from coprove.types import BlockRange, BootInfo

__all__ = ["DataFolder"]

_PARTS = ("uploads", "subproofs", "witnesses", "proofs")


class DataFolder:
    """Names and writes the files; holds the folder's lock until it is closed."""

    def __init__(self, root: Path, *, reserve: int) -> None:
        """Lock the folder and clear what an interrupted run left half written.

        `reserve` bytes of the disk stay free. DataFolderInUseError when a server runs there.
        """
        self.root, self._reserve = root, reserve
        for part in _PARTS:
            (root / part).mkdir(parents=True, exist_ok=True)
        self._lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise DataFolderInUseError(f"another proof server works in {root}") from None
        for left in (root / "uploads").iterdir():
            left.unlink()

    def close(self) -> None:
        """Let another server have the folder."""
        os.close(self._lock)

    @property
    def store(self) -> Path:
        """The SQLite file of the jobs."""
        return self.root / "jobs.sqlite"

    def free_bytes(self) -> int:
        """Return how many bytes may still be written, the reserve taken off."""
        return shutil.disk_usage(self.root).free - self._reserve

    def make_room(self, size: int) -> None:
        """Check that `size` bytes fit; DiskFullError otherwise."""
        if self.free_bytes() < size:
            raise DiskFullError(f"no room for {size} bytes and the reserve of {self._reserve}")

    def temporary(self) -> Path:
        """Return a name for a file that is being written; it is removed at the next start."""
        return self.root / "uploads" / secrets.token_hex(16)

    def subproof(self, digest: bytes) -> Path:
        """Return the file of a subproof by its SHA-256."""
        return self.root / "subproofs" / digest.hex()

    def proof(self, job_id: str) -> Path:
        """Return the file of a job's proof."""
        return self.root / "proofs" / job_id

    def witness(self, blocks: BlockRange, claim: BootInfo) -> Path:
        """Return the file of a range's input; another claim (after a reorg) is another file."""
        name = f"{blocks.start}-{blocks.end}-{claim.sha256().hex()[:16]}.input"
        return self.root / "witnesses" / name

    def keep(self, temporary: Path, target: Path) -> None:
        """Give a file that is complete its name, both on the disk when this returns."""
        _synced(temporary)
        temporary.replace(target)
        _synced(target.parent)

    def write(self, target: Path, content: bytes) -> None:
        """Write a whole file, on the disk when this returns."""
        self.make_room(len(content))
        temporary = self.temporary()
        temporary.write_bytes(content)
        self.keep(temporary, target)

    def sweep_subproofs(self, wanted: Iterable[bytes]) -> None:
        """Remove the subproofs that no open job needs."""
        names = {digest.hex() for digest in wanted}
        for path in (self.root / "subproofs").iterdir():
            if path.name not in names:
                path.unlink(missing_ok=True)


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
