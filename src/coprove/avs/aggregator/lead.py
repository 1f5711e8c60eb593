"""Who of several aggregators on one database acts: a lease, renewed while the process is well."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from typing import TYPE_CHECKING, Final

from coprove.errors import CoproveError, Temporary
from coprove.storage.errors import LeaseHeldError, LeaseLostError
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.storage import Lease, RequestStore

__all__ = ["Lead", "NotLeadingError"]

_SHARE: Final = 3
"""A lease is renewed each third of its length, and a standby asks as often."""
_log = get_logger(part="aggregator")


class NotLeadingError(Temporary):
    """This process does not lead now, or does not know that it does."""


class Lead:
    """Gains, keeps and gives back the lease; its own clock ends it before the store does."""

    def __init__(
        self,
        store: RequestStore,
        *,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`seconds` is the length of a lease."""
        self._store, self._seconds, self._clock = store, seconds, clock
        self._holder = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        self._lease: Lease | None = None
        self._until = 0.0

    async def gain(self, waiting: Callable[[Exception], None]) -> Lease:
        """Wait until this process leads; `waiting` is told why it still waits."""
        while True:
            begun = self._clock()
            try:
                lease = await self._store.acquire(self._holder, self._seconds)
            except CoproveError as error:
                waiting(error)
                if not isinstance(error, LeaseHeldError):
                    _log.warning("the lead is not known", error=error)
                await asyncio.sleep(self._seconds / _SHARE)
                continue
            self._lease, self._until = lease, begun + self._seconds
            return lease

    async def keep(self) -> None:
        """Renew until the lease is lost; raise NotLeadingError then."""
        while True:
            await asyncio.sleep(self._seconds / _SHARE)
            lease = self._held()
            begun = self._clock()
            try:
                async with asyncio.timeout(max(0.0, self._until - begun)):
                    self._lease = await self._store.renew(lease, self._seconds)
            except LeaseLostError as error:
                self._lease = None
                raise NotLeadingError(f"another leads: {error}") from error
            except (CoproveError, TimeoutError) as error:
                _log.warning("the lease was not renewed", error=error)
            else:
                self._until = begun + self._seconds

    async def confirm(self) -> None:
        """Ask the store whether this process leads, before an effect outside."""
        lease = self._held()
        try:
            async with asyncio.timeout(self._seconds):
                await self._store.check(lease)
        except TimeoutError:
            raise NotLeadingError("the database does not say who leads") from None

    async def release(self) -> None:
        """Give the lease back, so that another need not wait for its end."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            async with asyncio.timeout(self._seconds):
                await self._store.release(lease)
        except (CoproveError, TimeoutError) as error:
            _log.warning("the lease was not given back", error=error)

    def _held(self) -> Lease:
        if self._lease is None or self._clock() >= self._until:
            raise NotLeadingError(f"{self._holder} does not lead")
        return self._lease
