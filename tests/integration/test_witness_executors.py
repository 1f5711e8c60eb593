"""Work in processes and on a real Dask cluster; workers that are killed under a task."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from coprove.errors import InputError, Temporary
from coprove.program import run_range
from coprove.rpc import RateLimitedError, RpcError
from coprove.types import Hash32
from coprove.witness import (
    CollectTask,
    DaskExecutor,
    LiveEndpoints,
    LiveOptions,
    ProcessExecutor,
    RangeNotSafeError,
    WorkerLostError,
    WorkExecutor,
    collect_in,
    execute_in,
    open_executor,
)
from tests.integration.executor_tasks import double, fail, wait_for_leave
from tests.integration.ranges import range_input, recording
from tests.replay import ReplayChain, ReplayServer
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from distributed import LocalCluster

KINDS = ["processes", "dask"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A scheduler and two workers in processes of their own, on this machine."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        worker_dashboard_address=None,
    ) as found:
        yield found


@asynccontextmanager
async def executor(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[WorkExecutor]:
    """An executor of this kind, closed afterwards."""
    if kind == "dask":
        address = request.getfixturevalue("cluster").scheduler_address
        found = await open_executor(workers=1, dask=address)
        assert isinstance(found, DaskExecutor)
    else:
        found = await open_executor(workers=2)
        assert isinstance(found, ProcessExecutor)
    try:
        yield found
    finally:
        found.close()


def seen(folder: Path) -> set[int]:
    """The workers that were in a task."""
    return {int(path.name.removeprefix("pid-")) for path in folder.glob("pid-*")}


async def killed(folder: Path, before: set[int]) -> int:
    """Wait for a worker that was not seen before to be in its task, and kill it."""
    while True:
        if fresh := seen(folder) - before:
            victim = fresh.pop()
            os.kill(victim, signal.SIGKILL)
            return victim
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("kind", KINDS)
async def test_results_come_back(kind: str, request: pytest.FixtureRequest) -> None:
    """Several tasks at once, each with its own result."""
    async with executor(kind, request) as work:
        assert work.workers == 2
        found = await asyncio.gather(*(work.run(double, value) for value in range(8)))
    assert found == [2 * value for value in range(8)]


@pytest.mark.parametrize("kind", KINDS)
async def test_errors_come_back_with_what_they_carry(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """Typed, with attributes; what no pickle carries comes as text."""
    async with executor(kind, request) as work:
        with pytest.raises(InputError) as wrong:
            await work.run(fail, "input")
        with pytest.raises(RateLimitedError) as limited:
            await work.run(fail, "limit")
        with pytest.raises(RpcError) as refused:
            await work.run(fail, "rpc")
    assert wrong.value.what == "a field"
    assert wrong.value.expected == Hash32(b"\x01" * 32)
    assert wrong.value.actual == "odd"
    assert limited.value.retry_after == 2.5
    assert isinstance(limited.value, Temporary)
    assert refused.value.code == -32000


@pytest.mark.parametrize("kind", KINDS)
async def test_a_task_whose_worker_is_killed_runs_again_elsewhere(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The first worker dies in the middle of the task; the result is right all the same."""
    async with executor(kind, request) as work:
        task = asyncio.create_task(work.run(wait_for_leave, str(tmp_path), 12))
        victim = await killed(tmp_path, set())
        (tmp_path / "leave").touch()
        assert await task == 144
        assert seen(tmp_path) > {victim}
        assert await work.run(double, 21) == 42


async def test_a_task_that_kills_every_worker_is_given_up(tmp_path: Path) -> None:
    """It may be the task's own fault: after some deaths the caller is told."""
    work = ProcessExecutor(1, attempts=2)
    try:
        task = asyncio.create_task(work.run(wait_for_leave, str(tmp_path), 3))
        first = await killed(tmp_path, set())
        await killed(tmp_path, {first})
        with pytest.raises(WorkerLostError):
            await task
        assert await work.run(double, 4) == 8
    finally:
        work.close()


async def test_a_scheduler_that_is_not_there_is_a_typed_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Waiting may help: the cluster may come up."""
    pytest.importorskip("distributed")
    monkeypatch.setattr("coprove.witness.executors._CONNECT_SECONDS", 0.2)
    with pytest.raises(WorkerLostError, match="Dask scheduler"):
        await open_executor(workers=1, dask="tcp://127.0.0.1:1")


@pytest.mark.parametrize("kind", KINDS)
async def test_ranges_are_collected_and_executed_in_workers(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Two ranges at once from one server through one cache; the claim is the recorded one."""
    chain = ReplayChain(recording_dir("calldata"))
    options = LiveOptions(
        l1_config=chain.l1_config, rollup_config=recording("calldata").rollup_config_json
    )
    async with executor(kind, request) as work, ReplayServer(chain) as server:
        endpoints = LiveEndpoints(l1=server.url("l1"), l2=server.url("l2"), node=server.url("node"))
        tasks = [
            CollectTask(
                endpoints=endpoints,
                from_block=start,
                to_block=start + 10,
                options=options,
                cache_path=str(tmp_path / "cache"),
            )
            for start in (40, 50)
        ]
        inputs = await asyncio.gather(*(collect_in(work, task) for task in tasks))
        reports = await asyncio.gather(*(execute_in(work, data) for data in inputs))
        with pytest.raises(RangeNotSafeError):
            await collect_in(
                work,
                CollectTask(
                    endpoints=endpoints,
                    from_block=50,
                    to_block=57,
                    l1_head=30,
                    options=options,
                ),
            )
    for task, data, report in zip(tasks, inputs, reports, strict=True):
        recorded = range_input("calldata", task.from_block, task.to_block)
        assert report.boot_info == run_range(recorded.encode()) == run_range(data)
