"""Witnesses that clients put before they ask for a proof, for a short while."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from coprove.prover.tee.host.errors import TooManyTasksError, UnknownWitnessError

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.prover.tee.host.memory import HeldBytes
    from coprove.types import Hash32

__all__ = ["LockStatus", "WitnessShelf"]


class LockStatus(StrEnum):
    """What became of the wish to put a witness, in the words of the public prover."""

    LOCKED = "Locked"
    """The caller is to put it."""
    FAILED = "Failed"
    """Somebody else said before that they would."""
    EXIST = "Exist"
    """It is here."""


@dataclass(slots=True)
class _Entry:
    witness: HeldBytes | None
    """None while it is only announced."""
    until: float
    """When it goes, by the shelf's clock."""


class WitnessShelf:
    """Witnesses and announcements by keccak256; each goes some time after its last use."""

    def __init__(
        self, *, ttl: float, max_locks: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Keep what is here for `ttl` seconds; take at most `max_locks` announcements."""
        self._ttl, self._max_locks, self._clock = ttl, max_locks, clock
        self._entries: OrderedDict[Hash32, _Entry] = OrderedDict()

    def try_lock(self, digest: Hash32) -> LockStatus:
        """Announce a witness; TooManyTasksError when too many are announced.

        An announcement lasts one `ttl`, however often others ask: who made it may be gone.
        """
        self.sweep()
        entry = self._entries.get(digest)
        if entry is None:
            if sum(item.witness is None for item in self._entries.values()) >= self._max_locks:
                raise TooManyTasksError(f"{self._max_locks} witnesses are announced")
            self._keep(digest, None)
            return LockStatus.LOCKED
        if entry.witness is None:
            return LockStatus.FAILED
        self._keep(digest, entry.witness)
        return LockStatus.EXIST

    def put(self, digest: Hash32, witness: HeldBytes) -> None:
        """Keep a witness, whether it was announced or not."""
        self.sweep()
        entry = self._entries.get(digest)
        held = entry.witness if entry is not None else None
        self._keep(digest, held or witness)

    def get(self, digest: Hash32) -> HeldBytes:
        """Return a witness and keep it longer; UnknownWitnessError when it is not here."""
        self.sweep()
        entry = self._entries.get(digest)
        if entry is None or entry.witness is None:
            raise UnknownWitnessError(f"pob_hash not found: {digest.hex0x}")
        self._keep(digest, entry.witness)
        return entry.witness

    def sweep(self) -> None:
        """Forget what has had its time."""
        now = self._clock()
        while self._entries:
            digest, entry = next(iter(self._entries.items()))
            if entry.until > now:
                return
            del self._entries[digest]

    def _keep(self, digest: Hash32, witness: HeldBytes | None) -> None:
        # Times only rise, so the first entry is always the one to go next.
        self._entries[digest] = _Entry(witness, self._clock() + self._ttl)
        self._entries.move_to_end(digest)
