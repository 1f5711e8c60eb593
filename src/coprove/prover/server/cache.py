"""Inputs of ranges, kept so that a range that is asked for again is not collected again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from coprove.prover.server import metrics as names
from coprove.prover.server.records import WitnessEntry
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Set
    from pathlib import Path

    from coprove.prover.server.files import DataFolder
    from coprove.prover.server.source import WitnessSource
    from coprove.prover.server.store import JobStore
    from coprove.telemetry import Metrics
    from coprove.types import BlockRange

__all__ = ["WitnessCache"]

_log = get_logger(part="witness cache")


class WitnessCache:
    """Collects inputs, keeps the most recently used, and gives none that a reorg made stale."""

    def __init__(
        self,
        *,
        store: JobStore,
        files: DataFolder,
        source: WitnessSource,
        metrics: Metrics,
        limit: int,
        in_use: Callable[[], Set[Path]],
    ) -> None:
        """Keep about `limit` bytes; files that `in_use` returns stay whatever the limit."""
        self._store, self._files, self._source = store, files, source
        self._metrics, self._limit, self._in_use = metrics, limit, in_use
        self._collecting: dict[BlockRange, asyncio.Lock] = {}
        self._tidy()

    def path(self, entry: WitnessEntry) -> Path:
        """Return where the input of an entry lies."""
        return self._files.witness(entry.blocks, entry.claim)

    async def get(self, blocks: BlockRange) -> WitnessEntry:
        """Return the input of a range, collecting it when there is none that is still right.

        Errors are those of the source.
        """
        lock = self._collecting.setdefault(blocks, asyncio.Lock())
        async with lock:
            found = await self._cached(blocks)
            return found if found is not None else await self._collect(blocks)

    def entries(self) -> list[WitnessEntry]:
        """Return all entries, the least recently used first."""
        return self._store.witnesses()

    def purge(self, blocks: BlockRange | None = None) -> int:
        """Remove the entries of a range, or all, that no open job uses; return how many went."""
        in_use = self._in_use()
        gone = 0
        for entry in self.entries():
            if blocks in (None, entry.blocks) and self.path(entry) not in in_use:
                self._remove(entry)
                gone += 1
        self._measure()
        return gone

    async def _cached(self, blocks: BlockRange) -> WitnessEntry | None:
        stale = False
        for entry in reversed([item for item in self.entries() if item.blocks == blocks]):
            if not await self._source.is_current(blocks, entry.claim):
                stale = True
            elif self.path(entry).exists():
                used = replace(entry, used=time.time())
                self._store.put_witness(used)
                self._metrics.inc(names.WITNESS_CACHE, outcome="hit")
                return used
        self._metrics.inc(names.WITNESS_CACHE, outcome="stale" if stale else "miss")
        return None

    async def _collect(self, blocks: BlockRange) -> WitnessEntry:
        temporary = self._files.temporary()
        began = time.monotonic()
        try:
            self._files.make_room(0)
            claim = await self._source.prepare(blocks, temporary)
            target = self._files.witness(blocks, claim)
            await asyncio.to_thread(self._files.keep, temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
        size, now = target.stat().st_size, time.time()
        entry = WitnessEntry(blocks=blocks, claim=claim, size=size, created=now, used=now)
        self._store.put_witness(entry)
        seconds = time.monotonic() - began
        self._metrics.observe(names.WITNESS_SECONDS, seconds)
        self._metrics.observe(names.WITNESS_SIZE, size)
        _log.info("input collected", range=str(blocks), bytes=size, seconds=round(seconds, 3))
        self._evict(keep=target)
        return entry

    def _evict(self, keep: Path) -> None:
        in_use = self._in_use() | {keep}
        entries = self.entries()
        total = sum(entry.size for entry in entries)
        for entry in entries:
            if total <= self._limit:
                break
            if self.path(entry) not in in_use:
                self._remove(entry)
                total -= entry.size
        self._measure()

    def _remove(self, entry: WitnessEntry) -> None:
        self._store.drop_witness(entry)
        self.path(entry).unlink(missing_ok=True)

    def _tidy(self) -> None:
        """Make files and entries agree after an interrupted run."""
        known = set()
        for entry in self.entries():
            if self.path(entry).exists():
                known.add(self.path(entry))
            else:
                self._store.drop_witness(entry)
        for path in (self._files.root / "witnesses").iterdir():
            if path not in known | self._in_use():
                path.unlink()
        self._measure()

    def _measure(self) -> None:
        total = sum(entry.size for entry in self.entries())
        self._metrics.set(names.WITNESS_CACHE_BYTES, total)
