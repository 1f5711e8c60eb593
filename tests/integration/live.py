"""A live collection against a replayed chain, as the tests of this folder use it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from coprove.rpc import (
    BeaconClient,
    EndpointOptions,
    JsonRpcTransport,
    L1Client,
    L2Client,
    RetryPolicy,
    RollupNodeClient,
)
from coprove.witness import LiveOptions, LiveWitness, Progress
from tests.replay import Faults, ReplayChain, ReplayServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ENDPOINT = EndpointOptions(retry=RetryPolicy(attempts=12, base_delay=0.005, max_delay=0.3))


@asynccontextmanager
async def live_witness(
    chain: ReplayChain,
    faults: Faults | None = None,
    *,
    beacon: bool = True,
    options: LiveOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> AsyncIterator[tuple[LiveWitness, ReplayServer]]:
    """Yield a LiveWitness that reads from a ReplayServer, and the server."""
    async with (
        ReplayServer(chain, faults or Faults()) as server,
        JsonRpcTransport(server.url("l1"), ENDPOINT) as l1,
        JsonRpcTransport(server.url("l2"), ENDPOINT) as l2,
        JsonRpcTransport(server.url("node"), ENDPOINT) as node,
        BeaconClient(server.url("beacon"), ENDPOINT) as beacon_client,
    ):
        yield (
            LiveWitness(
                L1Client(l1),
                beacon_client if beacon else None,
                L2Client(l2),
                RollupNodeClient(node),
                options=options or LiveOptions(l1_config=chain.l1_config),
                progress=progress,
            ),
            server,
        )
