"""`coprove server`: the proof server."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from coprove.cli.settings import SettingsOptions, settings_for
from coprove.config import Settings
from coprove.config.makers import ProofMakers, open_makers
from coprove.config.wiring import endpoint_options, live_source, program_keys, server_options
from coprove.prover.server import RecordingSource, ServerParts, WitnessSource, serve
from coprove.rpc import RpcTransport, open_transport
from coprove.types import Address
from coprove.witness import Recording

__all__ = ["server", "server_parts"]

_DEFAULT = SettingsOptions()


def server(*, chain: Path | None = None, settings: SettingsOptions = _DEFAULT) -> int:
    """Serve proofs over HTTP: op-succinct's early routes, and our own API under /v1.

    Runs until SIGTERM or SIGINT. What was accepted goes on at the next start.

    Parameters
    ----------
    chain
        Folder of a recorded chain to prove in place of a live one.
    """
    loaded = settings_for("server", settings)
    asyncio.run(_serve(loaded, chain))
    return 0


async def _serve(settings: Settings, chain: Path | None) -> None:
    options = server_options(settings)
    async with AsyncExitStack() as stack:
        makers = await stack.enter_async_context(open_makers(settings, options.data_dir / "prover"))
        source: WitnessSource
        if chain is not None:
            source = RecordingSource(Recording(chain))
        else:
            source = live_source(settings, makers.executor, options.data_dir / "chain")
        stack.push_async_callback(source.close)
        l1 = None
        if settings.rpc.l1 is not None:
            l1 = await stack.enter_async_context(
                open_transport(settings.rpc.l1, endpoint_options(settings))
            )
        await serve(options, server_parts(settings, source, makers, l1))


def server_parts(
    settings: Settings, source: WitnessSource, makers: ProofMakers, l1: RpcTransport | None
) -> ServerParts:
    """Return what a server works with."""
    commitment, aggregation = program_keys(settings)
    prover = settings.contract.prover_address
    return ServerParts(
        source=source,
        backend=makers.backend,
        mock=makers.mock,
        range_vkey_commitment=commitment,
        aggregation_vkey=aggregation,
        prover_address=None if prover is None else Address.from_hex(prover),
        l1=l1,
        config_name=settings.contract.config_name,
    )
