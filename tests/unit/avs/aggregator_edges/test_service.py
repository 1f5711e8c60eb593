"""The process around the core: drafts become tasks, failures are seen, one of several leads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest

from coprove.avs.aggregator.health import HealthBoard
from coprove.avs.aggregator.lead import Lead, NotLeadingError
from coprove.avs.aggregator.metrics import ENGINE_METRICS
from coprove.avs.aggregator.opening import OpeningOptions, TaskOpener
from coprove.avs.aggregator.server import SERVER_METRICS, AggregatorServerOptions
from coprove.avs.aggregator.service import (
    Aggregator,
    AggregatorParts,
    OpenedCore,
    ScheduledSource,
    ServiceOptions,
)
from coprove.avs.aggregator.service_metrics import SERVICE_METRICS
from coprove.avs.tasks import RangeMetadata, TaskDraft
from coprove.contracts.avs import Committee, RollupPolicy
from coprove.errors import InputError
from coprove.rpc import RpcTimeoutError
from coprove.storage import Scope, open_store
from coprove.telemetry import Metrics
from coprove.types import Address, BlockId, Hash32
from tests.unit.avs.aggregator_edges.chain import MANAGER
from tests.unit.avs.aggregator_edges.server_lab import PlayedDirectory, PlayedEngine, task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from coprove.avs.aggregator.engine import AggregatorEngine
    from coprove.avs.aggregator.options import RollupIdentity
    from coprove.storage import SqlRequestStore

DRAFT = TaskDraft(
    committee_id=1,
    metadata=RangeMetadata(start_block=1, end_block=10),
    l1_head=Hash32(b"\x11" * 32),
    l1_head_number=5,
)
SCOPE = Scope(l1_chain_id=1, l2_chain_id=2, contract=MANAGER)


@dataclass
class PlayedManager:
    """The service manager's answers."""

    address: Address = MANAGER
    due: int | None = 2000
    quorums: tuple[int, ...] = (0, 3)
    percent: int = 67
    policy: bool = True
    failure: Exception | None = None

    async def committee(self, committee_id: int) -> Committee | None:
        if not self.quorums:
            return None
        return Committee(
            committee_id=committee_id, description="", metadata=b"", quorums=self.quorums
        )

    async def deadline(self, _committee: int, _start: int, _end: int) -> int | None:
        return self.due

    async def threshold(self, quorum: int) -> int:
        return self.percent + quorum

    async def rollup_policy(self, _committee: int) -> RollupPolicy | None:
        if self.failure is not None:
            raise self.failure
        values: dict[str, Any] = dict.fromkeys(RollupPolicy.__dataclass_fields__, 0)
        values |= {"l2_chain_id": 901, "rollup_config_hash": Hash32(b"\x05" * 32)}
        return RollupPolicy(**values) if self.policy else None


@dataclass
class PlayedL1:
    """A head of block 50 at time 1000."""

    number: int = 50
    timestamp: int = 1000

    @property
    def header(self) -> Callable[[str], Any]:
        async def found(_: str) -> Any:
            return type("Found", (), {"header": self})()

        return found


@dataclass
class Opened:
    """Keeps what the core is asked to open."""

    given: list[dict[str, Any]] = field(default_factory=list)
    failure: Exception | None = None

    async def open(self, draft: TaskDraft, **values: Any) -> Any:
        if self.failure is not None:
            raise self.failure
        self.given.append({"draft": draft, **values})


async def until(holds: Callable[[], Awaitable[bool] | bool]) -> None:
    """Return once something is so."""
    async with asyncio.timeout(60):
        while True:
            found = holds()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.01)


def opener(
    engine: Opened, manager: PlayedManager, **options: Any
) -> tuple[TaskOpener, list[float]]:
    now = [5000.0]
    l1: Any = PlayedL1()
    any_manager: Any = manager
    made = TaskOpener(
        engine,
        manager=any_manager,
        l1=l1,
        rollups={},
        options=OpeningOptions(**options),
        clock=lambda: now[0],
    )
    return made, now


async def test_a_draft_is_issued_with_what_the_chain_says() -> None:
    """Thresholds are the contract's where these are higher; the deadline goes by L1's clock."""
    engine = Opened()
    made, _ = opener(engine, PlayedManager(), threshold=68, time_to_expiry=3600, reference_lag=3)
    assert await made.open(DRAFT)
    assert engine.given == [
        {
            "draft": DRAFT,
            "reference_block": 47,
            "quorums": (0, 3),
            "thresholds": [68, 70],
            "expires_at": 6000,
        }
    ]


async def test_a_draft_that_comes_again_is_given_again_after_a_while_alone() -> None:
    engine = Opened()
    made, now = opener(engine, PlayedManager(), again=10)
    assert [await made.open(DRAFT) for _ in range(2)] == [True, False]
    now[0] += 11
    assert await made.open(DRAFT)
    engine.failure = RpcTimeoutError("slow")
    now[0] += 11
    for _ in range(2):
        with pytest.raises(RpcTimeoutError):
            await made.open(DRAFT)


