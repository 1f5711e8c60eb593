"""Who may have how much of the server: weighted rates, and places for polls that wait."""

from __future__ import annotations

from collections import Counter, OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from coprove.avs.tasks import Refusal, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Allowance", "PollPlaces"]

_MOST: Final = 4096


class Allowance:
    """Units a second for each name, saved up to a burst; the longest unseen are forgotten."""

    def __init__(self, rate: float, burst: float) -> None:
        """A rate of 0 lets everything through."""
        self._rate, self._burst = rate, burst
        self._names: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, now: float, amount: float = 1) -> None:
        """Take units at time `now`; RefusedError (rate-limited) when there are not so many."""
        if self._rate <= 0:
            return
        saved, last = self._names.pop(name, (self._burst, now))
        saved = min(self._burst, saved + max(0.0, now - last) * self._rate)
        enough = saved >= amount
        self._names[name] = (saved - amount if enough else saved, now)
        if len(self._names) > _MOST:
            self._names.popitem(last=False)
        if not enough:
            raise RefusedError(
                Refusal.RATE_LIMITED, expected=f"{self._rate:g} a second", actual="more"
            )


class PollPlaces:
    """Places of polls that wait; nobody has more than its share."""

    def __init__(self, most: int) -> None:
        """There are `most` places."""
        self._most = most
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """Places that are taken."""
        return self._taken.total()

    @contextmanager
    def place(self, name: str, share: int) -> Iterator[None]:
        """Hold a place; RefusedError when there is none, or `name` has its share."""
        if self._taken[name] >= share:
            raise RefusedError(
                Refusal.RATE_LIMITED, expected=f"{share} polls at once", actual="one more"
            )
        if self.taken >= self._most:
            raise RefusedError(Refusal.BUSY, expected=f"{self._most} polls", actual="one more")
        self._taken[name] += 1
        try:
            yield
        finally:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]
