"""Collected inputs as files: what was collected once is not collected again after a restart."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.types import BlockRange, Hash32

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CachedWitness", "WitnessCache"]

_NAME: Final = re.compile(r"^range-(\d{1,20})-(\d{1,20})-([0-9a-f]{64})-([0-9a-f]{64})\.input$")
_READ_SIZE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedWitness:
    """An encoded RangeInput on disk."""

    blocks: BlockRange
    """The agreed and the claimed block."""
    l1_head: Hash32
    """The L1 block that it ends at."""
    path: Path
    """The file."""
    digest: Hash32
    """SHA-256 of its content."""


class WitnessCache:
    """Files named by what they hold: blocks, L1 head and the SHA-256 of the content.

    A file appears under its name only when it is complete and on the disk; a content that does not
    give the digest in the name is removed when it is looked up.
    """

    def __init__(self, folder: Path) -> None:
        """Create the folder and remove what an earlier process had not finished writing."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.part"):
            path.unlink(missing_ok=True)

    async def put(self, blocks: BlockRange, l1_head: Hash32, data: bytes) -> CachedWitness:
        """Write an encoded input; OSError when the disk does not take it."""
        return await asyncio.to_thread(self._put, blocks, l1_head, data)

    async def find(self, blocks: BlockRange) -> list[CachedWitness]:
        """Return the sound files of a range; more than one after a reorg."""
        return await asyncio.to_thread(self._find, blocks)

    async def drop(self, path: Path) -> None:
        """Remove a file; one that is gone is no error."""
        await asyncio.to_thread(path.unlink, missing_ok=True)

    async def prune(self, latest: int) -> int:
        """Remove the files of ranges that end at or below `latest`; return how many there were."""
        return await asyncio.to_thread(self._prune, latest)

    def _put(self, blocks: BlockRange, l1_head: Hash32, data: bytes) -> CachedWitness:
        digest = Hash32(hashlib.sha256(data).digest())
        name = f"range-{blocks.start}-{blocks.end}-{l1_head.hex()}-{digest.hex()}.input"
        path, part = self._folder / name, self._folder / f"{name}.part"
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        self._sync_folder()
        return CachedWitness(blocks=blocks, l1_head=l1_head, path=path, digest=digest)

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _find(self, blocks: BlockRange) -> list[CachedWitness]:
        found = []
        for path in sorted(self._folder.glob(f"range-{blocks.start}-{blocks.end}-*.input")):
            entry = _entry(path)
            if entry is None:
                continue
            if _digest(path) == entry.digest:
                found.append(entry)
            else:
                path.unlink(missing_ok=True)
        return found

    def _prune(self, latest: int) -> int:
        removed = 0
        for path in self._folder.glob("range-*.input"):
            entry = _entry(path)
            if entry is not None and entry.blocks.end <= latest:
                path.unlink(missing_ok=True)
                removed += 1
        return removed


def _entry(path: Path) -> CachedWitness | None:
    match = _NAME.match(path.name)
    if match is None or not int(match[1]) < int(match[2]):
        return None
    return CachedWitness(
        blocks=BlockRange(start=int(match[1]), end=int(match[2])),
        l1_head=Hash32(bytes.fromhex(match[3])),
        path=path,
        digest=Hash32(bytes.fromhex(match[4])),
    )


def _digest(path: Path) -> Hash32:
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_READ_SIZE):
            hasher.update(chunk)
    return Hash32(hasher.digest())
