"""Waiting for several calls at once, none left behind when one fails."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable

__all__ = ["ahead", "both", "three", "together"]

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


async def together(*calls: Coroutine[Any, Any, T]) -> list[T]:
    """Return the results in order; the first failure ends the other calls and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    return [task.result() for task in tasks]


async def both(one: Coroutine[Any, Any, A], other: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """As `together` for two calls of different kinds."""
    try:
        async with asyncio.TaskGroup() as group:
            first, second = group.create_task(one), group.create_task(other)
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    return first.result(), second.result()


async def three(
    one: Coroutine[Any, Any, A], other: Coroutine[Any, Any, B], third: Coroutine[Any, Any, C]
) -> tuple[A, B, C]:
    """As `both` for three calls."""
    first, (second, last) = await both(one, both(other, third))
    return first, second, last


async def ahead(
    calls: Iterable[Callable[[], Coroutine[Any, Any, T]]], limit: int
) -> AsyncGenerator[T, None]:
    """Yield the results in order, with at most `limit` calls under way or waiting to be taken.

    So memory is bounded by `limit` results. Close the generator (`contextlib.aclosing`), so that
    no call is left behind.
    """
    under_way: deque[asyncio.Task[T]] = deque()
    try:
        for call in calls:
            if len(under_way) == limit:
                yield await under_way.popleft()
            under_way.append(asyncio.create_task(call()))
        while under_way:
            yield await under_way.popleft()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
