"""The proposer as a service on live nodes: ready when it does its duty, and no word more."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest

from coprove.config import load_settings
from coprove.config.wiring import proposer_settings
from coprove.contracts.foundry_tools import free_port
from coprove.proposer import ProposerService, open_chains
from coprove.proposer import service as service_module
from coprove.prover.pool import RangePool
from coprove.rpc import EndpointOptions, RetryPolicy
from coprove.storage import RequestStore, open_store
from coprove.storage.errors import StoreUnavailableError
from tests.acceptance.relay import Relay
from tests.integration.anvil_l1 import PROPOSER
from tests.integration.test_operators import Place, place
from tests.unit.proposer.bench import ASSIGNED, FakeBackend
from tests.unit.prover.server.lab import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

pytestmark = pytest.mark.anvil
LEADING = "coprove_proposer_leading 1.0"
STANDING_BY = "coprove_proposer_leading 0.0"


class Running:
    """A service that runs as a task, and its probes."""

    def __init__(self, proposer: ProposerService, port: int) -> None:
        """Begin to run it."""
        self.proposer, self.url = proposer, f"http://127.0.0.1:{port}"
        self.task = asyncio.create_task(proposer.run())

    async def get(self, path: str) -> tuple[int, str]:
        assert not self.task.done(), self.task.exception()
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(self.url + path) as answer,
            ):
                return answer.status, await answer.text()
        except aiohttp.ClientConnectorError:
            return 0, ""

    async def is_ready(self) -> bool:
        return (await self.get("/readyz"))[0] == 200

    async def is_not_ready(self) -> bool:
        return (await self.get("/readyz"))[0] == 503

    async def measures(self, line: str) -> bool:
        return line in (await self.get("/metrics"))[1].splitlines()

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Away:
    """A store that can go away."""

    def __init__(self, store: RequestStore) -> None:
        """It is there."""
        self._store, self.is_away = store, False

    def __getattr__(self, name: str) -> Any:
        """Give what the store has, or what fails."""
        if not self.is_away:
            return getattr(self._store, name)

        async def fail(*_: object, **__: object) -> None:
            raise StoreUnavailableError("the database is away")

        return fail


@dataclass
class Lab:
    """What services of these tests share."""

    setup: Place
    relay: Relay
    folder: Path
    stack: AsyncExitStack

    async def service(
        self, name: str, *, wrap: Callable[[RequestStore], object] = lambda store: store
    ) -> Running:
        """Run another proposer on the one database; its proofs are never ready."""
        port = free_port()
        environment = self.setup.environment | {
            "L1_RPC": self.relay.url,
            "DB_PATH": str(self.folder / name),
            "METRICS_PORT": str(port),
            "POLL_INTERVAL": "0.05",
            "COPROVE_PROPOSER_LEASE": "2",
        }
        settings = proposer_settings(load_settings(environment=environment))
        endpoint = EndpointOptions(
            timeout=5.0, retry=RetryPolicy(attempts=2, base_delay=0.01, max_delay=0.05)
        )
        chains = await self.stack.enter_async_context(open_chains(settings, endpoint))
        store = await open_store(f"sqlite:///{self.folder / 'requests.sqlite'}", chains.scope)
        await self.stack.enter_async_context(store)
        pool = RangePool(1)
        self.stack.callback(pool.close)
        running = Running(
            ProposerService(
                settings,
                chains,
                store=cast("RequestStore", wrap(store)),
                backend=FakeBackend(is_simulated=True, answers=lambda _job: ASSIGNED),
                pool=pool,
                signer=PROPOSER,
            ),
            port,
        )
        self.stack.push_async_callback(running.stop)
        return running


@asynccontextmanager
async def lab(folder: Path) -> AsyncIterator[Lab]:
    async with (
        place(folder) as setup,
        Relay(setup.l1.transport.name) as relay,
        AsyncExitStack() as stack,
    ):
        yield Lab(setup, relay, folder, stack)


@pytest.fixture
def _soon_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "_LEAST_STALE_SECONDS", 0.5)


async def test_leader_and_standby_are_ready_and_a_stop_hands_over(tmp_path: Path) -> None:
    """Stopped, a leader leaves no task behind and its lease is free at once."""
    async with lab(tmp_path) as found:
        first = await found.service("one")
        await until(lambda: first.measures(LEADING))
        await until(first.is_ready)
        await until(lambda: first.measures("coprove_proposer_l2_finalized_block 118.0"))
        assert (await first.get("/healthz"))[0] == 200
        second = await found.service("two")
        await until(second.is_ready)
        assert await second.measures(STANDING_BY)
        assert first.proposer.is_leading
        assert not second.proposer.is_leading
        before = asyncio.all_tasks() - {first.task}
        await first.stop()
        assert first.task.cancelled()
        left = {task.get_name() for task in asyncio.all_tasks() - before}
        assert not {"lease", "term"} & left
        await until(lambda: second.measures(LEADING))
        await until(second.is_ready)


@pytest.mark.usefixtures("_soon_stale")
async def test_a_leader_whose_nodes_are_away_is_not_ready_until_they_are_back(
    tmp_path: Path,
) -> None:
    """It still lives and leads; each kind of node counts."""
    async with lab(tmp_path) as found:
        running = await found.service("one")
        await until(running.is_ready)
        found.setup.replay.faults.fault_rate = 1.0
        await until(running.is_not_ready)
        assert (await running.get("/healthz"))[0] == 200
        assert await running.measures(LEADING)
        found.setup.replay.faults.fault_rate = 0.0
        await until(running.is_ready)
        found.relay.is_cut = True
        await until(running.is_not_ready)
        found.relay.is_cut = False
        await until(running.is_ready)


async def test_without_its_database_nobody_is_ready(tmp_path: Path) -> None:
    """Neither leader nor standby knows then whether it may act; both come back by themselves."""
    async with lab(tmp_path) as found:
        stores: list[Away] = []

        def wrap(store: RequestStore) -> Away:
            stores.append(Away(store))
            return stores[-1]

        leader = await found.service("one", wrap=wrap)
        await until(lambda: leader.measures(LEADING))
        standby = await found.service("two", wrap=wrap)
        await until(standby.is_ready)
        for store in stores:
            store.is_away = True
        await until(leader.is_not_ready)
        await until(standby.is_not_ready)
        for store in stores:
            store.is_away = False
        await until(leader.is_ready)
        await until(standby.is_ready)
        assert leader.proposer.is_leading != standby.proposer.is_leading


@pytest.mark.usefixtures("_soon_stale")
async def test_an_l1_that_is_away_when_a_term_begins_ends_nothing(tmp_path: Path) -> None:
    """The lead is given back, so that one with a better way to L1 may have it, and tried again."""
    async with lab(tmp_path) as found:
        first = await found.service("one")
        await until(first.is_ready)
        second = await found.service("two")
        await until(second.is_ready)
        found.relay.is_cut = True
        await first.stop()
        await until(second.is_not_ready)
        found.relay.is_cut = False
        await until(lambda: second.measures(LEADING))
        await until(second.is_ready)
