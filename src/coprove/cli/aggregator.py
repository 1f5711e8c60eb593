"""`coprove aggregator`: the AVS' aggregator."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from coprove.avs.aggregator.service import serve
from coprove.cli.settings import SettingsOptions, settings_for
from coprove.config.aggregator import open_aggregator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coprove.avs.aggregator.service import Aggregator
    from coprove.config import Settings

__all__ = ["aggregator"]

_DEFAULT = SettingsOptions()


def aggregator(*, settings: SettingsOptions = _DEFAULT) -> int:
    """Ask committees of the AVS about ranges, take what operators sign, confirm it on chain.

    Runs until SIGTERM or SIGINT. Several may share one database: one leads, the others stand by.
    `--config` takes the AVS' own aggregator.json as well.
    """
    asyncio.run(_run(settings_for("aggregator", settings)))
    return 0


async def _run(settings: Settings) -> None:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Aggregator]:
        async with open_aggregator(settings) as found, found:
            yield found

    await serve(opened)
