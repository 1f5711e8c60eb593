"""The retry policy and the rate limiter as pure values."""

from __future__ import annotations

import pytest

from coprove.errors import Critical, Temporary
from coprove.rpc import GiveUp, NotYetAvailableError, RateLimitedError, Retry, RetryPolicy
from coprove.rpc.limiter import RateLimiter

POLICY = RetryPolicy(attempts=4, base_delay=1.0, max_delay=5.0, max_elapsed=60.0, jitter=0.5)


@pytest.mark.parametrize(("attempt", "delay"), [(1, 1.0), (2, 2.0), (3, 4.0)])
def test_pauses_double(attempt: int, delay: float) -> None:
    """Each pause is twice the one before."""
    assert POLICY.decide(Temporary(), attempt=attempt, elapsed=0) == Retry(delay=delay)


def test_jitter_only_shortens() -> None:
    """Chance takes away at most the given part."""
    assert POLICY.decide(Temporary(), attempt=1, elapsed=0, chance=1.0) == Retry(delay=0.5)


def test_attempts_and_time_are_bounded() -> None:
    """The last attempt and the end of the time both give up."""
    assert isinstance(POLICY.decide(Temporary(), attempt=4, elapsed=0), GiveUp)
    assert isinstance(POLICY.decide(Temporary(), attempt=1, elapsed=59.5), GiveUp)


@pytest.mark.parametrize("failure", [Critical("x"), NotYetAvailableError("x")])
def test_what_a_retry_cannot_mend_is_given_up(failure: Critical | NotYetAvailableError) -> None:
    """Critical errors and absent blocks go to the caller at once."""
    assert isinstance(POLICY.decide(failure, attempt=1, elapsed=0), GiveUp)


def test_the_endpoints_own_wait_is_kept_within_bounds() -> None:
    """Retry-After lengthens the pause up to max_delay."""
    asked = RateLimitedError("x", retry_after=3.0)
    assert POLICY.decide(asked, attempt=1, elapsed=0) == Retry(delay=3.0)
    long = RateLimitedError("x", retry_after=500.0)
    assert POLICY.decide(long, attempt=1, elapsed=0) == Retry(delay=5.0)


def test_the_bucket_spaces_calls() -> None:
    """After the burst each call waits its turn; time fills the bucket again."""
    now = [100.0]
    limiter = RateLimiter(10.0, 2, clock=lambda: now[0])
    assert [limiter.reserve(1) for _ in range(4)] == pytest.approx([0.0, 0.0, 0.1, 0.2])
    now[0] += 10
    assert limiter.reserve(2) == 0.0
    assert limiter.reserve(5) == pytest.approx(0.5)


def test_a_penalty_holds_everybody_back() -> None:
    """After a 429 nobody passes before the pause is over, with or without a rate."""
    now = [0.0]
    limiter = RateLimiter(0.0, clock=lambda: now[0])
    limiter.penalise(2.0)
    assert limiter.reserve(1) == 2.0
    now[0] = 3.0
    assert limiter.reserve(1) == 0.0
