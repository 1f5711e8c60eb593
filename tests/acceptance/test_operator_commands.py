"""`coprove server` and `coprove proposer` as an operator runs them, up to an output on L1."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.devnets import processes_of, running_devnet, until
from tests.acceptance.evidence import (
    accepted_requests,
    check_contract,
    check_server,
    check_store,
    drained,
    rows,
)
from tests.acceptance.operators import Operated

from coprove.contracts.foundry_tools import free_port

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

INTERVAL = BLOCKS = 5


async def test_a_server_that_asks_the_network_proves_for_a_proposer(tmp_path: Path) -> None:
    """The settings that a devnet writes are all they need; each tells how it does; SIGTERM ends."""
    options = {"submission_interval": INTERVAL, "blocks_per_range": BLOCKS}
    with running_devnet(tmp_path / "data", prover="network", proposer=False, **options) as devnet:
        assert "proposer" not in processes_of(devnet.data_dir)
        folder = devnet.data_dir / "operator"
        assert (folder / "private_key").stat().st_mode & 0o077 == 0
        port, probes = free_port(), free_port()
        server_url, proposer_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{probes}"
        config = folder / "coprove.toml"
        server = Operated("server", tmp_path, "server", config, {"server.port": port})
        settings = {
            "telemetry.metrics_port": probes,
            "proposer.poll_interval": 0.25,
            "prover.backend": "server",
            "prover.server_url": server_url,
        }
        proposer = Operated("proposer", tmp_path, "proposer", config, settings)
        store = devnet.data_dir / "proposer" / "requests.sqlite"
        try:
            server.start()
            proposer.start()
            output = await devnet.final_output_above(2 * INTERVAL)
            assert (await proposer.ask(f"{proposer_url}/readyz")).status == 200
            assert (await server.ask(f"{server_url}/readyz")).status == 200
            metrics = (await proposer.ask(f"{proposer_url}/metrics")).text
            assert "coprove_proposer_leading 1.0" in metrics
            latest = re.search(r"^coprove_proposer_latest_output_block (\S+)$", metrics, re.M)
            assert latest is not None
            assert float(latest[1]) >= output.l2_block
            assert "coprove_server" in (await server.ask(f"{server_url}/metrics")).text
            await drained(devnet, store, interval=INTERVAL, blocks=BLOCKS)
            outputs = await check_contract(devnet)
            doctor = Operated("doctor", tmp_path, "doctor", config, {})
            doctor.start()

            async def has_examined() -> bool:
                return doctor.process is not None and doctor.process.poll() is not None

            await until("the doctor is done", has_examined)
            assert doctor.process is not None
            assert doctor.process.returncode == 0, doctor.said
            assert proposer.stop() == 0
            assert rows(store, "SELECT holder FROM leases") == [(None,)]
            assert server.stop() == 0
            asked = dict(check_store(store, outputs))
            assert check_server(folder / "server" / "jobs.sqlite") == set(asked)
            assert {item.request_id for item in accepted_requests(devnet)} == set(asked)
        finally:
            for operated in (proposer, server):
                operated.close()
            await devnet.close()
