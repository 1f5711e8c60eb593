"""Two processes against one PostgreSQL: one leads, and the other takes over whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from coprove.storage import (
    IntentKind,
    IntentState,
    Lease,
    RequestStore,
    engine,
    open_ledger,
    open_store,
)
from coprove.storage.errors import LeaseHeldError, StoreUnavailableError
from tests.integration.storage_spender import DAY
from tests.integration.storage_writer import PAUSE_SECONDS, SCOPE, plan_one

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from tests.postgres import PostgresServer

ROOT = Path(__file__).resolve().parents[2]
TTL = 4.0
"""Lease of the processes, in seconds."""


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOCK_SECONDS", PAUSE_SECONDS)


@asynccontextmanager
async def _writer(url: str, mode: str = "loop") -> AsyncIterator[Process]:
    """Run the other process until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.integration.storage_writer", url, "old", str(TTL), mode),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _line(process: Process, start: str) -> str:
    """Return the next line that begins with `start`, passing over others."""
    assert process.stdout is not None
    async for line in process.stdout:
        if line.decode().startswith(start):
            return line.decode().strip()
    raise AssertionError(f"the process ended before it said {start!r}")


async def _stopped(process: Process) -> None:
    """Wait until the kernel says that the process is stopped."""
    await asyncio.to_thread(os.waitid, os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


async def _taken_over(store: RequestStore) -> Lease:
    """Stand by until the lead is free, and take it."""
    while True:
        try:
            return await store.acquire("new", 3600.0)
        except (LeaseHeldError, StoreUnavailableError):
            await asyncio.sleep(0.05)


async def _check_handover(store: RequestStore) -> None:
    """All that the old leader planned was planned before all of the new one's, in one path."""
    ranges = await store.live_ranges()
    holders = [request.backend for request in sorted(ranges, key=lambda request: request.id)]
    assert set(holders) <= {"old", "new"}
    assert holders == sorted(holders, reverse=True)
    assert [request.blocks.start for request in ranges] == list(range(len(ranges)))


async def test_a_leader_that_was_paused_past_its_lease_writes_nothing(
    postgres: PostgresServer,
) -> None:
    """Stopped in the middle of its work, it wakes up when another leads: every write fails."""
    url = postgres.new_database()
    async with _writer(url) as old, await open_store(url, SCOPE) as store:
        await _line(old, "leading 1")
        await _line(old, "planned 3")
        with pytest.raises(LeaseHeldError):
            await store.acquire("new", 60.0)
        old.send_signal(signal.SIGSTOP)
        await _stopped(old)
        lease = await _taken_over(store)
        assert lease.token == 2
        for _ in range(3):
            await plan_one(store, lease, "new")
        before = (await store.find(), await store.open_intents(), await store.checkpoints())
        old.send_signal(signal.SIGCONT)
        assert old.stdout is not None
        said = (await old.stdout.read()).decode().split("\n")
        # Lines from before it was stopped, then that it lost; a broken connection is no write.
        after = [line for line in said if line.startswith(("refused", "WRITTEN"))]
        assert len(after) == 22
        assert not [line for line in after if line.startswith("WRITTEN")]
        assert await old.wait() == 0
        after_it = (await store.find(), await store.open_intents(), await store.checkpoints())
        assert after_it == before
        await store.check(lease)
        await _check_handover(store)
        (intent,) = await store.open_intents(IntentKind.PROPOSAL)
        assert intent.state is IntentState.OPEN


async def test_a_leader_paused_inside_a_transaction_does_not_hold_up_its_successor(
    postgres: PostgresServer,
) -> None:
    """It holds the lock of the lease; the server ends its transaction, which changes nothing."""
    url = postgres.new_database()
    async with _writer(url, "inside") as old, await open_store(url, SCOPE) as store:
        await _line(old, "leading 1")
        await _stopped(old)
        lease = await _taken_over(store)
        assert await store.find() == []
        await plan_one(store, lease, "new")
        old.send_signal(signal.SIGCONT)
        assert old.stdout is not None
        said = (await old.stdout.read()).decode().split()
        assert "StoreUnavailableError" in said
        assert said.count("refused") == 22
        assert "WRITTEN" not in said
        assert len(await store.find()) == 1
        await _check_handover(store)


async def test_a_standby_takes_over_from_a_leader_that_was_killed(
    postgres: PostgresServer,
) -> None:
    """Once the lease has run out, without anybody's help; nothing is lost or done twice."""
    url = postgres.new_database()
    async with _writer(url) as old, await open_store(url, SCOPE) as store:
        await _line(old, "planned 2")
        old.kill()
        await old.wait()
        killed_with = await store.live_ranges()
        assert len(killed_with) >= 2
        lease = await _taken_over(store)
        await plan_one(store, lease, "new")
        assert (await store.live_ranges())[:-1] == killed_with
        await _check_handover(store)


async def test_broken_connections_are_replaced(postgres: PostgresServer) -> None:
    """The server ended every session, as when it restarts: the next call finds a new one."""
    url = postgres.new_database()
    async with await open_store(url, SCOPE) as store:
        lease = await store.acquire("one", 3600.0)
        await store.reanchor(lease, 0)
        _end_sessions(url)
        assert await plan_one(store, lease, "one") == 1


def _sessions(connection: psycopg.Connection[tuple[int]]) -> list[int]:
    rows = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid()"
    )
    return [pid for (pid,) in rows]


def _end_sessions(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        pids = _sessions(connection)
        assert pids
        for pid in pids:
            connection.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))


async def test_a_server_that_hangs_is_given_up(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No call waits for ever: one that hangs ends as unavailable, and the store goes on."""
    url = postgres.new_database()
    async with await open_store(url, SCOPE) as store:
        lease = await store.acquire("one", 3600.0)
        monkeypatch.setattr(engine, "TRANSACTION_SECONDS", 0.5)
        with psycopg.connect(url, autocommit=True) as connection:
            (session,) = _sessions(connection)
            os.kill(session, signal.SIGSTOP)
            try:
                with pytest.raises(StoreUnavailableError):
                    await store.reanchor(lease, 0)
            finally:
                os.kill(session, signal.SIGCONT)
        monkeypatch.undo()
        await store.reanchor(lease, 0)
        assert await store.anchor() == 0


@asynccontextmanager
async def _spender(url: str, name: str, limit: int) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.integration.storage_spender", url, name, str(limit)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _spend(process: Process, times: int) -> None:
    """Have it spend so many times at most, once it is ready."""
    await _line(process, "ready")
    assert process.stdin is not None
    process.stdin.write(f"{times}\n".encode())
    await process.stdin.drain()


async def test_two_processes_spend_one_budget(postgres: PostgresServer) -> None:
    """At the same time, and never beyond its limit; what a third one counted stays counted when
    it is killed.
    """
    url, limit = postgres.new_database(), 60
    async with (
        _spender(url, "one", limit) as one,
        _spender(url, "two", limit) as two,
        _spender(url, "three", limit) as three,
    ):
        await _spend(one, 2)
        await _line(one, "one-1")
        one.kill()
        await one.wait()
        # Both would take all of it.
        await asyncio.gather(_spend(two, limit), _spend(three, limit))
        assert [await two.wait(), await three.wait()] == [0, 0]
    async with await open_ledger(url) as ledger:
        assert await ledger.spent(DAY) == (limit, limit * 10**18)
        assert await ledger.reserve("one-1", day=DAY, backend="network", amount=1, max_requests=0)
