"""The L1 keeps its chain over a stop and over a kill."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from coprove.contracts.foundry_tools import free_port
from coprove.devnet.l1 import L1_CHAIN_ID, AnvilL1, answers
from coprove.devnet.supervisor import ChildSpec, Supervisor
from coprove.rpc import JsonRpcTransport, L1Client
from coprove.rpc.http import Json

pytestmark = pytest.mark.anvil


@pytest.fixture
def l1(tmp_path: Path) -> AnvilL1:
    return AnvilL1(port=free_port(), state_file=tmp_path / "l1" / "state.json", block_time=1)


async def start(l1: AnvilL1, tmp_path: Path) -> Supervisor:
    supervisor = Supervisor()
    await supervisor.start(
        ChildSpec(
            name="l1",
            command=l1.command,
            log_path=tmp_path / "l1.log",
            ready=lambda: answers(l1.url),
        )
    )
    return supervisor


async def test_it_deploys_at_once_then_mines_by_the_clock(l1: AnvilL1, tmp_path: Path) -> None:
    """Before end_deployment every transaction has its block; after it blocks come by time."""
    supervisor = await start(l1, tmp_path)
    async with JsonRpcTransport(l1.url) as transport:
        client = L1Client(transport)
        assert await client.chain_id() == L1_CHAIN_ID
        assert await client.block_number() == 0
        await transport.call("eth_sendTransaction", [await transfer(transport)])
        await mined(client, 1)
        await asyncio.sleep(2.5)
        assert await client.block_number() == 1
        await l1.end_deployment(transport)
        await mined(client, 3)
    await supervisor.stop_all()


async def test_a_killed_l1_comes_back_with_the_saved_chain(l1: AnvilL1, tmp_path: Path) -> None:
    """Same hashes up to the save, and it goes on mining by itself."""
    supervisor = await start(l1, tmp_path)
    async with JsonRpcTransport(l1.url) as transport:
        client = L1Client(transport)
        await transport.call("eth_sendTransaction", [await transfer(transport)])
        await l1.end_deployment(transport)
        await mined(client, 2)
        saved = await client.header("latest")
        await l1.save(transport)
        state = supervisor.states["l1"]
        os.kill(state.pid or 0, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while state.restarts == 0 or not state.ready:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        again = await client.header(saved.header.number)
        assert again.hash == saved.hash
        await mined(client, saved.header.number + 1)
        first = await client.header(saved.header.number + 1)
        assert first.header.parent_hash == saved.hash
    await supervisor.stop_all()


async def mined(client: L1Client, number: int) -> None:
    """Wait until the head is `number` or above: anvil answers before it mines."""
    deadline = time.monotonic() + 30
    while await client.block_number() < number:
        assert time.monotonic() < deadline, f"L1 block {number} did not come"
        await asyncio.sleep(0.05)


async def transfer(transport: JsonRpcTransport) -> dict[str, Json]:
    accounts = await transport.call("eth_accounts")
    assert isinstance(accounts, list)
    return {"from": accounts[0], "to": accounts[1], "value": "0x1"}
