"""Hashes of blocks that were read: where a reorg left the chain that was followed."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from coprove.rpc import NotYetAvailableError

if TYPE_CHECKING:
    from coprove.rpc import EthClient
    from coprove.types import BlockId

__all__ = ["BlockTrail"]

_MOST: Final = 4096


class BlockTrail:
    """Blocks of one chain, ascending; the oldest are thinned out, none of the newest."""

    def __init__(self) -> None:
        """Begin with no block."""
        self._blocks: list[BlockId] = []

    @property
    def tip(self) -> BlockId | None:
        """The newest block."""
        return self._blocks[-1] if self._blocks else None

    def add(self, block: BlockId) -> None:
        """Add a block above all others."""
        self._blocks.append(block)
        if len(self._blocks) > _MOST:
            # A reorg that deep is read anew from an older block than would be needed.
            half = len(self._blocks) // 2
            self._blocks[:half] = self._blocks[:half:2]

    def cut(self, number: int) -> None:
        """Forget all blocks above `number`."""
        place = bisect_right(self._blocks, number, key=lambda block: block.number)
        del self._blocks[place:]

    def newest(self, number: int) -> BlockId | None:
        """Return the newest block that is not above `number`."""
        place = bisect_right(self._blocks, number, key=lambda block: block.number)
        return self._blocks[place - 1] if place else None

    async def common(self, client: EthClient, head: int) -> BlockId | None:
        """Return the newest block that is on the endpoint's chain, up to its head; None if none is.

        Blocks above the head are not looked at: the endpoint may only be behind.
        """
        reachable = bisect_right(self._blocks, head, key=lambda block: block.number)
        # All blocks before one of the chain's are the chain's as well.
        low, high, probe = 0, reachable, reachable - 1
        while low < high:
            if await self._is_canonical(client, self._blocks[probe]):
                low = probe + 1
            else:
                high = probe
            probe = (low + high) // 2
        return self._blocks[low - 1] if low else None

    async def _is_canonical(self, client: EthClient, block: BlockId) -> bool:
        try:
            return (await client.header(block.number)).hash == block.hash
        except NotYetAvailableError:
            return False
