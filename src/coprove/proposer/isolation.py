"""Errors of one request, or of one step, that concern no other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from coprove.errors import CoproveError
from coprove.proposer import metrics as m
from coprove.proposer.errors import CallTimeoutError, ConfigMismatchError, NotLeadingError
from coprove.storage.errors import LeaseLostError, StaleRequestError
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from coprove.proposer.context import Context

__all__ = ["ENDS_THE_TERM", "all_isolated", "isolated"]

_log = get_logger(part="proposer")

ENDS_THE_TERM: Final = (LeaseLostError, NotLeadingError, ConfigMismatchError)
"""Errors after which this process must not act any more."""
_AT_ONCE: Final = 16


async def isolated(
    ctx: Context, what: str, event: m.Event, work: Callable[[], Awaitable[object]]
) -> bool:
    """Do `work`; whether it ended well. Its error is logged and counted as `event`.

    Only what ends the term goes up.
    """
    try:
        await work()
    except ENDS_THE_TERM:
        raise
    except StaleRequestError as error:
        # Another part of this process was quicker: the next tick sees what it left.
        _log.debug("overtaken", what=what, error=error)
        return True
    except CallTimeoutError as error:
        ctx.metrics.count(m.CALL_TIMEOUT, error.what.split(" ", 1)[0])
        _log.warning("call timed out", what=what, error=error)
        return False
    except CoproveError as error:
        ctx.metrics.count(event, type(error).__name__)
        _log.warning("failed", what=what, error=error)
        return False
    except Exception as error:  # noqa: BLE001 - a defect in one request must not stop the others
        ctx.metrics.count(event, type(error).__name__)
        _log.error("failed unexpectedly", what=what, exc_info=error)
        return False
    return True


async def all_isolated(
    ctx: Context, event: m.Event, works: Iterable[tuple[str, Callable[[], Awaitable[object]]]]
) -> bool:
    """Do several works at once, each isolated; whether all ended well."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(what: str, work: Callable[[], Awaitable[object]]) -> bool:
        async with slots:
            return await isolated(ctx, what, event, work)

    # Each is waited for before the first error goes up: none is left behind.
    results = await asyncio.gather(
        *(one(what, work) for what, work in works), return_exceptions=True
    )
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return all(results)
