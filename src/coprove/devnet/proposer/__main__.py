"""`python -m coprove.devnet.proposer --config FILE`."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from coprove.devnet.proposer.config import ProposerConfig
from coprove.devnet.proposer.outputs import LATEST_OUTPUT, OUTPUTS, OutputProposer
from coprove.devnet.proposer.ranges import RANGE_SECONDS, RANGES, RangeRunner
from coprove.devnet.proposer.store import ProposerStore
from coprove.devnet.sender import open_sender
from coprove.devnet.service import config_argument, run_loop, run_service
from coprove.devnet.settings import load_settings
from coprove.devnet.settlement import OracleSettlement
from coprove.prover.pool import RangePool
from coprove.rpc import JsonRpcTransport, L1Client, L2Client, RollupNodeClient
from coprove.telemetry import get_logger
from coprove.types import Address, RollupConfig
from coprove.witness import LiveOptions, LiveWitness

if TYPE_CHECKING:
    from coprove.telemetry import Metrics

_log = get_logger(part="proposer")


def _main() -> int:
    config = load_settings(ProposerConfig, config_argument("Propose outputs of finalised blocks."))

    async def propose(metrics: Metrics) -> None:
        await _propose(config, metrics)

    return run_service("proposer", config, propose, (RANGES, RANGE_SECONDS, OUTPUTS, LATEST_OUTPUT))


async def _propose(config: ProposerConfig, metrics: Metrics) -> None:
    rollup_json = config.rollup_config.read_bytes()
    rollup = RollupConfig.from_json(rollup_json)
    pool = RangePool(config.workers)
    try:
        async with (
            JsonRpcTransport(config.l1_rpc_url) as l1_transport,
            JsonRpcTransport(config.l2_rpc_url) as l2_transport,
            open_sender(config, rollup, l1_transport, account=config.account) as sender,
        ):
            l1, node = L1Client(l1_transport), RollupNodeClient(l2_transport)
            settlement = OracleSettlement(Address.from_hex(config.oracle), l1_transport, sender)
            options = LiveOptions(
                rollup_config=rollup_json, l1_config=config.l1_chain_config.read_bytes()
            )
            witness = LiveWitness(l1, None, L2Client(l2_transport), node, options=options)
            with ProposerStore(config.data_dir / "proposer.sqlite") as store:
                _log.info("starting", ranges_put_back=store.recover())
                is_done = asyncio.Event()
                ranges = RangeRunner(
                    config,
                    store,
                    node=node,
                    settlement=settlement,
                    witness=witness,
                    pool=pool,
                    metrics=metrics,
                    on_done=is_done,
                )
                outputs = OutputProposer(
                    store, l1=l1, node=node, settlement=settlement, metrics=metrics
                )
                pause = config.poll_interval
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(run_loop(ranges.tick, pause=pause, metrics=metrics))
                        group.create_task(
                            run_loop(outputs.tick, pause=pause, metrics=metrics, wake=is_done)
                        )
                finally:
                    await ranges.stop()
    finally:
        pool.close()


if __name__ == "__main__":
    sys.exit(_main())
