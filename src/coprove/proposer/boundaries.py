"""Where ranges end: pure arithmetic on block numbers and gas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.types import BlockRange

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RangeLimits", "cover", "cut", "halves", "output_end", "stride_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeLimits:
    """What bounds a range."""

    max_blocks: int
    """Blocks in it at most."""
    max_gas: int = 0
    """Gas in it at most, unless one block alone has more; 0: not looked at."""
    anchor: int = 0
    """A block at which an output ends."""
    stride: int | None = None
    """Ranges also end at `anchor` and every so many blocks behind it; None: they need not."""


def stride_of(*, interval: int, max_blocks: int) -> int | None:
    """Return the distance of the blocks at which ranges must end for outputs to be regular.

    None when a whole range is as long as an output anyway: then every range's end will do.
    """
    return interval if interval > max_blocks else None


def cut(
    start: int, tip: int, *, limits: RangeLimits, most: int, gas: Mapping[int, int] | None = None
) -> list[BlockRange]:
    """Return the next whole ranges of the blocks after `start` up to `tip`, at most `most`.

    A range is whole once no later block could still belong to it. `gas` has the gas used by each
    block; where one is missing, cutting ends. Consecutive ranges touch.
    """
    found: list[BlockRange] = []
    while len(found) < most:
        end = _end(start, tip, limits, gas if limits.max_gas else None)
        if end is None:
            break
        found.append(BlockRange(start=start, end=end))
        start = end
    return found


def cover(start: int, end: int, *, limits: RangeLimits) -> list[BlockRange]:
    """Return ranges that lead exactly from `start` to `end`, the last one perhaps shorter."""
    found: list[BlockRange] = []
    while start < end:
        stop = min(end, start + limits.max_blocks)
        found.append(BlockRange(start=start, end=stop))
        start = stop
    return found


def _end(start: int, tip: int, limits: RangeLimits, gas: Mapping[int, int] | None) -> int | None:
    limit = start + limits.max_blocks
    if limits.stride is not None:
        past = (start - limits.anchor) % limits.stride
        limit = min(limit, start + limits.stride - past)
    if gas is None:
        return limit if limit <= tip else None
    total = 0
    for block in range(start + 1, min(limit, tip) + 1):
        if block not in gas:
            return None
        total += gas[block]
        if total > limits.max_gas:
            return max(block - 1, start + 1)
    return limit if limit <= tip else None


def halves(blocks: BlockRange) -> tuple[BlockRange, BlockRange] | None:
    """Return two ranges that share the middle block; None for a single block."""
    if len(blocks) < 2:
        return None
    middle = blocks.start + len(blocks) // 2
    return BlockRange(start=blocks.start, end=middle), BlockRange(start=middle, end=blocks.end)


def output_end(
    ends: Mapping[int, int], *, latest: int, interval: int, outputs_before_leap: int = 1
) -> int | None:
    """Return the block of the next output; None as long as none can be shown.

    `ends` has the end of each proven range by its start. The chain of ranges must begin at the
    contract's `latest` block: what was proven behind a hole counts for nothing. Usually the next
    output is the first end at least `interval` blocks on; when `outputs_before_leap` of them are
    due, one output covers all that is proven.
    """
    at, first = latest, None
    while at in ends:
        at = ends[at]
        if first is None and at - latest >= interval:
            first = at
    if first is None:
        return None
    return at if at - latest >= outputs_before_leap * interval else first
