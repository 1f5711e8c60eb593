"""Where the prover gets witnesses itself, for clients that bring none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from coprove.types import BlockRange

__all__ = ["WitnessMaker"]


class WitnessMaker(Protocol):
    """Collects the input of a range."""

    async def collect(self, blocks: BlockRange) -> bytes:
        """Return the encoded RangeInput of a range; any error of this package."""
