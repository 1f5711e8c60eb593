"""`coprove tee-prover`: the TEE prover."""

from __future__ import annotations

import asyncio
from pathlib import Path

from coprove.cli.settings import SettingsOptions, settings_for
from coprove.config import Settings
from coprove.config.tee import open_maker, tee_enclave, tee_prover_options
from coprove.prover.tee.host import serve

__all__ = ["tee_prover"]

_DEFAULT = SettingsOptions()


def tee_prover(*, chain: Path | None = None, settings: SettingsOptions = _DEFAULT) -> int:
    """Execute ranges in a trusted execution environment and sign them with a key born in it.

    Runs until SIGTERM or SIGINT. The next start has another key.

    Parameters
    ----------
    chain
        Folder of a recorded chain to collect witnesses from, for clients that bring none.
    """
    loaded = settings_for("tee-prover", settings)
    asyncio.run(_serve(loaded, chain))
    return 0


async def _serve(settings: Settings, chain: Path | None) -> None:
    options = tee_prover_options(settings)
    enclave = await asyncio.to_thread(tee_enclave, settings)
    async with open_maker(settings, chain) as maker:
        await serve(options, enclave, maker)
