"""Who sent signatures that do not verify, and how much is still looked at of theirs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.avs.tasks import Refusal, RefusedError

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["Allowance", "Offenders"]

_CAPACITY: Final = 8192


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Allowance:
    """So many at once and so many a second, for each key."""

    def __init__(self, *, burst: float, per_second: float) -> None:
        """Let each key have `burst`, filled up by `per_second`."""
        self._burst = burst
        self._per_second = per_second
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, key: Hashable, now: float) -> bool:
        """Use one up; False when there is none."""
        bucket = self._buckets.setdefault(key, _Bucket(self._burst, now))
        self._buckets.move_to_end(key)
        if len(self._buckets) > _CAPACITY:
            self._buckets.popitem(last=False)
        passed = max(now - bucket.at, 0.0)
        bucket.left = min(self._burst, bucket.left + passed * self._per_second)
        bucket.at = now
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True


class Offenders:
    """Remembers for some time who sent bad BLS signatures; they are verified apart, and few.

    Keys say who and whether a session vouched for it: a stranger that repeats an operator's prover
    signature beside rubbish spends nothing of what the operator's session has.
    """

    def __init__(self, *, remembered: float, allowance: Allowance) -> None:
        """Remember for so many seconds; look at no more than the allowance says."""
        self._remembered = remembered
        self._allowance = allowance
        self._since: OrderedDict[Hashable, float] = OrderedDict()

    def is_one(self, key: Hashable, now: float) -> bool:
        """Whether a bad signature came lately under this key."""
        since = self._since.get(key)
        if since is None:
            return False
        if now - since > self._remembered:
            del self._since[key]
            return False
        return True

    def admit(self, key: Hashable, now: float) -> None:
        """Raise RefusedError when nothing more is looked at now."""
        if not self._allowance.take(key, now):
            raise RefusedError(
                Refusal.RATE_LIMITED,
                expected="few signatures after one that did not verify",
                actual="more",
            )

    def mark(self, key: Hashable, now: float) -> None:
        """Note a bad signature."""
        self._since[key] = now
        self._since.move_to_end(key)
        if len(self._since) > _CAPACITY:
            self._since.popitem(last=False)

    def clear(self, key: Hashable) -> None:
        """Forget it: a good one came."""
        self._since.pop(key, None)
