"""Telling a person: a small hook, and a webhook that takes Slack's form."""

from __future__ import annotations

import asyncio
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, Self

import aiohttp

from coprove.closing import AsyncClosing
from coprove.telemetry import get_logger, redact, register_secret

if TYPE_CHECKING:
    from collections.abc import Callable
__all__ = ["Alert", "Alerts", "LogAlerts", "WebhookAlerts"]

_log = get_logger(part="alerts")
_POST_SECONDS: Final = 10.0
_LONGEST_TEXT: Final = 2000


class Alert(StrEnum):
    """What a person should know of."""

    CONFIG_MISMATCH = "config mismatch"
    """The contract is bound to other programs or another chain."""
    ROOT_MISMATCH = "root mismatch"
    """The program, the node or the contract disagree on an output root."""
    REPEATED_FAILURE = "repeated failure"
    """One request or step fails again and again."""
    BUDGET_EXCEEDED = "budget exceeded"
    """The day's budget for proofs is spent."""
    LEADERSHIP = "leadership"
    """Another process leads from now on, or this one does."""


class Alerts(Protocol):
    """Takes alerts. Never raises and never waits: what it cannot deliver it logs."""

    def send(self, alert: Alert, text: str) -> None:
        """Tell of `text`."""


class LogAlerts:
    """Alerts as log lines alone."""

    def send(self, alert: Alert, text: str) -> None:
        """See `Alerts`."""
        _log.error("alert", kind=alert.value, text=text)


class WebhookAlerts(AsyncClosing):
    """Alerts as `{"text": …}` posted to a URL, and as log lines.

    Of each kind at most one goes out in `interval` seconds; the next one says how many were held
    back. Use as an asynchronous context manager.
    """

    def __init__(
        self,
        url: str,
        *,
        source: str,
        interval: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`source` names this proposer in the text; `url` is a secret and appears nowhere."""
        register_secret(url)
        self._url, self._source, self._interval, self._clock = url, source, interval, clock
        self._last: dict[Alert, float] = {}
        self._held: dict[Alert, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._log = LogAlerts()

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        timeout = aiohttp.ClientTimeout(total=_POST_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def close(self) -> None:
        """Deliver what is under way, for some seconds, and close."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_POST_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def send(self, alert: Alert, text: str) -> None:
        """See `Alerts`."""
        self._log.send(alert, text)
        now = self._clock()
        last = self._last.get(alert)
        if last is not None and now - last < self._interval:
            self._held[alert] = self._held.get(alert, 0) + 1
            return
        self._last[alert] = now
        held = self._held.pop(alert, 0)
        more = f" ({held} more like it since the last)" if held else ""
        shown = str(redact(text))[:_LONGEST_TEXT]
        task = asyncio.create_task(self._post(f"[{self._source}] {alert.value}: {shown}{more}"))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _post(self, text: str) -> None:
        if self._session is None:
            _log.warning("alert not delivered", reason="not open")
            return
        try:
            # A redirect would carry the text to an address that nobody chose.
            async with self._session.post(
                self._url, json={"text": text}, allow_redirects=False
            ) as answer:
                if answer.status >= 300:
                    _log.warning("alert not delivered", status=answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            _log.warning("alert not delivered", reason=type(error).__name__)
