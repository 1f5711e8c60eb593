"""Proposer, server and prover killed at random moments: nothing lost, doubled or paid twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import urllib.request
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.devnets import RunningDevnet, processes_of, running_devnet, until
from tests.acceptance.evidence import (
    accepted_requests,
    check_contract,
    check_server,
    check_spending,
    check_store,
    drained,
    rows,
)
from tests.acceptance.operators import Operated

from coprove.contracts.foundry_tools import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

INTERVAL = 10
BLOCKS = 5
KILLS = int(os.environ.get("COPROVE_KILLS", "8"))
SEED = os.environ.get("COPROVE_KILL_SEED", "1")
LAYOUTS = ("server-network", "network", "server-mock")
"""Who proves: a server that asks the prover network, the network itself, a server with mock."""


@dataclass
class Lab:
    """A devnet and an operator's processes on it."""

    devnet: RunningDevnet
    layout: str
    operated: dict[str, Operated] = field(default_factory=dict)

    @property
    def victims(self) -> list[str]:
        names = [*self.operated, "worker"]
        return names if self.layout == "server-mock" else [*names, "prover_network"]

    @property
    def store(self) -> Path:
        return self.devnet.data_dir / "proposer" / "requests.sqlite"

    @property
    def server_dir(self) -> Path:
        return self.devnet.data_dir / "operator" / "server"

    @property
    def asking(self) -> str:
        """Who asks the network."""
        return "server" if "server" in self.operated else "proposer"

    async def has_output(self) -> bool:
        for operated in self.operated.values():
            operated.require_alive()
        return bool(await self.devnet.outputs())

    def kill(self, victims: list[str]) -> None:
        """kill -9 all of them, then start again what nobody else does."""
        for name in victims:
            if name == "prover_network":
                self.devnet.kill(name)
            elif name == "worker":
                self._kill_a_worker()
            else:
                self.operated[name].require_alive()
                self.operated[name].kill()
        for name in victims:
            if name in self.operated:
                self.operated[name].start()

    def _kill_a_worker(self) -> None:
        """Kill a process in which a program runs, if one is up at this moment."""
        parent = self.operated[self.asking].pid
        with open(f"/proc/{parent}/task/{parent}/children") as file:
            children = [int(pid) for pid in file.read().split()]
        for pid in children:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"spawn_main" in file.read():
                    os.kill(pid, signal.SIGKILL)
                    return

    def control(self, path: str, body: object = None) -> dict[str, int]:
        """Ask the network's control endpoint."""
        settings = json.loads((self.devnet.data_dir / "config" / "prover_network.json").read_text())
        request = urllib.request.Request(
            f"http://127.0.0.1:{settings['http_port']}/control/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method="GET" if body is None else "POST",
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            content = answer.read()
        found: dict[str, int] = json.loads(content) if content else {}
        return found


@asynccontextmanager
async def lab(folder: Path, layout: str) -> AsyncIterator[Lab]:
    prover = "mock" if layout == "server-mock" else "network"
    options = {"submission_interval": INTERVAL, "traffic": 2.0, "blocks_per_range": BLOCKS}
    with running_devnet(folder / "data", prover=prover, proposer=False, **options) as devnet:
        found = Lab(devnet, layout)
        config = devnet.data_dir / "operator" / "coprove.toml"
        # One account of both: what a server requests for a proposer counts once.
        budget: dict[str, object] = {
            "prover.daily_units": 10**18,
            "prover.range_estimate": 7,
            "prover.aggregation_estimate": 11,
        }
        proposer: dict[str, object] = {
            "telemetry.metrics_port": 0,
            "proposer.lease": 2,
            "proposer.poll_interval": 0.25,
            **budget,
        }
        if layout.startswith("server"):
            port = free_port()
            proposer |= {
                "prover.backend": "server",
                "prover.server_url": f"http://127.0.0.1:{port}",
                "prover.mock": layout == "server-mock",
            }
            settings = {"server.port": port, **budget}
            found.operated["server"] = Operated("server", folder, "server", config, settings)
        found.operated["proposer"] = Operated("proposer", folder, "proposer", config, proposer)
        try:
            for operated in found.operated.values():
                operated.start()
            yield found
        finally:
            for operated in found.operated.values():
                operated.close()
            await devnet.close()


async def moment(found: Lab, chance: random.Random) -> str:
    """Wait for a moment and do harm; return what was done."""
    victims = sorted(chance.sample(found.victims, chance.choice((1, 1, 1, 2))), reverse=True)
    kinds = ["any"] * 6 + ["proposal"] * 2
    if "prover_network" in found.victims:
        kinds += ["accepted"] * 2 + ["lost"]
    kind = chance.choice(kinds)
    pause = chance.uniform(0.0, 5.0)
    if kind == "any":
        await asyncio.sleep(pause)
    elif kind == "proposal":
        victims = ["proposer"]

        async def is_under_way() -> bool:
            query = "SELECT 1 FROM intents WHERE kind <> 'proof_request' AND state = 'open'"
            return bool(rows(found.store, query))

        await until("a transaction under way", is_under_way, 120)
    else:
        # The network accepts, and whoever asked never learns it: its answer is lost or it dies.
        fault = "stall" if kind == "accepted" else "lose"

        async def is_planned() -> bool:
            try:
                found.control("faults", {"method": "RequestProof", "kind": fault})
            except OSError:
                return False
            return True

        await until("the network is up", is_planned, 60)
        before = found.control("calls").get("RequestProof", 0)

        async def is_accepted() -> bool:
            return found.control("calls").get("RequestProof", 0) > before

        await until("a request is accepted", is_accepted, 120)
        victims = [found.asking] if kind == "accepted" else []
    if "prover_network" in victims:

        async def is_up() -> bool:
            return "prover_network" in processes_of(found.devnet.data_dir)

        await until("the network runs again", is_up, 60)
    found.kill(victims)
    return f"{kind}: {' and '.join(victims) or 'nobody'}"


@pytest.mark.timeout(300 + 30 * KILLS)
@pytest.mark.parametrize("layout", LAYOUTS)
async def test_kills_lose_nothing_and_double_nothing(tmp_path: Path, layout: str) -> None:
    """By what the contract, the request store, the server, the network and the ledger kept."""
    chance = random.Random(f"{SEED} {layout}")
    async with lab(tmp_path, layout) as found:
        await until("the first output", found.has_output, 120)
        done = [await moment(found, chance) for _ in range(KILLS)]
        print(f"{layout}, seed {SEED}:", *done, sep="\n  ")  # noqa: T201 - shown when it fails
        await drained(found.devnet, found.store, interval=INTERVAL, blocks=BLOCKS)
        outputs = await check_contract(found.devnet)
        for name in ("proposer", "server"):
            if name in found.operated:
                assert found.operated[name].stop() == 0, found.operated[name].said[-3000:]
        asked = dict(check_store(found.store, outputs))
        if "server" in found.operated:
            made = check_server(found.server_dir / "jobs.sqlite")
            if layout != "server-mock":
                assert set(asked) == made
            else:
                assert len(asked) == len(made)
        if layout != "server-mock":
            accepted = accepted_requests(found.devnet)
            assert {item.request_id: item.kind for item in accepted} == {
                proof_id: what.split()[0] for proof_id, what in asked.items()
            }
            check_spending(found.store, accepted)
        print(f"{len(outputs)} outputs, {len(asked)} proofs, {len(done)} moments")  # noqa: T201
