"""Killed processes and L1 reorgs: outputs go on, none is lost, none doubled, all right."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.devnets import (
    RunningDevnet,
    all_processes_of,
    processes_of,
    running_devnet,
    until,
)

from coprove.contracts.foundry_tools import free_port
from coprove.devnet.outputs import ProposedOutput
from coprove.rpc import JsonRpcTransport, RollupNodeClient

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

INTERVAL = 10


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDevnet]:
    data: Path = tmp_path_factory.mktemp("faults") / "data"
    # Small frames make channels of several transactions, so that a kill falls between them.
    with running_devnet(data, traffic=10.0, max_frame_size=400) as found:
        yield found


@contextmanager
def verifier(devnet: RunningDevnet, folder: Path) -> Iterator[str]:
    """Run a second node that has L1 alone; give its URL."""
    settings = json.loads((devnet.data_dir / "config" / "node.json").read_text())
    port = free_port()
    settings |= {"data_dir": str(folder / "verifier"), "http_port": port, "sequencer": False}
    config = folder / "verifier.json"
    config.write_text(json.dumps(settings))
    with (
        (folder / "verifier.log").open("w") as log,
        subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "coprove.devnet.node", "--config", str(config)],
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


async def check_outputs(devnet: RunningDevnet) -> list[ProposedOutput]:
    """Outputs follow each other by the interval, one transaction each, with the node's roots."""
    outputs = await devnet.outputs()
    assert [item.l2_block for item in outputs] == [
        INTERVAL * (place + 1) for place in range(len(outputs))
    ]
    assert len({item.tx_hash for item in outputs}) == len(outputs)
    for item in outputs:
        assert (await devnet.node().output_at_block(item.l2_block)).root == item.root
    return outputs


async def proposer_transactions(devnet: RunningDevnet) -> list[str]:
    """Hashes of all canonical L1 transactions to the oracle, and none of them reverted."""
    client = devnet.l1()
    found: list[str] = []
    for number in range(await client.block_number() + 1):
        block: Any = await client.transport.call("eth_getBlockByNumber", [hex(number), True])
        for tx in block["transactions"]:
            if str(tx["to"]).lower() == devnet.manifest.oracle.lower():
                receipt: Any = await client.transport.call(
                    "eth_getTransactionReceipt", [tx["hash"]]
                )
                assert receipt["status"] == "0x1", tx
                found.append(tx["hash"])
    return found


async def next_final_output(devnet: RunningDevnet, beyond: int = 0) -> ProposedOutput:
    outputs = await devnet.outputs()
    last = outputs[-1].l2_block if outputs else 0
    return await devnet.final_output_above(last + INTERVAL * (1 + beyond))


async def test_killed_batcher_and_proposer_lose_and_double_nothing(
    devnet: RunningDevnet,
) -> None:
    """Killed at several moments, some of them in the middle of a channel or a proposal."""
    try:
        await devnet.final_output_above(INTERVAL)
        for pause in (0.0, 0.7, 1.6, 2.9):
            await asyncio.sleep(pause)
            for name in ("proposer", "batcher"):
                old = devnet.kill(name)

                async def is_back(name: str = name, old: int = old) -> bool:
                    return processes_of(devnet.data_dir).get(name, old) != old

                await until(f"{name} back", is_back, 20)

        async def intends() -> bool:
            rows = devnet.store(
                "SELECT COUNT(*) FROM intents WHERE kind = 'proposal' AND state = 'open'"
            )
            return bool(rows[0][0])

        await until("a proposal under way", intends)
        devnet.kill("proposer")
        await next_final_output(devnet)
        outputs = await check_outputs(devnet)
        calls = await proposer_transactions(devnet)
        proposing = {str(item.tx_hash) for item in outputs}
        assert proposing <= set(calls)
        # One proposal and at most one checkpoint each (one may serve several outputs), however
        # often the processes died; a checkpoint may be under way for the output that comes next.
        assert 1 <= len(calls) - len(proposing) <= len(outputs) + 1
        proposals = devnet.store("SELECT key FROM intents WHERE kind = 'proposal'")
        assert all(key.endswith("-1") for (key,) in proposals)
        asked = devnet.store(
            "SELECT kind, start_block, end_block, COUNT(*) FROM requests "
            "WHERE proof_id IS NOT NULL GROUP BY kind, start_block, end_block"
        )
        assert {count for *_, count in asked} == {1}, asked
    finally:
        await devnet.close()


@pytest.mark.parametrize("depth", [2, 5])
async def test_an_l1_reorg_is_survived(devnet: RunningDevnet, tmp_path: Path, depth: int) -> None:
    """Heads move on, outputs stay right, and a node that has L1 alone sees the same chain."""
    try:
        await devnet.final_output_above(INTERVAL)
        before = await devnet.node().sync_status()
        await devnet.l1().transport.call("anvil_reorg", [depth, []])
        replaced = await devnet.l1().header(before.head_l1.number)
        assert replaced.hash != before.head_l1.hash

        async def has_moved() -> bool:
            now = await devnet.node().sync_status()
            return (
                now.unsafe_l2.number > before.unsafe_l2.number
                and now.safe_l2.number > before.unsafe_l2.number
            )

        await until("unsafe and safe heads move on", has_moved, 90)
        await next_final_output(devnet)
        await check_outputs(devnet)
        status = await devnet.node().sync_status()
        with verifier(devnet, tmp_path) as url:
            async with JsonRpcTransport(url) as transport:
                second = RollupNodeClient(transport)

                async def has_caught_up() -> bool:
                    return (await second.sync_status()).safe_l2.number >= status.safe_l2.number

                await until("the second node catches up", has_caught_up, 60)
                for number in range(1, status.safe_l2.number + 1):
                    mine = await second.output_at_block(number)
                    assert mine == await devnet.node().output_at_block(number)
    finally:
        await devnet.close()


async def test_a_killed_l1_and_node_come_back(devnet: RunningDevnet) -> None:
    """anvil resumes from its last save; outputs go on."""
    try:
        await devnet.final_output_above(INTERVAL)
        devnet.kill("node")
        await next_final_output(devnet)
        devnet.kill("l1")
        time.sleep(1)  # noqa: ASYNC251 - nothing else runs here
        await next_final_output(devnet)
        await check_outputs(devnet)
    finally:
        await devnet.close()


def test_a_killed_supervisor_leaves_no_process(tmp_path: Path) -> None:
    """kill -9 of the command itself."""
    with running_devnet(tmp_path / "data") as devnet:
        assert len(processes_of(devnet.data_dir)) == 5
        os.kill(devnet.process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while all_processes_of(devnet.data_dir):
            assert time.monotonic() < deadline
            time.sleep(0.1)
