"""What became of what was signed: an aggregator can keep states back, and the chain tells."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.avs.operator.chain import AvsView
    from coprove.avs.tasks import AvsTask
    from coprove.types import Hash32

__all__ = ["Confirmations"]

_MOST: Final = 256


class Confirmations:
    """Signed ranges that are not confirmed yet. Errors of `late`: those of the view."""

    def __init__(
        self, view: AvsView, *, patience: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        """A range is late `patience` seconds after it was handed in."""
        self._view, self._patience, self._now = view, patience, now
        self._waiting: OrderedDict[Hash32, tuple[AvsTask, float]] = OrderedDict()

    def note(self, task: AvsTask) -> None:
        """Remember a range whose state an aggregator has; the first time counts."""
        self._waiting.setdefault(task.key, (task, self._now()))
        if len(self._waiting) > _MOST:
            self._waiting.popitem(last=False)

    async def late(self) -> list[AvsTask]:
        """Return the ranges that are late and could still be confirmed, oldest first."""
        found = []
        for key, (task, since) in list(self._waiting.items()):
            if self._now() - since < self._patience:
                continue
            standing = await self._view.standing(task)
            if standing.is_confirmed or standing.deadline < time.time():
                self._waiting.pop(key, None)
            else:
                found.append(task)
        return found
