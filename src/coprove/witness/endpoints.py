"""From URLs to a RangeInput in one call, for commands and scripts."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.rpc import (
    BeaconClient,
    EndpointOptions,
    JsonRpcTransport,
    L1Client,
    L2Client,
    RollupNodeClient,
)
from coprove.witness.live import LiveOptions, LiveWitness, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.program import RangeInput

__all__ = ["LiveEndpoints", "collect_range_input"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEndpoints:
    """Where the nodes of a live chain answer; the URLs may hold credentials."""

    l1: str
    """JSON-RPC of the L1 execution node."""
    l2: str
    """JSON-RPC of the L2 execution node, with debug_executionWitness."""
    node: str
    """JSON-RPC of the rollup node; may be the same as `l2`."""
    beacon: str | None = None
    """Base URL of the L1 beacon node; None where batches are in calldata."""

    def __repr__(self) -> str:
        """Show nothing of the URLs."""
        return "LiveEndpoints(…)"


async def collect_range_input(
    endpoints: LiveEndpoints,
    from_block: int,
    to_block: int,
    *,
    options: LiveOptions | None = None,
    endpoint_options: EndpointOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RangeInput:
    """Connect, collect the range after `from_block` up to `to_block`, and disconnect.

    Equal URLs share one connection pool and one rate limit. Errors are those of
    `LiveWitness.range_input`.
    """
    async with AsyncExitStack() as stack:
        transports: dict[str, JsonRpcTransport] = {}
        for url in (endpoints.l1, endpoints.l2, endpoints.node):
            if url not in transports:
                transport = JsonRpcTransport(url, endpoint_options)
                transports[url] = await stack.enter_async_context(transport)
        beacon = None
        if endpoints.beacon:
            client = BeaconClient(endpoints.beacon, endpoint_options)
            beacon = await stack.enter_async_context(client)
        witness = LiveWitness(
            L1Client(transports[endpoints.l1]),
            beacon,
            L2Client(transports[endpoints.l2]),
            RollupNodeClient(transports[endpoints.node]),
            options=options,
            progress=progress,
        )
        return await witness.range_input(from_block, to_block)
