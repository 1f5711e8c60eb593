"""What both APIs ask for, with the server's limits around it."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from coprove.avs.aggregator.server import metrics as names
from coprove.avs.aggregator.server.limits import Allowance, PollPlaces
from coprove.avs.aggregator.server.pushed import PushedMetrics
from coprove.avs.aggregator.server.sessions import Sessions
from coprove.avs.tasks import Handshake, Refusal, RefusedError, Submission
from coprove.errors import InputError
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.avs.aggregator.server.options import AggregatorServerOptions
    from coprove.avs.aggregator.server.ports import Directory, Engine, Health, Records
    from coprove.avs.aggregator.server.sessions import Session
    from coprove.avs.tasks import AvsTask, SessionScope
    from coprove.telemetry import Metrics

__all__ = ["AggregatorPorts", "Caller", "Desk"]

T = TypeVar("T")
_PUSHER: Final = re.compile(r"(0x[0-9a-fA-F]{40})(?:_[0-9A-Za-z.+-]{1,64})?")
"""How older operators name themselves: account and version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who makes a request."""

    address: str
    """Where from."""
    operator: Hash32 | None = None
    """Whose session it showed; None for anybody."""

    @property
    def name(self) -> str:
        """Whose shares of places and rates are used."""
        return self.address if self.operator is None else self.operator.hex0x


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatorPorts:
    """The rest of the aggregator, as the server sees it."""

    engine: Engine
    """Issues tasks and takes states."""
    directory: Directory
    """Who is registered."""
    records: Records
    """What is on disk."""
    health: Callable[[], Health]
    """How the process is; costs nothing."""


class Desk:
    """Belongs to one event loop."""

    def __init__(
        self,
        ports: AggregatorPorts,
        scopes: tuple[SessionScope, ...],
        options: AggregatorServerOptions,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Serve operators whose handshakes are made for one of `scopes`."""
        self.ports, self.options, self.metrics = ports, options, metrics
        self.sessions = Sessions(ports.directory, scopes, options, clock=clock)
        self.places = PollPlaces(options.max_polls)
        self.pushed = PushedMetrics(
            operators=options.max_pushing,
            samples=options.max_series,
            ttl=options.pushed_ttl,
            clock=clock,
        )
        metrics.registry.register(self.pushed)
        self._operators = Allowance(options.operator_requests_per_second, options.operator_burst)
        self._bytes = Allowance(options.bytes_per_second, options.bytes_burst)
        self._authentic: set[Address] = set()
        self._stopping = asyncio.Event()

    @property
    def is_stopping(self) -> bool:
        """Whether the server is about to end."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Answer all polls, and take nothing more."""
        self._stopping.set()

    def charge(self, address: str, size: int) -> None:
        """Count bytes that are about to be parsed; RefusedError when they are too many."""
        if size > self.options.max_metrics_bytes:
            raise RefusedError(
                Refusal.TOO_LARGE,
                expected=f"{self.options.max_metrics_bytes} bytes",
                actual=size,
            )
        self._bytes.take(address, time.monotonic(), size)

    async def handshake(self, value: object, address: str) -> Session:
        """Open a session."""
        try:
            session = await self.sessions.open(_read(Handshake.from_json, value), address)
        except RefusedError as error:
            self.metrics.inc(names.SESSIONS, outcome=error.refusal.value)
            raise
        self.metrics.inc(names.SESSIONS, outcome="opened")
        return session

    async def next_task(
        self, caller: Caller, *, after: int, kind: int, wait: float, with_context: bool = False
    ) -> AvsTask | None:
        """Return the task that follows `after`, None when none comes in time or the server stops.

        RefusedError when the caller waits too often at once.
        """
        wait = min(max(wait, 0.0), self.options.max_wait)
        share = (
            self.options.client_polls if caller.operator is None else self.options.operator_polls
        )
        with self.places.place(caller.name, share):
            asked = asyncio.ensure_future(
                self.ports.engine.next_task(after, kind, wait, with_context=with_context)
            )
            stopping = asyncio.ensure_future(self._stopping.wait())
            try:
                await asyncio.wait({asked, stopping}, return_when=asyncio.FIRST_COMPLETED)
                return asked.result() if asked.done() else None
            finally:
                stopping.cancel()
                if not asked.done():
                    asked.cancel()
                    await asyncio.wait({asked})

    async def submit(self, caller: Caller, value: object) -> None:
        """Take a signed state; RefusedError says why not."""
        if self.is_stopping:
            raise RefusedError(Refusal.STOPPING, expected="a later time", actual="now")
        submission = _read(Submission.from_json, value)
        if caller.operator not in (None, submission.operator_id):
            raise RefusedError(
                Refusal.UNAUTHORIZED,
                expected=f"a state of {caller.operator}",
                actual=submission.operator_id,
            )
        # Without a session anybody can name any operator: its own allowance stays its own.
        whose = "" if caller.operator is not None else f"{caller.address} as "
        self._operators.take(f"{whose}{submission.operator_id}", time.monotonic())
        await self.ports.engine.submit(submission, session=caller.operator is not None)

    def push(self, caller: Caller, name: object, families: object) -> None:
        """Keep an operator's metrics; RefusedError for who may not push, or what are none."""
        try:
            operator, label = self._pusher(caller, name)
            self._operators.take(f"{caller.name} metrics of {operator}", time.monotonic())
            _read(lambda value: self.pushed.take(operator, label, value), families)
        except RefusedError as error:
            self.metrics.inc(names.PUSHES, outcome=error.refusal.value)
            raise
        self.metrics.inc(names.PUSHES, outcome="taken")

    def _pusher(self, caller: Caller, name: object) -> tuple[str, str]:
        """Return under which key and label a caller's metrics are kept.

        A session's are its operator's. Of others, who names the account of a registered operator
        is believed as long as nobody pushed for it with a session.
        """
        if caller.operator is not None:
            mine = self.ports.directory.account_of(caller.operator)
            if mine is None:
                raise RefusedError(
                    Refusal.NOT_REGISTERED, expected="an operator", actual=caller.operator
                )
            self._authentic.add(mine)
            match = _PUSHER.fullmatch(name) if isinstance(name, str) else None
            is_own = match is not None and Address.from_hex(match[1]) == mine
            return mine.hex0x, str(name) if is_own else mine.hex0x
        match = _PUSHER.fullmatch(name) if isinstance(name, str) else None
        account = None if match is None else Address.from_hex(match[1])
        if account is None or not self.ports.directory.has_account(account):
            raise RefusedError(
                Refusal.NOT_REGISTERED,
                expected="account_version of a registered operator",
                actual=str(name)[:100],
            )
        if account in self._authentic:
            raise RefusedError(
                Refusal.UNAUTHORIZED, expected="this operator's session", actual="none"
            )
        return account.hex0x, str(name)


def _read(read: Callable[[object], T], value: object) -> T:
    try:
        return read(value)
    except RefusedError:
        raise
    except InputError as error:
        raise RefusedError(
            Refusal.MALFORMED, expected=f"{error.what}: {error.expected}", actual=error.actual
        ) from None
