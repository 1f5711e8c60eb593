"""What is final now, on L2 and on L1."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.rpc import EndpointsDisagreeError, NotYetAvailableError

if TYPE_CHECKING:
    from coprove.rpc import EthClient, RollupNodeClient
    from coprove.types import BlockId

__all__ = ["FinalMoment", "Moments"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalMoment:
    """One look at both chains."""

    l2_block: int
    """Newest L2 block that is derived from final L1 blocks."""
    l1_head: BlockId
    """The final L1 block up to which the rollup node had read."""
    l1_final: int
    """Newest final block of our own L1 endpoint."""
    l1_newest: int
    """Its newest block."""
    l1_time: int
    """Time of that, in Unix seconds: what contracts go by."""


class Moments:
    """Asks a rollup node and L1, and compares them."""

    def __init__(self, node: RollupNodeClient, l1: EthClient) -> None:
        """Both may stand for several endpoints."""
        self._node, self._l1 = node, l1

    async def now(self) -> FinalMoment:
        """Return what is final now.

        EndpointsDisagreeError when L1 has another block where the rollup node's final L1 block is,
        NotYetAvailableError while that is not final on L1 yet.
        """
        status, final, newest = await asyncio.gather(
            self._node.sync_status(), self._l1.header("finalized"), self._l1.header("latest")
        )
        head = status.finalized_l1.id
        if head.number > final.header.number:
            raise NotYetAvailableError(
                f"L1 block {head.number} is final for {self._node.transport.name}, for"
                f" {self._l1.transport.name} only {final.header.number}"
            )
        there = await self._l1.header(head.number)
        if there.hash != head.hash:
            raise EndpointsDisagreeError(
                f"L1 block {head.number}",
                first=self._node.transport.name,
                says=head.hash,
                second=self._l1.transport.name,
                but=there.hash,
            )
        return FinalMoment(
            l2_block=status.finalized_l2.number,
            l1_head=head,
            l1_final=final.header.number,
            l1_newest=newest.header.number,
            l1_time=newest.header.timestamp,
        )
