"""The aggregator's process: registry, sources, core and server, and what becomes of failures."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from coprove.avs.aggregator import service_metrics as names
from coprove.avs.aggregator.health import HealthBoard
from coprove.avs.aggregator.lead import Lead, NotLeadingError
from coprove.avs.aggregator.opening import TaskOpener, learn_rollup
from coprove.avs.aggregator.server import AggregatorPorts, AggregatorServer, Health
from coprove.avs.tasks import Refusal, RefusedError
from coprove.closing import AsyncClosing
from coprove.errors import CoproveError
from coprove.prover.http import until_signal
from coprove.storage import AvsLog
from coprove.storage.errors import LeaseHeldError, LeaseLostError
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from coprove.avs.aggregator.engine import AggregatorEngine
    from coprove.avs.aggregator.opening import OpeningOptions
    from coprove.avs.aggregator.options import RollupIdentity
    from coprove.avs.aggregator.protocols import TaskSource
    from coprove.avs.aggregator.registry import ChainRegistry
    from coprove.avs.aggregator.server import AggregatorServerOptions
    from coprove.avs.aggregator.settlement import Settler
    from coprove.avs.tasks import AvsTask, Submission
    from coprove.contracts.avs import ServiceManager
    from coprove.rpc import EthClient
    from coprove.storage import Lease, SqlRequestStore, StoredEvidence, StoredSignature, StoredTask
    from coprove.telemetry import Metrics
    from coprove.types import Hash32

__all__ = [
    "Aggregator",
    "AggregatorParts",
    "OpenedCore",
    "ScheduledSource",
    "ServiceOptions",
    "serve",
]

EngineOpener: TypeAlias = (
    "Callable[[Lease, Callable[[], Awaitable[None]]], AbstractAsyncContextManager[OpenedCore]]"
)
"""Opens a core for a lease, with the guard to ask before each transaction."""
_log = get_logger(part="aggregator")
_LEAST_GRACE: Final = 60.0
_FIRST_GRACE: Final = 1800.0
"""For a first step: events of years may have to be read."""
_MISSED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledSource:
    """A task source and how often it is asked."""

    source: TaskSource
    """The source."""
    interval: float
    """Seconds from one poll to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """How the process runs; times in seconds."""

    sync_interval: float = 4.0
    """From one look for new events of the registry to the next."""
    tick_interval: float = 1.0
    """From one tick of the core to the next."""
    settle_interval: float = 12.0
    """From one look for slashings and rewards to the next."""
    retry_interval: float = 4.0
    """After a start of the core that failed."""
    lease_seconds: float = 30.0
    """Length of the lease of who leads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedCore:
    """What works while this process leads."""

    engine: AggregatorEngine
    """The core."""
    settler: Settler | None = None
    """Who slashes and settles rewards; None: others do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatorParts:
    """What a process consists of; all of it is open."""

    store: SqlRequestStore
    """Database, in the AVS' scope."""
    registry: ChainRegistry
    """Who may sign."""
    manager: ServiceManager
    """The AVS."""
    l1: EthClient
    """L1."""
    sources: Sequence[ScheduledSource]
    """Where tasks come from."""
    committees: Sequence[int]
    """Committees that are asked; tasks of others that are on disk are left aside."""
    rollups: dict[int, RollupIdentity]
    """Of each committee; the core reads it."""
    engine: EngineOpener
    """Opens a core that writes by a lease, and asks the guard before each transaction."""
    chain_id: int
    """EIP-155 id of L1."""


class _Switch:
    """The core while there is one: the server stands before it and outlives it."""

    def __init__(self) -> None:
        self.engine: AggregatorEngine | None = None

    async def next_task(
        self, after: int, task_type: int, wait: float, *, with_context: bool = False
    ) -> AvsTask | None:
        return await self._now().next_task(after, task_type, wait, with_context=with_context)

    async def submit(self, submission: Submission, *, session: bool = False) -> None:
        await self._now().submit(submission, session=session)

    def _now(self) -> AggregatorEngine:
        if self.engine is None:
            raise RefusedError(
                Refusal.BUSY, expected="the aggregator that leads, once it is ready", actual="now"
            )
        return self.engine


