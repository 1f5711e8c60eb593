"""A limit on every call, so that one that hangs never holds up the rest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from coprove.proposer.errors import CallTimeoutError

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["within"]

T = TypeVar("T")


async def within(seconds: float, what: str, call: Awaitable[T]) -> T:
    """Return the result of `call`; CallTimeoutError when it takes longer than `seconds`.

    Only this limit becomes a CallTimeoutError: a TimeoutError from inside is not hidden.
    """
    try:
        async with asyncio.timeout(seconds) as limit:
            return await call
    except TimeoutError as error:
        if limit.expired():
            raise CallTimeoutError(what, seconds=seconds) from error
        raise
