"""`python -m coprove.devnet.batcher --config FILE`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from coprove.devnet.batcher.config import BatcherConfig
from coprove.devnet.batcher.service import (
    BLOCKS_POSTED,
    CHANNELS,
    FRAME_BYTES,
    START_OVERS,
    Batcher,
)
from coprove.devnet.sender import open_sender
from coprove.devnet.service import config_argument, run_service
from coprove.devnet.settings import load_settings
from coprove.rpc import JsonRpcTransport, L1Client, L2Client, RollupNodeClient
from coprove.types import RollupConfig

if TYPE_CHECKING:
    from coprove.telemetry import Metrics


def _main() -> int:
    config = load_settings(BatcherConfig, config_argument("Post L2 blocks to L1."))
    rollup = RollupConfig.from_json(config.rollup_config.read_bytes())

    async def batch(metrics: Metrics) -> None:
        async with (
            JsonRpcTransport(config.l1_rpc_url) as l1_transport,
            JsonRpcTransport(config.l2_rpc_url) as l2_transport,
            open_sender(config, rollup, l1_transport, account=config.account) as sender,
        ):
            batcher = Batcher(
                config,
                rollup,
                l1=L1Client(l1_transport),
                l2=L2Client(l2_transport),
                node=RollupNodeClient(l2_transport),
                sender=sender,
                metrics=metrics,
            )
            await batcher.run()

    return run_service(
        "batcher", config, batch, (CHANNELS, BLOCKS_POSTED, FRAME_BYTES, START_OVERS)
    )


if __name__ == "__main__":
    sys.exit(_main())
