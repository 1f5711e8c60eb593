"""References to blocks, and ranges of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from coprove.errors import InputError

if TYPE_CHECKING:
    from coprove.types.hashes import Hash32
    from coprove.types.header import BlockHeader

__all__ = ["BlockId", "BlockRange", "L1BlockRef", "L2BlockRef"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockId:
    """A block by hash and number."""

    hash: Hash32
    """Hash of the block's header."""
    number: int
    """Height of the block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class L1BlockRef:
    """What derivation needs to know of an L1 block's place in its chain."""

    hash: Hash32
    """Hash of the header."""
    number: int
    """Height."""
    parent_hash: Hash32
    """Hash of the block before it."""
    timestamp: int
    """Seconds since the epoch."""

    @classmethod
    def from_header(cls, header: BlockHeader, block_hash: Hash32 | None = None) -> Self:
        """Make the reference to `header`; give its hash when it is already known."""
        return cls(
            hash=header.hash() if block_hash is None else block_hash,
            number=header.number,
            parent_hash=header.parent_hash,
            timestamp=header.timestamp,
        )

    @property
    def id(self) -> BlockId:
        """Hash and number alone."""
        return BlockId(hash=self.hash, number=self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class L2BlockRef:
    """What derivation needs to know of an L2 block."""

    hash: Hash32
    """Hash of the header."""
    number: int
    """Height."""
    parent_hash: Hash32
    """Hash of the block before it."""
    timestamp: int
    """Seconds since the epoch."""
    l1_origin: BlockId
    """The L1 block whose attributes the block carries (its epoch)."""
    sequence_number: int
    """Distance from the first block of the epoch, which has 0."""

    @property
    def id(self) -> BlockId:
        """Hash and number alone."""
        return BlockId(hash=self.hash, number=self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRange:
    """The L2 blocks of a range proof: from the agreed block (excluded) to the claimed one."""

    start: int
    """Number of the agreed block, whose output root is taken as given."""
    end: int
    """Number of the claimed block, whose output root the range shows."""

    def __post_init__(self) -> None:
        """Refuse empty and negative ranges."""
        if not 0 <= self.start < self.end:
            raise InputError("block range", expected="0 <= start < end", actual=self)

    def __len__(self) -> int:
        """Return the number of blocks that are executed."""
        return self.end - self.start

    def __str__(self) -> str:
        """Return `start..end`."""
        return f"{self.start}..{self.end}"
