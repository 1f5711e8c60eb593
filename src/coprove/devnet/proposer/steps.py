"""The proposer's decisions as pure functions: which ranges, which checkpoint, what is stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.devnet.proposer.records import RangeState
from coprove.types import BlockRange

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coprove.devnet.proposer.records import StoredRange
    from coprove.types import Hash32

__all__ = [
    "chain_of_ranges",
    "choose_checkpoint",
    "missing_ranges",
    "output_end",
    "retry_pause",
    "stale_ranges",
    "startable",
]


def missing_ranges(
    *,
    latest: int,
    interval: int,
    finalized: int,
    outputs_ahead: int,
    blocks_per_range: int,
    known: Sequence[StoredRange],
) -> list[BlockRange]:
    """Return the ranges to add so that the finalised blocks after output `latest` are covered.

    Ranges end at every output's block (each `interval` blocks) and hold `blocks_per_range` blocks
    at most; only whole ranges are given, for at most `outputs_ahead` outputs.
    """
    starts = {item.start for item in known}
    found: list[BlockRange] = []
    for output in range(outputs_ahead):
        begin = latest + output * interval
        for start in range(begin, begin + interval, blocks_per_range):
            end = min(start + blocks_per_range, begin + interval)
            if end > finalized:
                return found
            if start not in starts:
                found.append(BlockRange(start=start, end=end))
    return found


def startable(known: Sequence[StoredRange], *, now: float, free: int) -> list[StoredRange]:
    """Return up to `free` ranges to run now, the lowest first; `now` is Unix time."""
    waiting = [item for item in known if item.state is RangeState.NEW and item.retry_at <= now]
    return sorted(waiting, key=lambda item: item.start)[: max(free, 0)]


def chain_of_ranges(known: Sequence[StoredRange], *, start: int, end: int) -> list[StoredRange]:
    """Return the done ranges that lead from block `start` exactly to `end`; empty: not yet."""
    by_start = {item.start: item for item in known if item.state is RangeState.DONE}
    chain: list[StoredRange] = []
    at = start
    while at < end:
        if at not in by_start:
            return []
        chain.append(by_start[at])
        at = by_start[at].end
    return chain if at == end else []


def output_end(
    known: Sequence[StoredRange],
    *,
    latest: int,
    interval: int,
    intended: Sequence[int] = (),
    catch_up_after: int = 5,
) -> int | None:
    """Return the block of the next output whose ranges are all done; None: there is none yet.

    Normally outputs lie `interval` blocks apart. When `catch_up_after` of them could be proposed
    at once, after a long pause say, one output covers them all: the contract takes any block from
    its next one on. An output that is intended already stays as it is.
    """
    reached = latest
    while chain_of_ranges(known, start=reached, end=reached + interval):
        reached += interval
    if reached == latest:
        return None
    for end in intended:
        if latest < end <= reached:
            return end
    return reached if reached - latest >= catch_up_after * interval else latest + interval


def choose_checkpoint(*, l1_heads: Sequence[int], safe: int, not_below: int) -> int | None:
    """Return the L1 block to checkpoint: at the safe tag, at or above every range's L1 head.

    None: wait for L1, as the safe block is still below one of the heads or `not_below`.
    """
    return safe if safe >= max([not_below, *l1_heads]) else None


def stale_ranges(
    chain: Sequence[StoredRange], *, roots: Mapping[int, Hash32], canonical: Sequence[Hash32]
) -> list[StoredRange]:
    """Return the ranges whose claim no longer stands.

    `roots` holds the node's output roots by block; `canonical` the hashes among the ranges' L1
    heads that L1 still has.
    """
    return [
        item
        for item in chain
        if item.boot_info is None
        or item.boot_info.l1_head not in canonical
        or item.boot_info.l2_pre_root != roots[item.start]
        or item.boot_info.l2_post_root != roots[item.end]
    ]


def retry_pause(attempts: int) -> float:
    """Return the seconds to wait after failed attempt number `attempts`: 1, 2, 4, to 60."""
    return float(min(60, 2 ** (max(attempts, 1) - 1)))
