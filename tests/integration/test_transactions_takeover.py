"""Two senders against one PostgreSQL: the next leader goes on with what the last one sent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coprove.storage import TransactionLog, open_store
from coprove.storage.errors import LeaseHeldError, StoreUnavailableError
from tests.integration.anvil_l1 import DEPLOYER, L1, running_l1
from tests.integration.transaction_leader import KEY, LATE, TO
from tests.intent_stores import SCOPE

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from coprove.storage import RequestStore
    from tests.postgres import PostgresServer

pytestmark = pytest.mark.anvil

ROOT = Path(__file__).resolve().parents[2]
TTL = 4.0
"""Lease of the other process, in seconds."""
ME = DEPLOYER.address


@pytest.fixture
async def l1() -> AsyncIterator[L1]:
    async with running_l1() as running:
        await running.automine(on=False)
        yield running


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    return postgres.new_database()


@asynccontextmanager
async def _leader(database: str, l1: L1, mode: str) -> AsyncIterator[Process]:
    """Run the other process until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.integration.transaction_leader", database, l1.transport.name),
        *(str(TTL), mode),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _line(process: Process, start: str) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        if line.decode().startswith(start):
            return
    raise AssertionError(f"the process ended before it said {start!r}")


async def _taken_over(store: RequestStore) -> TransactionLog:
    """Stand by until the lead is free, and take it."""
    while True:
        try:
            return TransactionLog(store, await store.acquire("new", 3600.0))
        except (LeaseHeldError, StoreUnavailableError):
            await asyncio.sleep(0.05)


async def _mine_until(l1: L1, settled: asyncio.Task[object]) -> None:
    while not settled.done():
        await l1.mine()
        await asyncio.sleep(0.05)


async def _received(l1: L1) -> int:
    return int(str(await l1.rpc("eth_getBalance", str(TO), "latest")), 16)


async def test_the_next_leader_awaits_the_transaction_of_one_that_died(
    l1: L1, database: str
) -> None:
    """Killed with its transaction in the pool: same nonce, same bytes, one effect."""
    async with _leader(database, l1, "send") as old, await open_store(database, SCOPE) as store:
        await _line(old, "sent")
        old.kill()
        await old.wait()
        log = await _taken_over(store)
        (sent,) = await log.attempts(KEY)
        async with l1.manager(store=log) as manager:
            settled = asyncio.create_task(manager.send(key=KEY, to=TO, value=1))
            await _mine_until(l1, settled)
            mined = await settled
        assert mined.tx_hash == sent.tx_hash
        assert list(await log.attempts(KEY)) == [sent]
        assert (await l1.nonce(ME), await _received(l1)) == (1, 1)


async def test_the_next_leader_replaces_a_transaction_that_is_stuck(l1: L1, database: str) -> None:
    """Nobody calls for it again: taken up at the start, sent dearer with the nonce that it had."""
    async with _leader(database, l1, "send") as old, await open_store(database, SCOPE) as store:
        await _line(old, "sent")
        old.kill()
        await old.wait()
        log = await _taken_over(store)
        (sent,) = await log.attempts(KEY)
        async with l1.manager(store=log, resubmit_after=0.0) as manager:
            while (mined := await manager.outcome(KEY)) is None:
                if len(await log.attempts(KEY)) > 1:
                    await l1.mine()
                await asyncio.sleep(0.05)
        attempts = await log.attempts(KEY)
        assert attempts[0] == sent
        assert {attempt.nonce for attempt in attempts} == {sent.nonce}
        assert mined.tx_hash in {attempt.tx_hash for attempt in attempts[1:]}
        assert (await l1.nonce(ME), await _received(l1)) == (1, 1)


@pytest.mark.parametrize("mode", ["send", "pause"])
async def test_a_leader_that_was_paused_sends_nothing_of_its_own_when_it_wakes(
    l1: L1, database: str, mode: str
) -> None:
    """Paused with its transaction in the pool, or with the signed bytes in its hand, which another
    one sent meanwhile: nothing happens twice, and it can neither store nor send anything new.
    """
    async with _leader(database, l1, mode) as old, await open_store(database, SCOPE) as store:
        await _line(old, "sent" if mode == "send" else "confirmed")
        if mode == "send":
            old.send_signal(signal.SIGSTOP)
        await asyncio.to_thread(os.waitid, os.P_PID, old.pid, os.WSTOPPED | os.WNOWAIT)
        log = await _taken_over(store)
        async with l1.manager(store=log) as manager:
            settled = asyncio.create_task(manager.send(key=KEY, to=TO, value=1))
            await _mine_until(l1, settled)
            await settled
        old.send_signal(signal.SIGCONT)
        assert old.stdout is not None
        said = (await old.stdout.read()).decode()
        assert "refused late LeaseLostError" in said
        await l1.mine()
        assert await log.get(LATE) is None
        assert len(await log.attempts(KEY)) == 1
        assert (await l1.nonce(ME), await _received(l1)) == (1, 1)