async def test_nothing_is_issued_that_could_not_be_confirmed() -> None:
    engine = Opened()
    for due in (1000, 999, None):
        made, _ = opener(engine, PlayedManager(due=due))
        assert not await made.open(DRAFT)
    for manager in (PlayedManager(quorums=()), PlayedManager(policy=False)):
        made, _ = opener(engine, manager)
        with pytest.raises(InputError):
            await made.open(DRAFT)
    assert engine.given == []


# Health


def test_a_part_is_healthy_while_it_works_within_its_grace() -> None:
    now = [0.0]
    board = HealthBoard(clock=lambda: now[0])
    board.add("a", grace=10, first=30)
    now[0] = 29
    assert board.is_healthy
    now[0] = 30
    assert not board.is_healthy
    assert board.parts() == {"a": "nothing for 30 s"}
    board.worked("a")
    now[0] = 39
    board.failed("a", RpcTimeoutError("https://l1.example/key"))
    assert board.is_healthy
    assert board.parts() == {"a": "RpcTimeoutError for 9 s"}
    now[0] = 41
    assert not board.is_healthy
    board.remove("a")
    assert board.is_healthy


# Lead


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[SqlRequestStore]:
    async with await open_store(f"sqlite:///{folder / 'avs.sqlite'}", SCOPE) as store:
        yield store


async def test_one_leads_and_the_other_follows_when_it_ends(tmp_path: Path) -> None:
    async with database(tmp_path) as store:
        first, second = Lead(store, seconds=3.0), Lead(store, seconds=0.3)
        lease = await first.gain(lambda _: None)
        told: list[str] = []
        waiting = asyncio.create_task(second.gain(lambda error: told.append(type(error).__name__)))
        await until(lambda: bool(told))
        assert set(told) == {"LeaseHeldError"}
        await first.confirm()
        with pytest.raises(NotLeadingError):
            await second.confirm()
        await first.release()
        assert (await waiting).token > lease.token
        with pytest.raises(NotLeadingError):
            await first.confirm()


async def test_who_lost_the_lead_finds_out(tmp_path: Path) -> None:
    """By its own clock before the store says so; by the store when another leads."""
    async with database(tmp_path) as store:
        now = [0.0]
        first = Lead(store, seconds=0.2, clock=lambda: now[0])
        await first.gain(lambda _: None)
        now[0] = 1.0
        with pytest.raises(NotLeadingError):
            await first.confirm()
        with pytest.raises(NotLeadingError):
            await first.keep()


# The process


class PlayedRegistry(PlayedDirectory):
    """Syncs, or fails as a test says."""

    tip: BlockId | None = None
    reorgs = 0
    failure: Exception | None = None

    async def sync(self) -> BlockId:
        if self.failure is not None:
            raise self.failure
        self.tip = BlockId(hash=Hash32(b"\x01" * 32), number=50)
        return self.tip


class PlayedCore(PlayedEngine):
    """Opens a task for each draft."""

    recoveries = 0
    ticks = 0
    refuses_recovery = 0
    tick_failure: BaseException | None = None

    async def recover(self) -> None:
        self.recoveries += 1
        if self.recoveries <= self.refuses_recovery:
            raise RpcTimeoutError("the registry does not answer")

    async def open(self, _draft: TaskDraft, **_: Any) -> Any:
        if not self.tasks:
            await self.issue(task(1))
        return self.tasks[0]

    async def tick(self) -> None:
        self.ticks += 1
        if self.tick_failure is not None:
            raise self.tick_failure


@dataclass
class PlayedSource:
    """Has one range; fails while a test says so."""

    name: str = "played"
    failure: Exception | None = None

    async def poll(self) -> Sequence[TaskDraft]:
        if self.failure is not None:
            raise self.failure
        return [DRAFT]


@dataclass
class Running:
    """A process and what it consists of."""

    aggregator: Aggregator
    core: PlayedCore
    registry: PlayedRegistry
    source: PlayedSource
    rollups: dict[int, RollupIdentity]
    http: aiohttp.ClientSession
    metrics: Metrics

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(self.aggregator.url + path) as answer:
            return answer.status, await answer.json()

    async def until_ready(self) -> None:
        async def ready() -> bool:
            return (await self.get("/readyz"))[0] == 200

        await until(ready)

    async def part(self, name: str) -> str:
        """Return what /healthz says of a part, nothing where it is not named."""
        return str((await self.get("/healthz"))[1]["parts"].get(name, ""))

    async def until_part(self, name: str, begins: str) -> None:
        async def found() -> bool:
            return (await self.part(name)).startswith(begins)

        await until(found)

    async def fetch(self) -> Any:
        call = {
            "jsonrpc": "2.0", "id": 1, "method": "aggregator_fetchTask",
            "params": [{"prev_task_id": 0, "task_type": 3, "max_wait_secs": 30}],
        }  # fmt: skip
        async with self.http.post(self.aggregator.url, json=call) as answer:
            return await answer.json()


