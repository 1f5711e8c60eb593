"""When to call again: a pure value that looks at a failure and returns a decision."""

from __future__ import annotations

from dataclasses import dataclass

from coprove.errors import CoproveError, Temporary
from coprove.rpc.errors import NotYetAvailableError, RateLimitedError

__all__ = ["GiveUp", "Retry", "RetryDecision", "RetryPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Call again after a pause."""

    delay: float
    """Seconds to wait before the next attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Raise the failure to the caller."""

    reason: str
    """Why: "not temporary", "not there", "attempts used up" or "time used up"."""


RetryDecision = Retry | GiveUp
"""What `RetryPolicy.decide` returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential backoff with jitter, bounded by attempts and by time."""

    attempts: int = 6
    """Attempts in all, the first included."""
    base_delay: float = 0.25
    """Seconds before the second attempt; doubled for each further one."""
    max_delay: float = 15.0
    """Longest pause in seconds, a pause that the endpoint asks for included."""
    max_elapsed: float = 120.0
    """Seconds from the first attempt after which none is begun."""
    jitter: float = 0.25
    """Part of the pause that chance may take away, 0 to 1, so that callers spread out."""

    def decide(
        self, failure: CoproveError, *, attempt: int, elapsed: float, chance: float = 0.0
    ) -> RetryDecision:
        """Say what follows attempt number `attempt` (from 1), which ended with `failure`.

        `elapsed` counts seconds since the first attempt began; `chance` is a number in [0, 1)
        drawn by the caller, so that the policy itself stays a pure function.
        """
        if isinstance(failure, NotYetAvailableError):
            return GiveUp(reason="not there")
        if not isinstance(failure, Temporary):
            return GiveUp(reason="not temporary")
        if attempt >= self.attempts:
            return GiveUp(reason="attempts used up")
        delay = min(self.max_delay, self.base_delay * 2.0 ** min(attempt - 1, 30))
        delay *= 1.0 - self.jitter * chance
        if isinstance(failure, RateLimitedError) and failure.retry_after is not None:
            delay = min(self.max_delay, max(delay, failure.retry_after))
        if elapsed + delay > self.max_elapsed:
            return GiveUp(reason="time used up")
        return Retry(delay=delay)
