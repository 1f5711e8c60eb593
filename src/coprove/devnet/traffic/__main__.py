"""`python -m coprove.devnet.traffic --config FILE`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from coprove.devnet.accounts import require_dev_chain
from coprove.devnet.service import config_argument, run_service
from coprove.devnet.settings import load_settings
from coprove.devnet.traffic.config import TrafficConfig
from coprove.devnet.traffic.service import REFUSED, SENT, TrafficGenerator
from coprove.rpc import EthClient, JsonRpcTransport

if TYPE_CHECKING:
    from coprove.telemetry import Metrics


def _main() -> int:
    config = load_settings(TrafficConfig, config_argument("Send traffic to a devnet."))

    async def send(metrics: Metrics) -> None:
        async with (
            JsonRpcTransport(config.l1_rpc_url) as l1,
            JsonRpcTransport(config.l2_rpc_url) as l2,
        ):
            l1_chain_id, l2_chain_id = (
                await EthClient(l1).chain_id(),
                await EthClient(l2).chain_id(),
            )
            require_dev_chain(l1_chain_id, l2_chain_id)
            generator = TrafficGenerator(
                config,
                l1=l1,
                l2=l2,
                l1_chain_id=l1_chain_id,
                l2_chain_id=l2_chain_id,
                metrics=metrics,
            )
            await generator.run()

    return run_service("traffic", config, send, (SENT, REFUSED))


if __name__ == "__main__":
    sys.exit(_main())