@asynccontextmanager
async def running(
    folder: Path, core: PlayedCore | None = None, manager: PlayedManager | None = None
) -> AsyncIterator[Running]:
    async with database(folder) as store, aiohttp.ClientSession() as http:
        metrics = Metrics((*ENGINE_METRICS, *SERVER_METRICS, *SERVICE_METRICS))
        found = core or PlayedCore()
        registry, source = PlayedRegistry(), PlayedSource()
        manager = manager or PlayedManager()
        rollups: dict[int, RollupIdentity] = {}

        @asynccontextmanager
        async def opened(_lease: Any, _guard: Any) -> AsyncIterator[Any]:
            yield OpenedCore(engine=cast("AggregatorEngine", found))

        played: dict[str, Any] = {
            "registry": registry,
            "manager": manager,
            "l1": PlayedL1(),
            "engine": opened,
        }
        parts = AggregatorParts(
            store=store,
            sources=[ScheduledSource(source=source, interval=0.02)],
            committees=[1],
            rollups=rollups,
            chain_id=1,
            **played,
        )
        aggregator = Aggregator(
            parts,
            metrics,
            server=AggregatorServerOptions(port=0, requests_per_second=0.0, stop_timeout=5.0),
            opening=OpeningOptions(),
            options=ServiceOptions(
                sync_interval=0.02, tick_interval=0.02, retry_interval=0.02, lease_seconds=3.0
            ),
        )
        async with aggregator:
            yield Running(aggregator, found, registry, source, rollups, http, metrics)


async def test_drafts_of_a_source_are_fetched_by_operators(tmp_path: Path) -> None:
    async with running(tmp_path) as made:
        await made.until_ready()
        assert (await made.fetch())["result"]["task_id"] == 1


async def test_before_it_is_ready_operators_are_told_to_come_back(tmp_path: Path) -> None:
    """While the core cannot recover, and then it does."""
    core = PlayedCore()
    core.refuses_recovery = 10**9
    async with running(tmp_path, core) as made:
        assert (await made.fetch())["error"]["code"] == 14113
        assert (await made.get("/readyz"))[0] == 503
        await until(lambda: core.recoveries >= 2)
        await made.until_part("recovery", "RpcTimeoutError")
        core.refuses_recovery = 0
        await made.until_ready()
        assert await made.part("recovery") == ""


async def test_the_core_is_not_read_back_before_rollups_are_known(tmp_path: Path) -> None:
    """It would leave tasks on disk aside."""
    core, manager = PlayedCore(), PlayedManager(failure=RpcTimeoutError("slow"))
    async with running(tmp_path, core, manager) as made:
        await made.until_part("recovery", "RpcTimeoutError")
        assert core.recoveries == 0
        manager.failure = None
        await made.until_ready()
        assert core.recoveries == 1
        assert made.rollups[1].l2_chain_id == 901


@pytest.mark.parametrize("part", ["source played", "registry", "core"])
async def test_a_loop_that_fails_is_seen_and_goes_on(tmp_path: Path, part: str) -> None:
    """With a defect as with an error that may pass; the others do not stop."""
    async with running(tmp_path) as made:
        await made.until_ready()
        for failure in (RpcTimeoutError("slow"), ZeroDivisionError("defect")):
            if part == "core":
                made.core.tick_failure = failure
            elif part == "registry":
                made.registry.failure = failure
            else:
                made.source.failure = failure
            name = type(failure).__name__
            await made.until_part(part, name)
            assert f'error="{name}",loop="{part}"' in made.metrics.render().decode()
            assert (await made.fetch())["result"]["ok"]
        made.core.tick_failure = made.registry.failure = made.source.failure = None
        await made.until_part(part, "ok")


async def test_a_lost_lead_ends_the_term_and_the_next_begins(tmp_path: Path) -> None:
    async with running(tmp_path) as made:
        await made.until_ready()
        made.core.tick_failure = NotLeadingError("lost")
        await until(lambda: made.core.recoveries >= 2)
        made.core.tick_failure = None
        await made.until_ready()
        assert (await made.fetch())["result"]["ok"]


async def test_a_standby_is_healthy_and_not_ready(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        await first.until_ready()
        async with running(tmp_path) as second:
            await second.until_part("lead", "another process leads")
            assert (await second.get("/healthz"))[0] == 200
            assert (await second.get("/readyz"))[0] == 503
            assert (await second.fetch())["error"]["code"] == 14113
            await first.aggregator.close()
            await second.until_ready()
