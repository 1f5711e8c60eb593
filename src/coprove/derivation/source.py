"""What the pipeline reads from: L1 blocks, blobs, and L2 blocks older than its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from coprove.types import L1BlockRef

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.types import BlockHeader, Hash32, L2BlockRef

__all__ = ["L1Block", "L1Source", "L2Block", "L2History"]


@dataclass(frozen=True, slots=True, kw_only=True)
class L1Block:
    """An L1 block whose parts the supplier has checked against its hash."""

    header: BlockHeader
    """The header."""
    hash: Hash32
    """The header's hash."""
    transactions: tuple[bytes, ...]
    """All transactions in order, EIP-2718 encoded."""
    receipts: tuple[bytes, ...] | None
    """All receipts in order, EIP-2718 encoded; None when the header's bloom rules out logs of the
    portal and of SystemConfig."""

    @property
    def ref(self) -> L1BlockRef:
        """The block's place in its chain."""
        return L1BlockRef.from_header(self.header, self.hash)


class L1Source(Protocol):
    """Gives verified L1 data. It may raise Temporary errors; the pipeline can then be called again.

    The pipeline asks for each block of its window more than once, so a slow source should keep
    those it fetched.
    """

    def block_by_number(self, number: int) -> L1Block | None:
        """Return the canonical L1 block of that number, None when it is not there (yet)."""

    def blobs(self, block: L1BlockRef, versioned_hashes: Sequence[Hash32]) -> list[bytes]:
        """Return the blobs of `block` with these hashes, in this order, 131,072 bytes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class L2Block:
    """A block of the safe L2 chain."""

    ref: L2BlockRef
    """The block's place in its chain."""
    transactions: tuple[bytes, ...]
    """All of its transactions, EIP-2718 encoded, deposits first."""


class L2History(Protocol):
    """Gives blocks of the safe L2 chain up to the block that the pipeline starts at.

    A span batch may begin before the safe head. Its first block must then follow a safe block that
    lies further back, and before Holocene its overlapping blocks must equal the safe ones.
    """

    def block_by_number(self, number: int) -> L2Block | None:
        """Return the safe block of that number, None when this history does not reach it."""
