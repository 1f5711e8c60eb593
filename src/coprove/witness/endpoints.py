"""From URLs to a RangeInput in one call, for commands and scripts."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.rpc import (
    EndpointOptions,
    L1Client,
    L2Client,
    RollupNodeClient,
    open_beacon,
    open_transport,
)
from coprove.rpc.failover import split_urls
from coprove.witness.live import LiveOptions, LiveWitness, Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from coprove.program import RangeInput
    from coprove.rpc import RpcTransport
    from coprove.witness.cache import ChainCache

__all__ = ["LiveEndpoints", "collect_range_input", "open_witness"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEndpoints:
    """Where the nodes of a live chain answer: URLs, several of a kind separated by commas.

    They may hold credentials and are not shown.
    """

    l1: str
    """JSON-RPC of L1 execution nodes."""
    l2: str
    """JSON-RPC of L2 execution nodes, best with debug_executionWitness."""
    node: str
    """JSON-RPC of rollup nodes; may be the same as `l2`."""
    beacon: str | None = None
    """Base URLs of L1 beacon nodes; None where batches are in calldata."""
    quorum: int = 1
    """Nodes of a kind that must agree on what no hash proves; at most as many as there are."""

    def __repr__(self) -> str:
        """Show nothing of the URLs."""
        return "LiveEndpoints(…)"


@asynccontextmanager
async def open_witness(
    endpoints: LiveEndpoints,
    *,
    options: LiveOptions | None = None,
    endpoint_options: EndpointOptions | None = None,
    cache: ChainCache | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> AsyncIterator[LiveWitness]:
    """Connect, yield a LiveWitness, and disconnect.

    Equal URLs share one connection pool and one rate limit. Where there are fewer nodes of a kind
    than `endpoints.quorum`, all of them must agree.
    """
    async with AsyncExitStack() as stack:
        transports: dict[str, RpcTransport] = {}
        for urls in (endpoints.l1, endpoints.l2, endpoints.node):
            if urls not in transports:
                quorum = min(endpoints.quorum, len(split_urls(urls)))
                transport = open_transport(urls, endpoint_options, quorum=quorum)
                transports[urls] = await stack.enter_async_context(transport)
        beacon = None
        if endpoints.beacon:
            source = open_beacon(endpoints.beacon, endpoint_options)
            beacon = await stack.enter_async_context(source)
        yield LiveWitness(
            L1Client(transports[endpoints.l1]),
            beacon,
            L2Client(transports[endpoints.l2]),
            RollupNodeClient(transports[endpoints.node]),
            options=options,
            cache=cache,
            progress=progress,
        )


async def collect_range_input(
    endpoints: LiveEndpoints,
    from_block: int,
    to_block: int,
    *,
    options: LiveOptions | None = None,
    endpoint_options: EndpointOptions | None = None,
    cache: ChainCache | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RangeInput:
    """Connect, collect the range after `from_block` up to `to_block`, and disconnect.

    See `open_witness`. Errors are those of `LiveWitness.range_input`.
    """
    async with open_witness(
        endpoints,
        options=options,
        endpoint_options=endpoint_options,
        cache=cache,
        progress=progress,
    ) as witness:
        return await witness.range_input(from_block, to_block)
