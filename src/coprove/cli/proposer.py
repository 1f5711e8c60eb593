"""`coprove proposer`: the proposer."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from typing import Annotated

from cyclopts import Parameter

from coprove.cli.server import server_parts
from coprove.cli.settings import SettingsOptions, settings_for
from coprove.config import Settings
from coprove.config.makers import open_makers, open_signer
from coprove.config.wiring import (
    endpoint_options,
    fee_policy,
    live_source,
    proposer_settings,
    server_options,
    storage_url,
)
from coprove.proposer import ProposerService, open_chains
from coprove.prover.server import ProofServer
from coprove.storage import open_store
from coprove.telemetry import get_logger

__all__ = ["proposer"]

_DEFAULT = SettingsOptions()
_log = get_logger(part="proposer")


def proposer(
    *,
    with_server: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Prove finalized L2 blocks and propose outputs, until SIGTERM or SIGINT.

    Several may share one database: one leads, the others stand by.

    Parameters
    ----------
    with_server
        Serve proofs in the same process as well, as `coprove server` does.
    """
    loaded = settings_for("proposer", settings)
    asyncio.run(_until_stopped(loaded, with_server=with_server))
    return 0


async def _until_stopped(settings: Settings, *, with_server: bool) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    work = loop.create_task(_propose(settings, with_server=with_server))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    stopped = loop.create_task(stop.wait())
    await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not work.done():
        _log.info("stopping")
        work.cancel()
        await asyncio.wait({work})
    if not work.cancelled():
        await work


async def _propose(settings: Settings, *, with_server: bool) -> None:
    own = proposer_settings(settings)
    own.data_dir.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        chains = await stack.enter_async_context(open_chains(own, endpoint_options(settings)))
        store = await stack.enter_async_context(
            await open_store(storage_url(settings), chains.scope)
        )
        makers = await stack.enter_async_context(open_makers(settings, own.data_dir / "prover"))
        signer = await stack.enter_async_context(open_signer(settings))
        if with_server:
            options = server_options(settings)
            source = live_source(settings, makers.executor, options.data_dir / "chain")
            stack.push_async_callback(source.close)
            parts = server_parts(settings, source, makers, chains.l1_transport)
            await stack.enter_async_context(ProofServer(options, parts))
        service = ProposerService(
            own,
            chains,
            store=store,
            backend=makers.backend,
            pool=makers.pool,
            signer=signer,
            fees=fee_policy(settings),
        )
        await service.run()