class _Records:
    """What is on disk, for readers: no lease is needed to read."""

    def __init__(self) -> None:
        self.log: AvsLog | None = None

    async def newest_of(self, key: Hash32) -> StoredTask | None:
        return await self._now().newest_of(key)

    async def signatures(self, task_number: int) -> Sequence[StoredSignature]:
        return await self._now().signatures(task_number)

    async def evidence(
        self, *, key: Hash32 | None = None, limit: int = 1000
    ) -> Sequence[StoredEvidence]:
        return await self._now().evidence(key=key, limit=limit)

    def _now(self) -> AvsLog:
        if self.log is None:
            raise RefusedError(Refusal.BUSY, expected="the aggregator that leads", actual="now")
        return self.log


class Aggregator(AsyncClosing):
    """Use as an asynchronous context manager: entered, it answers at `url` and works."""

    def __init__(
        self,
        parts: AggregatorParts,
        metrics: Metrics,
        *,
        server: AggregatorServerOptions,
        opening: OpeningOptions,
        options: ServiceOptions | None = None,
    ) -> None:
        """`metrics` has ENGINE_METRICS, SERVER_METRICS and SERVICE_METRICS."""
        self._parts, self._metrics, self._opening = parts, metrics, opening
        self._options = options or ServiceOptions()
        self._board = HealthBoard()
        self._switch, self._records = _Switch(), _Records()
        self._lead = Lead(parts.store, seconds=self._options.lease_seconds)
        self._stands_by = False
        ports = AggregatorPorts(
            engine=self._switch,
            directory=parts.registry,
            records=self._records,
            health=self.health,
        )
        self._server = AggregatorServer(
            server,
            ports,
            metrics,
            chain_id=parts.chain_id,
            service_manager=parts.manager.address,
        )
        self._exit = AsyncExitStack()
        self._work: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens, once entered."""
        return self._server.url

    def health(self) -> Health:
        """Return how the process is: a standby is healthy and not ready."""
        parts = self._board.parts()
        if self._stands_by:
            parts["lead"] = "another process leads"
        healthy = self._board.is_healthy
        ready = healthy and self._switch.engine is not None and self._parts.registry.tip is not None
        return Health(healthy=healthy, ready=ready, parts=parts)

    async def __aenter__(self) -> Self:
        """Listen and begin to work; InputError for a taken port."""
        await self._exit.enter_async_context(self._server)
        self._work = asyncio.create_task(self._run(), name="aggregator")
        return self

    async def close(self) -> None:
        """Answer who waits, take nothing more, end own work, give the lead back."""
        await self._exit.aclose()
        if self._work is not None:
            self._work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._work

    async def wait(self) -> None:
        """Return never while all is well; raise what ended the work, or the HTTP server."""
        if self._work is None:
            raise RuntimeError("the aggregator was not entered")
        server = asyncio.ensure_future(self._server.wait())
        try:
            await asyncio.wait({server, self._work}, return_when=asyncio.FIRST_COMPLETED)
            for ended in (self._work, server):
                if ended.done():
                    await ended
        finally:
            server.cancel()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._loop("registry", self._options.sync_interval, self._sync))
            group.create_task(self._terms())

    async def _terms(self) -> None:
        try:
            while True:
                self._board.add("lead", grace=2 * self._options.lease_seconds + _LEAST_GRACE)
                lease = await self._lead.gain(self._waits)
                self._stands_by = False
                self._board.worked("lead")
                _log.info("leading", holder=lease.holder, term=lease.token)
                self._metrics.set(names.LEADING, 1)
                try:
                    await self._term(lease)
                except* (NotLeadingError, LeaseLostError) as lost:
                    _log.error("the lead is lost", errors=[str(one) for one in lost.exceptions])
                finally:
                    self._metrics.set(names.LEADING, 0)
                    self._switch.engine = None
                    self._records.log = None
                await self._lead.release()
        finally:
            await asyncio.shield(self._lead.release())

    def _waits(self, error: Exception) -> None:
        # That the database answers at all is what a standby needs.
        if isinstance(error, LeaseHeldError):
            self._stands_by = True
            self._board.worked("lead")
        else:
            self._board.failed("lead", error)

    async def _term(self, lease: Lease) -> None:
        self._records.log = AvsLog(self._parts.store, lease)
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(self._keep())
            group.create_task(self._act(lease))
            keeper.set_name("lease")

    async def _keep(self) -> None:
        """Keep the lease; the board is told as long as it is held."""
        self._board.remove("lead")
        await self._lead.keep()

    async def _act(self, lease: Lease) -> None:
        """Run the core from its recovery to the end of the term."""
        async with AsyncExitStack() as stack:
            core = await self._opened(stack, lease)
            engine, settler = core.engine, core.settler
            self._switch.engine = engine
            opener = TaskOpener(
                engine,
                manager=self._parts.manager,
                l1=self._parts.l1,
                rollups=self._parts.rollups,
                options=self._opening,
            )
            _log.info("ready", url=self.url)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._loop("core", self._options.tick_interval, engine.tick))
                if settler is not None:
                    interval = self._options.settle_interval
                    group.create_task(self._loop("settlement", interval, settler.tick))
                for item in self._parts.sources:
                    group.create_task(self._feed(item, opener))

    async def _opened(self, stack: AsyncExitStack, lease: Lease) -> OpenedCore:
        """Open a core and have it recover, as often as it takes."""
        self._board.add("recovery", grace=_LEAST_GRACE)
        while True:
            attempt = AsyncExitStack()
            try:
                # Without them the core could not read back what it has on disk.
                for committee in self._parts.committees:
                    await learn_rollup(self._parts.manager, committee, self._parts.rollups)
                core = await attempt.enter_async_context(
                    self._parts.engine(lease, self._lead.confirm)
                )
                await core.engine.recover()
            except CoproveError as error:
                await attempt.aclose()
                self._note("recovery", error)
                await asyncio.sleep(self._options.retry_interval)
            except BaseException:
                await attempt.aclose()
                raise
            else:
                await stack.enter_async_context(attempt)
                self._board.remove("recovery")
                return core

    async def _feed(self, item: ScheduledSource, opener: TaskOpener) -> None:
        source = item.source

        async def step() -> None:
            drafts = await source.poll()
            self._metrics.set(names.DRAFTS, len(drafts), source=source.name)
            for draft in drafts:
                if await opener.open(draft):
                    self._metrics.inc(names.OPENED, source=source.name)

        await self._loop(f"source {source.name}", item.interval, step)

    async def _sync(self) -> None:
        tip = await self._parts.registry.sync()
        self._metrics.set(names.REGISTRY_BLOCK, tip.number)
        self._metrics.set(names.REGISTRY_REORGS, self._parts.registry.reorgs)

    async def _loop(
        self, name: str, interval: float, step: Callable[[], Awaitable[object]]
    ) -> None:
        """Do a step for ever: what fails is counted, told, and tried again."""
        self._board.add(name, grace=max(_LEAST_GRACE, _MISSED * interval), first=_FIRST_GRACE)
        try:
            while True:
                try:
                    await step()
                except (NotLeadingError, LeaseLostError):
                    raise
                except Exception as error:  # noqa: BLE001 - a defect must not stop the others
                    self._note(name, error)
                else:
                    self._board.worked(name)
                await asyncio.sleep(interval)
        finally:
            self._board.remove(name)

    def _note(self, name: str, error: Exception) -> None:
        self._board.failed(name, error)
        self._metrics.inc(names.LOOP_FAILURES, loop=name, error=type(error).__name__)
        tell = _log.warning if isinstance(error, CoproveError) else _log.error
        tell("a loop failed", loop=name, error=error)


async def serve(aggregator: Callable[[], AbstractAsyncContextManager[Aggregator]]) -> None:
    """Run an aggregator until SIGTERM or SIGINT."""
    await until_signal(aggregator, Aggregator.wait, lambda: _log.info("stopping"))
