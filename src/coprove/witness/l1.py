"""The L1 side of a live witness: which blocks, their contents and the batcher's blobs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.da import fetch_blobs
from coprove.errors import InputError
from coprove.program import BlobInput, L1BlockInput
from coprove.program.bloom import LogFilter
from coprove.rpc.errors import NotYetAvailableError, RequestRefusedError, RpcError
from coprove.rpc.tasks import together
from coprove.types import L1BlockRef
from coprove.witness.batcher import BatcherWatch
from coprove.witness.errors import ChainReorgError, RangeNotSafeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.da import Blob
    from coprove.rpc import BeaconClient, EthBlock, L1Client, RollupNodeClient, SyncStatus
    from coprove.types import BlockId, Hash32, L2BlockRef, RollupConfig

__all__ = ["L1Collection", "choose_l1_head", "collect_l1", "first_safe_l1_block"]

_CHUNK = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class L1Collection:
    """The L1 part of a RangeInput."""

    head: Hash32
    """Hash of the last block."""
    blocks: tuple[L1BlockInput, ...]
    """Consecutive blocks."""
    blobs: tuple[BlobInput, ...]
    """Blobs of the batcher's transactions in them."""


async def choose_l1_head(
    node: RollupNodeClient, status: SyncStatus, claimed: L2BlockRef, buffer: int
) -> int:
    """Return the number of an L1 block from which `claimed` can be derived.

    With a safe-head database it is the first such block. Without one it lies `buffer` blocks
    behind the claimed block's L1 origin, but not beyond what the node has read: a guess, enough
    unless the batcher lagged by more, which deriving the range tells.
    Raises RangeNotSafeError when the node does not call the block safe yet.
    """
    first = await first_safe_l1_block(node, status, claimed)
    if first is not None:
        return first
    return min(claimed.l1_origin.number + buffer, status.current_l1.number)


async def first_safe_l1_block(
    node: RollupNodeClient, status: SyncStatus, claimed: L2BlockRef
) -> int | None:
    """Return the first L1 block after which the node calls `claimed` safe.

    None when its safe-head database does not tell, or it keeps none. Raises RangeNotSafeError when
    the node does not call the block safe yet.
    """
    if status.safe_l2.number < claimed.number:
        raise RangeNotSafeError(
            f"L2 block {claimed.number} is not safe yet: the safe head is {status.safe_l2.number}"
        )
    low, high = claimed.l1_origin.number, status.current_l1.number
    try:
        if not await _safe_at(node, high, claimed.number):
            return None
        while low < high:
            middle = (low + high) // 2
            if await _safe_at(node, middle, claimed.number):
                high = middle
            else:
                low = middle + 1
    except (RpcError, RequestRefusedError):
        return None
    return low


async def _safe_at(node: RollupNodeClient, l1_block: int, number: int) -> bool:
    try:
        return (await node.safe_head_at_l1_block(l1_block)).safe_head.number >= number
    except NotYetAvailableError:
        return False


async def collect_l1(
    config: RollupConfig,
    l1: L1Client,
    beacon: BeaconClient | None,
    *,
    origin: BlockId,
    agreed_origin: BlockId,
    head: int,
    batcher: bytes,
    progress: Callable[[str, int, int], None],
) -> L1Collection:
    """Fetch the L1 blocks from `origin` to number `head`, their receipts and blobs.

    `batcher` is the batcher's address at `origin`. Raises ChainReorgError when the blocks do not
    chain to each other or to the L2 chain's origins, so that the caller begins again.
    """
    total = head - origin.number + 1
    if total < 1:
        raise InputError("L1 head", expected=f"at least {origin.number}", actual=head)
    log_filter = LogFilter(config)
    done = 0

    async def chunk(first: int) -> list[tuple[EthBlock, L1BlockInput]]:
        nonlocal done
        blocks = await l1.blocks(list(range(first, min(first + _CHUNK, head + 1))))
        noted = [block for block in blocks if log_filter.may_match(block.header.logs_bloom)]
        try:
            found = await l1.receipts(noted)
        except NotYetAvailableError as error:
            raise ChainReorgError(f"receipts of a block just read are gone: {error}") from None
        receipts = {block.hash: items for block, items in zip(noted, found, strict=True)}
        done += len(blocks)
        progress("L1 blocks", done, total)
        return [
            (
                block,
                L1BlockInput(
                    header=block.rlp,
                    transactions=block.transactions,
                    receipts=receipts.get(block.hash),
                ),
            )
            for block in blocks
        ]

    starts = range(origin.number, head + 1, _CHUNK)
    pairs = [pair for part in await together(*(chunk(first) for first in starts)) for pair in part]
    _check_chain([block for block, _ in pairs], origin, agreed_origin)
    wanted: list[tuple[L1BlockRef, tuple[Hash32, ...]]] = []
    watch = BatcherWatch(config, batcher)
    for block, given in pairs:
        hashes = watch.blob_hashes(given.transactions, given.receipts)
        if hashes:
            wanted.append((L1BlockRef.from_header(block.header, block.hash), hashes))
    blobs = await _blobs(beacon, wanted, progress)
    return L1Collection(
        head=pairs[-1][0].hash,
        blocks=tuple(given for _, given in pairs),
        blobs=tuple(
            BlobInput(commitment=blob.commitment, proof=blob.proof, data=blob.data)
            for blob in blobs
        ),
    )


def _check_chain(blocks: Sequence[EthBlock], *origins: BlockId) -> None:
    for before, after in itertools.pairwise(blocks):
        if after.header.parent_hash != before.hash:
            raise ChainReorgError(
                f"L1 block {after.header.number} has parent {after.header.parent_hash}, "
                f"but block {before.header.number} was {before.hash}"
            )
    first = blocks[0].header.number
    for origin in origins:
        if not first <= origin.number < first + len(blocks):
            raise InputError("L1 origin", expected=f"within {first} and the head", actual=origin)
        found = blocks[origin.number - first].hash
        if found != origin.hash:
            raise ChainReorgError(
                f"L1 block {origin.number} is {found}, but L2 refers to {origin.hash}"
            )


async def _blobs(
    beacon: BeaconClient | None,
    wanted: Sequence[tuple[L1BlockRef, tuple[Hash32, ...]]],
    progress: Callable[[str, int, int], None],
) -> list[Blob]:
    if not wanted:
        return []
    if beacon is None:
        raise InputError(
            "beacon endpoint", expected="one, since batches are in blobs", actual="none"
        )
    done = 0
    total = sum(len(hashes) for _, hashes in wanted)

    async def block(ref: L1BlockRef, hashes: tuple[Hash32, ...]) -> list[Blob]:
        nonlocal done
        blobs = await fetch_blobs(beacon, ref, hashes)
        done += len(blobs)
        progress("blobs", done, total)
        return blobs

    parts = await together(*(block(ref, hashes) for ref, hashes in wanted))
    return [blob for part in parts for blob in part]
