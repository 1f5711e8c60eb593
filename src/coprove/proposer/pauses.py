"""How long a failed request waits; forgotten at a restart, when everything is tried at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coprove.storage import ProofRequest, RequestKind
    from coprove.types import BlockRange

__all__ = ["Pauses", "retry_pause"]


def retry_pause(failures: int) -> float:
    """Return the seconds to wait after failure number `failures`: 1, 2, 4, to 300."""
    return float(min(300, 2 ** min(max(failures, 1) - 1, 16)))


class Pauses:
    """Failures in a row of each piece of work, by its kind and blocks."""

    def __init__(self) -> None:
        """Nothing has failed."""
        self._failures: dict[tuple[RequestKind, BlockRange], int] = {}
        self._until: dict[tuple[RequestKind, BlockRange], float] = {}

    def failures(self, request: ProofRequest) -> int:
        """Return how often it failed in a row."""
        return self._failures.get((request.kind, request.blocks), 0)

    def failed(
        self,
        request: ProofRequest,
        *,
        now: float,
        at_least: float = 0.0,
        at_most: float = math.inf,
    ) -> float:
        """Note a failure; return the seconds that the work is left alone for."""
        key = request.kind, request.blocks
        self._failures[key] = self._failures.get(key, 0) + 1
        pause = min(at_most, max(at_least, retry_pause(self._failures[key])))
        self._until[key] = now + pause
        return pause

    def inherit(self, request: ProofRequest, pieces: Iterable[BlockRange], *, now: float) -> None:
        """Let the pieces of a split range wait as long as it would, with as many failures.

        When everything fails, for a reason that has nothing to do with size, ranges fall apart ever
        more slowly, and there is time for a person to look.
        """
        failures = self.failures(request)
        for blocks in pieces:
            self._failures[request.kind, blocks] = failures
            self._until[request.kind, blocks] = now + retry_pause(failures)

    def succeeded(self, request: ProofRequest) -> None:
        """Forget its failures."""
        self._failures.pop((request.kind, request.blocks), None)
        self._until.pop((request.kind, request.blocks), None)

    def is_due(self, request: ProofRequest, *, now: float) -> bool:
        """Whether its pause is over."""
        return now >= self._until.get((request.kind, request.blocks), now)

    def forget_below(self, block: int) -> None:
        """Forget what ends at or below an L2 block."""
        for key in [key for key in self._failures if key[1].end <= block]:
            self._failures.pop(key, None)
            self._until.pop(key, None)
