"""How much memory witnesses may take, counted for just as long as something holds one."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from coprove.prover.http.bodies import chunks
from coprove.prover.http.errors import BodyTooLargeError
from coprove.prover.tee.host.errors import MemoryFullError, WitnessTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

__all__ = ["HeldBytes", "MemoryBudget", "received"]


class MemoryBudget:
    """Bytes that may be held at once; any thread may let go of the last holder."""

    def __init__(self, limit: int) -> None:
        """Allow `limit` bytes."""
        self.limit, self.used = limit, 0
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Count `size` bytes more; MemoryFullError when they do not fit."""
        with self._lock:
            if self.used + size <= self.limit:
                self.used += size
                return
        raise MemoryFullError(f"{size} bytes do not fit: {self.used} of {self.limit} are held")

    def give(self, size: int) -> None:
        """Count `size` bytes less."""
        with self._lock:
            self.used -= size


class HeldBytes:
    """Bytes that count until nobody holds this object."""

    __slots__ = ("__weakref__", "data")

    def __init__(self, data: bytes, budget: MemoryBudget) -> None:
        """Take over `len(data)` bytes that were taken from the budget."""
        self.data = data
        weakref.finalize(self, budget.give, len(data))

    @classmethod
    def of(cls, data: bytes, budget: MemoryBudget) -> HeldBytes:
        """Count and hold bytes; MemoryFullError when they do not fit."""
        budget.take(len(data))
        return cls(data, budget)


async def received(
    request: Request,
    budget: MemoryBudget,
    *,
    limit: int,
    idle: float,
    count: Callable[[int], None] = lambda _: None,
) -> HeldBytes:
    """Receive a body of at most `limit` bytes, counted as it comes.

    Raises WitnessTooLargeError, MemoryFullError, UploadStalledError. A declared length that is too
    large is refused before anything is read.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal():
        if int(declared) > limit:
            raise WitnessTooLargeError(f"a body of {declared} bytes; {limit} are taken")
        if budget.used + int(declared) > budget.limit:
            raise MemoryFullError(f"a body of {declared} bytes does not fit now")
    pieces: list[bytes] = []
    taken = 0
    try:
        async for piece in chunks(request, limit, idle):
            budget.take(len(piece))
            taken += len(piece)
            count(len(piece))
            pieces.append(piece)
        data = b"".join(pieces)
    except BodyTooLargeError as error:
        budget.give(taken)
        raise WitnessTooLargeError(str(error)) from None
    except BaseException:
        budget.give(taken)
        raise
    return HeldBytes(data, budget)
