"""The L1 blocks that the next L2 blocks may have as their origin.

Source: https://specs.optimism.io/protocol/derivation.html#batch-queue
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.derivation.errors import L2ReorgError

if TYPE_CHECKING:
    from coprove.types import L1BlockRef, L2BlockRef

__all__ = ["Epochs"]


class Epochs:
    """Consecutive L1 blocks from the safe head's origin (or the one after it) to the newest."""

    def __init__(self, start: L1BlockRef) -> None:
        """Start with the L1 block that the pipeline starts at."""
        self.blocks: list[L1BlockRef] = [start]
        self.origin = start

    def update(self, origin: L1BlockRef, safe_head: L2BlockRef) -> None:
        """Take in the L1 block that the pipeline stands on, and let go of finished epochs."""
        if origin != self.origin:
            self.origin = origin
            if self.is_behind(safe_head):
                self.blocks.clear()
            else:
                self.blocks.append(origin)
        epoch = safe_head.l1_origin.number
        if self.blocks and self.blocks[0].number < epoch <= self.blocks[-1].number:
            del self.blocks[: epoch - self.blocks[0].number]

    def is_behind(self, safe_head: L2BlockRef) -> bool:
        """Whether the pipeline has yet to reach the safe head's origin."""
        return self.origin.number < safe_head.l1_origin.number

    def check(self, safe_head: L2BlockRef) -> None:
        """Raise L2ReorgError unless the first epoch is the safe head's or the one after it."""
        first = self.blocks[0]
        same = first.number == safe_head.l1_origin.number and first.hash == safe_head.l1_origin.hash
        if not same and first.number != safe_head.l1_origin.number + 1:
            raise L2ReorgError(
                f"the pipeline is at L1 origin {first.number} {first.hash}, the safe head's is "
                f"{safe_head.l1_origin.number} {safe_head.l1_origin.hash}"
            )

    def find(self, number: int) -> L1BlockRef | None:
        """Return the block of that number, if it is one of these."""
        index = number - self.blocks[0].number if self.blocks else -1
        return self.blocks[index] if 0 <= index < len(self.blocks) else None
