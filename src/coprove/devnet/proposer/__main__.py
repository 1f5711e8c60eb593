"""`python -m coprove.devnet.proposer --config FILE`."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from coprove.contracts import LocalSigner
from coprove.devnet.accounts import DevAccounts, require_dev_chain
from coprove.devnet.proposer.backends import open_backend
from coprove.devnet.proposer.config import ProposerConfig
from coprove.devnet.proposer.database import database_url
from coprove.devnet.service import config_argument
from coprove.devnet.settings import load_settings
from coprove.errors import CoproveError
from coprove.proposer import ProposerService, ProposerSettings, open_chains
from coprove.prover.pool import RangePool
from coprove.rpc import EndpointOptions, RetryPolicy
from coprove.storage import open_store
from coprove.telemetry import configure_logging, get_logger

if TYPE_CHECKING:
    from collections.abc import Coroutine

_log = get_logger()
_ENDPOINT = EndpointOptions(timeout=10.0, retry=RetryPolicy(attempts=4, max_delay=1.0))


def _main() -> int:
    config = load_settings(ProposerConfig, config_argument("Propose outputs of finalised blocks."))
    configure_logging("proposer", level=config.log_level)
    return asyncio.run(_until_stopped(_propose(config)))


async def _until_stopped(work: Coroutine[None, None, None]) -> int:
    """Do `work` until SIGTERM or SIGINT; return the exit status."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        _log.info("stopped")
        return 0
    except CoproveError:
        _log.exception("critical")
        return 1
    return 0


async def _propose(config: ProposerConfig) -> None:
    config.data_dir.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        pool = RangePool(config.workers)
        stack.callback(pool.close)
        chains = await stack.enter_async_context(open_chains(_settings(config), _ENDPOINT))
        require_dev_chain(chains.scope.l1_chain_id, chains.scope.l2_chain_id)
        store = await open_store(database_url(config.data_dir), chains.scope)
        await stack.enter_async_context(store)
        backend = await stack.enter_async_context(open_backend(config, chains.l1, pool))
        service = ProposerService(
            _settings(config),
            chains,
            store=store,
            backend=backend,
            pool=pool,
            signer=LocalSigner(DevAccounts().account(config.account)),
        )
        await service.run()


def _settings(config: ProposerConfig) -> ProposerSettings:
    return ProposerSettings(
        l1_rpc_url=config.l1_rpc_url,
        l2_rpc_url=config.l2_rpc_url,
        oracle_address=config.oracle,
        aggregation_vkey=config.aggregation_vkey,
        range_vkey_commitment=config.range_vkey_commitment,
        rollup_config=config.rollup_config,
        l1_chain_config=config.l1_chain_config,
        data_dir=config.data_dir,
        poll_interval=config.poll_interval,
        max_blocks_per_range=config.blocks_per_range,
        outputs_before_leap=config.outputs_before_leap,
        max_concurrent_witness_gen=config.workers + 1,
        workers=config.workers,
        rpc_timeout=20.0,
        network_calls_timeout=20.0,
        # One confirmation: what a reorg undoes is noticed by the contract's state.
        confirmations=1,
        lease_seconds=config.lease,
        metrics_port=config.metrics_port,
    )


if __name__ == "__main__":
    sys.exit(_main())
