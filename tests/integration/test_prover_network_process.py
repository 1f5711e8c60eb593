"""The network as a process of its own that is killed."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest

from coprove.devnet.probe import is_healthy
from coprove.devnet.prover_network.settings import load_network_settings
from coprove.errors import InputError, Temporary
from coprove.prover import Fulfillment
from coprove.prover.pool import RangePool
from tests.integration.prover_lab import ProverLab, network_settings
from tests.unit.prover.zk.jobs import MemoryIntents, range_job, settled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def pool() -> Iterator[RangePool]:
    pool = RangePool(1)
    yield pool
    pool.close()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]
    finally:
        for one in held:
            one.close()


async def started(config: Path, http_port: int) -> asyncio.subprocess.Process:
    """Start the network's process and wait until it answers."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "coprove.devnet.prover_network", "--config", str(config)
    )
    while not await is_healthy(http_port):
        assert process.returncode is None
        await asyncio.sleep(0.05)
    return process


async def test_a_killed_network_comes_back_with_all_it_accepted(
    tmp_path: Path, pool: RangePool
) -> None:
    """Killed with a request open, started again: fulfilled, requested once, its proof served."""
    grpc_port, http_port = free_ports(2)
    values = network_settings(
        tmp_path / "network", grpc_port=grpc_port, http_port=http_port, delay=3.0
    ).model_dump(mode="json")
    config = tmp_path / "network.json"
    config.write_text(json.dumps(values | {"data_dir": "network"}))
    backend = ProverLab(tmp_path, pool).backend(f"http://127.0.0.1:{grpc_port}")
    job, intents = range_job(tmp_path, 0, 2), MemoryIntents()
    process = await started(config, http_port)
    try:
        proof_id = await backend.submit(job, intents)
        process.kill()
        await process.wait()
        with pytest.raises(Temporary):
            await backend.status(proof_id)
        process = await started(config, http_port)
        while True:
            try:
                assert await backend.submit(job, intents) == proof_id
                status = await settled(backend, proof_id)
                break
            except Temporary:
                await asyncio.sleep(0.05)  # the connection is still being made anew
        assert status.fulfillment is Fulfillment.FULFILLED, status
        assert await backend.proof(proof_id)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{http_port}/control/requests") as answer,
        ):
            found = await answer.json()
        assert list(found["by_stdin"].values()) == [1]
        process.terminate()
        assert await process.wait() == 0
    finally:
        await backend.close()
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_settings_name_what_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "network.json"
    for text, expected in (("{", "JSON"), ('{"data_dir": "x"}', "range_vkey_hash")):
        config.write_text(text)
        with pytest.raises(InputError, match=expected):
            load_network_settings(config)
    with pytest.raises(InputError, match="readable"):
        load_network_settings(tmp_path / "absent.json")
