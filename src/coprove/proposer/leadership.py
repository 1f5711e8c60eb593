"""Who may act: a lease from the store, renewed as long as the process is well.

A leader believes in its lease for its length, counted from before it was asked for, and no longer:
a process that slept finds out by its own clock, and the store refuses its writes whatever it
believes.
"""

from __future__ import annotations

import asyncio
import time
from enum import StrEnum
from typing import TYPE_CHECKING

from coprove.errors import CoproveError
from coprove.proposer.calls import within
from coprove.proposer.errors import NotLeadingError
from coprove.storage.errors import LeaseHeldError, LeaseLostError
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.storage import Lease, RequestStore

__all__ = ["LeadState", "Leadership"]

_log = get_logger(part="leadership")
_SHARE = 3
"""A lease is renewed each third of its length, and a standby asks as often."""


class LeadState(StrEnum):
    """What this process knows of the lead."""

    UNKNOWN = "unknown"
    """The store does not answer."""
    STANDBY = "standby"
    """Another process leads."""
    LEADING = "leading"
    """This one does."""


class Leadership:
    """Gains, keeps and gives back the lease of one scope."""

    def __init__(
        self,
        store: RequestStore,
        *,
        holder: str,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`holder` must be unique to this process; `seconds` is the length of a lease."""
        self._store, self._holder, self._seconds, self._clock = store, holder, seconds, clock
        self._lease: Lease | None = None
        self._until = 0.0
        self._state = LeadState.UNKNOWN

    @property
    def state(self) -> LeadState:
        """What is known now; a lease that ran out is no lead."""
        if self._state is LeadState.LEADING and self._clock() >= self._until:
            return LeadState.UNKNOWN
        return self._state

    @property
    def lease(self) -> Lease:
        """The lease to write with; NotLeadingError when there is none or it ran out."""
        return self.require(0.0)

    def require(self, seconds: float) -> Lease:
        """Return the lease if it surely holds for `seconds` more; NotLeadingError otherwise."""
        if self._lease is None or self._clock() + seconds >= self._until:
            raise NotLeadingError(f"{self._holder} does not lead for {seconds:g} s more")
        return self._lease

    async def confirm(self) -> None:
        """Ask the store whether this process leads: before an effect outside.

        NotLeadingError or LeaseLostError when it does not.
        """
        lease = self.lease
        await within(self._seconds, "check of the lease", self._store.check(lease))
        if self._lease is None or self._lease.token != lease.token:
            raise NotLeadingError(f"{self._holder} lost the lead meanwhile")

    async def gain(self) -> Lease:
        """Wait until this process leads."""
        while True:
            try:
                return await self._acquire()
            except LeaseHeldError as held:
                if self._state is not LeadState.STANDBY:
                    _log.info("standing by", leader=held.holder)
                self._state = LeadState.STANDBY
            except CoproveError as error:
                _log.warning("the lead is not known", error=error)
                self._state = LeadState.UNKNOWN
            await asyncio.sleep(self._seconds / _SHARE)

    async def keep(self) -> None:
        """Renew until the lease is lost; then raise LeaseLostError or NotLeadingError."""
        try:
            while True:
                await asyncio.sleep(self._seconds / _SHARE)
                await self._renew()
        finally:
            self._state = LeadState.UNKNOWN

    async def release(self) -> None:
        """Give the lease back, so that a standby need not wait for its end."""
        lease, self._lease = self._lease, None
        self._state = LeadState.UNKNOWN
        if lease is None:
            return
        try:
            await within(self._seconds, "release of the lease", self._store.release(lease))
        except CoproveError as error:
            _log.warning("the lease runs out by itself", error=error)

    async def _acquire(self) -> Lease:
        began = self._clock()
        asked = self._store.acquire(self._holder, self._seconds)
        lease = await within(self._seconds, "the lease", asked)
        self._lease, self._until = lease, began + self._seconds
        self._state = LeadState.LEADING
        _log.info("leading", holder=self._holder, token=lease.token)
        return lease

    async def _renew(self) -> None:
        lease, began = self.lease, self._clock()
        left = max(0.001, self._until - began)
        try:
            renewed = await within(
                min(left, self._seconds / _SHARE),
                "renewal of the lease",
                self._store.renew(lease, self._seconds),
            )
        except LeaseLostError:
            self._lease = None
            raise
        except CoproveError as error:
            # It still holds: the next renewal may come through before it runs out.
            _log.warning("lease not renewed", error=error)
            return
        self._lease, self._until = renewed, began + self._seconds
