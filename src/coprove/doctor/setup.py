"""The setup under examination: its nodes, opened once, and what several checks ask for."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from coprove.config.wiring import endpoint_options, live_options
from coprove.contracts import open_output_contract
from coprove.rpc import (
    L1Client,
    L2Client,
    RetryPolicy,
    RollupNodeClient,
    open_beacon,
    open_transport,
)
from coprove.types import Address, L1ChainConfig, RollupConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from coprove.config import Settings
    from coprove.contracts import OutputContract
    from coprove.rpc import BeaconSource, EthHeader, SyncStatus

__all__ = ["Setup", "open_setup"]

T = TypeVar("T")


class Setup:
    """Clients of what is set, None for what is not; answers are asked for once and shared."""

    def __init__(
        self,
        settings: Settings,
        *,
        l1: L1Client | None,
        l2: L2Client | None,
        node: RollupNodeClient | None,
        beacon: BeaconSource | None,
    ) -> None:
        """The clients stay their owner's to close."""
        self.settings = settings
        self.l1, self.l2, self.node, self.beacon = l1, l2, node, beacon
        self._answers: dict[str, asyncio.Future[object]] = {}

    async def rollup(self) -> RollupConfig | None:
        """Return the chain's config, from its file or the rollup node."""
        return await self._once("rollup", self._rollup)

    async def l1_config(self) -> L1ChainConfig | None:
        """Return the config of L1, built in or from its file."""
        rollup = await self.rollup()
        if rollup is None:
            return None
        built_in = L1ChainConfig.built_in(rollup.l1_chain_id)
        supplied = live_options(self.settings).l1_config
        return built_in or (L1ChainConfig.from_json(supplied) if supplied else None)

    async def l1_head(self) -> EthHeader | None:
        """Return the newest L1 header."""
        return await self._once("l1 head", self._l1_head)

    async def sync_status(self) -> SyncStatus | None:
        """Return the heads that the rollup node tells."""
        return await self._once("sync status", self._sync_status)

    async def contract(self) -> OutputContract | None:
        """Return the contract, opened as the generation that it is."""
        return await self._once("contract", self._contract)

    async def _rollup(self) -> RollupConfig | None:
        given = live_options(self.settings).rollup_config
        if given is None:
            if self.node is None:
                return None
            given = json.dumps(await self.node.rollup_config()).encode()
        return RollupConfig.from_json(given)

    async def _l1_head(self) -> EthHeader | None:
        return None if self.l1 is None else await self.l1.header("latest")

    async def _sync_status(self) -> SyncStatus | None:
        return None if self.node is None else await self.node.sync_status()

    async def _contract(self) -> OutputContract | None:
        given = self.settings.contract
        if given.address is None or self.l1 is None:
            return None
        factory = given.dispute_game_factory
        return await open_output_contract(
            self.l1.transport,
            Address.from_hex(given.address),
            config_name=given.config_name,
            factory=None if factory is None else Address.from_hex(factory),
        )

    async def _once(self, name: str, ask: Callable[[], Awaitable[T]]) -> T:
        if name not in self._answers:
            self._answers[name] = asyncio.ensure_future(ask())
        # Shielded: a check that runs out of time must not end the question of the others.
        return await asyncio.shield(self._answers[name])  # type: ignore[arg-type]  # its name stands for the type

    async def close(self) -> None:
        """End questions that are still open."""
        for answer in self._answers.values():
            answer.cancel()
        await asyncio.gather(*self._answers.values(), return_exceptions=True)


@asynccontextmanager
async def open_setup(settings: Settings, *, seconds: float) -> AsyncIterator[Setup]:
    """Open the nodes that are set; each request may take `seconds`."""
    retry = RetryPolicy(attempts=2, max_delay=1.0, max_elapsed=seconds)
    options = replace(endpoint_options(settings), timeout=seconds, retry=retry)
    rpc = settings.rpc
    async with AsyncExitStack() as stack:
        urls = (rpc.l1, rpc.l2, rpc.node or rpc.l2)
        transports = {
            url: await stack.enter_async_context(open_transport(url, options))
            for url in dict.fromkeys(urls)
            if url
        }
        beacon = None
        if rpc.beacon:
            beacon = await stack.enter_async_context(open_beacon(rpc.beacon, options))
        l1, l2, node = (None if url is None else transports[url] for url in urls)
        setup = Setup(
            settings,
            l1=None if l1 is None else L1Client(l1),
            l2=None if l2 is None else L2Client(l2),
            node=None if node is None else RollupNodeClient(node),
            beacon=beacon,
        )
        stack.push_async_callback(setup.close)
        yield setup
