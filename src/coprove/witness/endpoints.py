"""The four endpoints of a live chain, opened and closed around one collection."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coprove.rpc import BeaconClient, JsonRpcTransport, L1Client, L2Client, RollupNodeClient
from coprove.witness.live import LiveOptions, LiveWitness, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.program import RangeInput

__all__ = ["LiveEndpoints", "collect_range_input"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEndpoints:
    """URLs of a chain's nodes. They may hold keys, so none is shown in the record's repr."""

    l1: str = field(repr=False)
    """L1 execution node."""
    beacon: str | None = field(repr=False)
    """L1 beacon node; None where batches are in calldata."""
    l2: str = field(repr=False)
    """L2 execution node."""
    node: str = field(repr=False)
    """Rollup node; may be the same URL as `l2`."""


async def collect_range_input(
    endpoints: LiveEndpoints,
    from_block: int,
    to_block: int,
    *,
    options: LiveOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RangeInput:
    """Return the input of the range after `from_block` up to `to_block`, from live nodes.

    Errors are those of `LiveWitness.range_input`.
    """
    async with AsyncExitStack() as stack:
        beacon = None
        if endpoints.beacon is not None:
            beacon = await stack.enter_async_context(BeaconClient(endpoints.beacon))
        l1 = await stack.enter_async_context(JsonRpcTransport(endpoints.l1))
        l2 = await stack.enter_async_context(JsonRpcTransport(endpoints.l2))
        node = l2
        if endpoints.node != endpoints.l2:
            node = await stack.enter_async_context(JsonRpcTransport(endpoints.node))
        witness = LiveWitness(
            L1Client(l1),
            beacon,
            L2Client(l2),
            RollupNodeClient(node),
            options=options,
            progress=progress,
        )
        return await witness.range_input(from_block, to_block)
