"""How each part of the process is: what worked last and when, what failed and since when."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HealthBoard"]


@dataclass(slots=True)
class _Part:
    grace: float
    first_grace: float
    worked_at: float
    failure: str | None = None
    has_worked: bool = False

    def is_late(self, now: float) -> bool:
        return now - self.worked_at >= (self.grace if self.has_worked else self.first_grace)


class HealthBoard:
    """Parts report here; a part that did not work for its grace is unhealthy, whatever it says."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without parts."""
        self._clock = clock
        self._parts: dict[str, _Part] = {}

    def add(self, name: str, *, grace: float, first: float | None = None) -> None:
        """Expect a part to work every `grace` seconds, the first time within `first`."""
        self._parts[name] = _Part(grace, first or grace, self._clock())

    def remove(self, name: str) -> None:
        """Expect nothing more of a part."""
        self._parts.pop(name, None)

    def worked(self, name: str) -> None:
        """Note that a part did what it is for."""
        part = self._parts[name]
        part.worked_at, part.failure, part.has_worked = self._clock(), None, True

    def failed(self, name: str, error: BaseException) -> None:
        """Note that it did not; only the kind of error is shown, since anybody may ask."""
        self._parts[name].failure = type(error).__name__

    @property
    def is_healthy(self) -> bool:
        """Whether every part worked within its grace."""
        now = self._clock()
        return not any(part.is_late(now) for part in self._parts.values())

    def parts(self) -> dict[str, str]:
        """Return each part's state: "ok", or what is wrong and for how long."""
        now = self._clock()
        found = {}
        for name, part in self._parts.items():
            seconds = int(now - part.worked_at)
            if part.failure is not None:
                found[name] = f"{part.failure} for {seconds} s"
            elif part.is_late(now):
                found[name] = f"nothing for {seconds} s"
            else:
                found[name] = "ok"
        return found
