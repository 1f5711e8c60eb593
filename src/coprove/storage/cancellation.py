"""Calls that a caller's cancellation cannot break in the middle."""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

__all__ = ["unbroken"]

P = ParamSpec("P")
T = TypeVar("T")


def unbroken(call: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let a call end before its cancellation is raised; waits are bounded by the database's.

    A statement goes on in its thread or its server when its waiter is gone: a transaction left
    in the middle would keep its lock.
    """

    @wraps(call)
    async def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.create_task(call(*args, **kwargs))
        cancelled: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is None:
            return task.result()
        if not task.cancelled():
            # Looked at, so that asyncio does not report it as lost.
            task.exception()
        raise cancelled

    return whole
