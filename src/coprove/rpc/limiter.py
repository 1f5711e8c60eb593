"""A token bucket that spaces the calls to one endpoint."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RateLimiter"]


class RateLimiter:
    """Lets at most `rate` tokens a second pass, and `burst` at once; waiters are served in order.

    A rate of 0 means no limit. `penalise` empties the bucket, so that all callers of an endpoint
    slow down together when it answers 429.
    """

    def __init__(
        self, rate: float, burst: int = 1, *, clock: Callable[[], float] | None = None
    ) -> None:
        """`rate` in tokens a second; `clock` gives seconds and is for tests."""
        self._rate = rate
        self._burst = max(1, burst)
        self._clock = clock
        self._tokens = float(self._burst)
        self._last: float | None = None
        self._lock = asyncio.Lock()
        self._blocked_until = 0.0

    def _now(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()

    def penalise(self, seconds: float) -> None:
        """Let nobody pass for `seconds` from now."""
        self._blocked_until = max(self._blocked_until, self._now() + seconds)

    def reserve(self, tokens: int) -> float:
        """Take `tokens` and return the seconds to wait before using them; pure but for its state.

        More tokens than the bucket holds are granted on credit: the next caller waits longer.
        """
        now = self._now()
        wait = max(0.0, self._blocked_until - now)
        if self._rate <= 0:
            return wait
        if self._last is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._last) * self._rate)
        self._last = now
        self._tokens -= tokens
        return max(wait, -self._tokens / self._rate)

    async def acquire(self, tokens: int = 1) -> None:
        """Wait until `tokens` calls may be made."""
        async with self._lock:
            wait = self.reserve(tokens)
            while wait > 0:
                await asyncio.sleep(wait)
                # The endpoint may have asked for a pause meanwhile.
                wait = self._blocked_until - self._now()
