"""Places at something of which there are few; the most urgent waits least."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Slots"]


class Slots:
    """A semaphore whose waiters come by priority, then in the order in which they asked."""

    def __init__(self, places: int) -> None:
        """Have so many places."""
        self._free = places
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def taken(self, *, priority: int, at_once: bool = False) -> AsyncIterator[None]:
        """Hold a place, a higher `priority` first; `at_once` takes one even where none is free."""
        if at_once or (self._free > 0 and not self._waiting):
            self._free -= 1
        else:
            await self._wait(priority)
        try:
            yield
        finally:
            self._free += 1
            self._wake()

    async def _wait(self, priority: int) -> None:
        place = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-priority, next(self._order), place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # The place was given in the moment of the cancellation.
                self._free += 1
                self._wake()
            raise

    def _wake(self) -> None:
        while self._free > 0 and self._waiting:
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():
                self._free -= 1
                place.set_result(None)
