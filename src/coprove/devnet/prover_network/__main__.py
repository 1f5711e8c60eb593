"""`python -m coprove.devnet.prover_network --config FILE`."""

from __future__ import annotations

import asyncio
import signal
import sys

from coprove.devnet.prover_network.server import ProverNetworkServer
from coprove.devnet.prover_network.settings import ProverNetworkSettings, load_network_settings
from coprove.devnet.service import config_argument
from coprove.telemetry import configure_logging


def _main() -> int:
    path = config_argument("Play the SP1 prover network: simulated proofs for development chains.")
    settings = load_network_settings(path)
    configure_logging("prover-network", level=settings.log_level)
    return asyncio.run(_serve(settings))


async def _serve(settings: ProverNetworkSettings) -> int:
    loop = asyncio.get_running_loop()
    async with ProverNetworkServer(settings) as server:
        task = loop.create_task(server.serve())
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(_main())
