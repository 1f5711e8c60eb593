"""The L1 side of a live witness: which blocks, their contents and the batcher's blobs."""

from __future__ import annotations

import asyncio
import functools
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from coprove.da import fetch_blobs
from coprove.errors import InputError
from coprove.program import BlobInput, L1BlockInput
from coprove.program.bloom import LogFilter
from coprove.rpc.errors import NotYetAvailableError, RequestRefusedError, RpcError
from coprove.rpc.tasks import ahead
from coprove.types import BlockHeader, L1BlockRef
from coprove.witness.batcher import BatcherWatch
from coprove.witness.errors import ChainReorgError, RangeNotSafeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.da import Blob
    from coprove.program import RangeInput
    from coprove.rpc import BeaconSource, EthBlock, L1Client, RollupNodeClient, SyncStatus
    from coprove.types import BlockId, Hash32, L2BlockRef, RollupConfig
    from coprove.witness.cache import ChainCache
    from coprove.witness.chain import Chain

__all__ = ["L1Collection", "L1Collector", "choose_l1_head", "first_safe_l1_block"]

_HEADS_AT_ONCE = 16
_BLOB_BLOCKS_AHEAD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class L1Collection:
    """The L1 part of a RangeInput."""

    blocks: tuple[L1BlockInput, ...]
    """Consecutive blocks."""
    hashes: tuple[Hash32, ...]
    """The hash of each block."""
    blobs: tuple[tuple[BlobInput, ...], ...]
    """Blobs of the batcher's transactions in each block."""

    def up_to(self, number: int) -> L1Collection:
        """Return this without the blocks above the one with this number."""
        first = BlockHeader.decode_rlp(self.blocks[0].header).number
        count = number - first + 1
        return L1Collection(
            blocks=self.blocks[:count], hashes=self.hashes[:count], blobs=self.blobs[:count]
        )

    def applied_to(self, given: RangeInput) -> RangeInput:
        """Return `given` with these blocks and blobs, each blob once, the last block as head."""
        blobs = dict.fromkeys(blob for part in self.blobs for blob in part)
        return replace(given, l1_head=self.hashes[-1], l1_blocks=self.blocks, blobs=tuple(blobs))


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
    low: int = claimed.l1_origin.number
    high: int = status.current_l1.number
    # Batches are mostly posted soon: the first blocks are looked at one by one, then ever fewer.
    asked: list[int] = [*range(low, min(low + _HEADS_AT_ONCE, high)), high]
    try:
        while low <= high:
            heads = await node.safe_heads_at_l1_blocks(asked)
            safe = [
                number
                for number, head in zip(asked, heads, strict=True)
                if head is not None and head.safe_head.number >= claimed.number
            ]
            if not safe:
                return None
            high = safe[0]
            low = max((number + 1 for number in asked if number < high), default=low)
            if low >= high:
                return high
            step = -(-(high - low) // _HEADS_AT_ONCE)
            asked = [*range(low + step - 1, high, step), high]
    except (RpcError, RequestRefusedError):
        return None
    return None


class L1Collector:
    """Collects the L1 blocks of one range, their receipts and blobs; what it has it keeps."""

    def __init__(
        self,
        config: RollupConfig,
        l1: L1Client,
        beacon: BeaconSource | None,
        chain: Chain[EthBlock],
        progress: Callable[[str, int, int], None],
    ) -> None:
        """`chain` gives the blocks; `beacon` may be None for chains that post no blobs."""
        self._config = config
        self._l1 = l1
        self._beacon = beacon
        self._chain = chain
        self._progress = progress
        self._filter = LogFilter(config)
        self._blocks: dict[int, EthBlock] = {}
        self._receipts: dict[Hash32, tuple[bytes, ...]] = {}
        self._blobs: dict[Hash32, Blob] = {}

    async def collect(
        self, *, origin: BlockId, agreed_origin: BlockId, head: int, batcher: bytes
    ) -> L1Collection:
        """Return the L1 blocks from `origin` to number `head`, their receipts and blobs.

        `batcher` is the batcher's address at `origin`. Raises ChainReorgError when the blocks do
        not chain to the L2 chain's origins, so that the caller begins again.
        """
        total = head - origin.number + 1
        if total < 1:
            raise InputError("L1 head", expected=f"at least {origin.number}", actual=head)
        tip = await self._l1.header(head)
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            if more:
                self._progress("L1 blocks", done, total)

        blocks = await self._chain.up_to(
            origin.number, head, tip.hash, known=self._blocks, progress=count
        )
        self._blocks = {block.header.number: block for block in blocks}
        _check_origins(blocks, origin, agreed_origin)
        await self._fetch_receipts(blocks)
        watch = BatcherWatch(self._config, batcher)
        wanted = [
            (block, watch.blob_hashes(block.transactions, self._receipts.get(block.hash)))
            for block in blocks
        ]
        await self._fetch_blobs(wanted)
        return L1Collection(
            blocks=tuple(
                L1BlockInput(
                    header=block.rlp,
                    transactions=block.transactions,
                    receipts=self._receipts.get(block.hash),
                )
                for block in blocks
            ),
            hashes=tuple(block.hash for block in blocks),
            blobs=tuple(
                tuple(
                    BlobInput(commitment=blob.commitment, proof=blob.proof, data=blob.data)
                    for blob in (self._blobs[name] for name in names)
                )
                for _, names in wanted
            ),
        )

    async def _fetch_receipts(self, blocks: Sequence[EthBlock]) -> None:
        """Bring the receipts of blocks whose bloom admits a log that derivation reads."""
        noted = [
            block
            for block in blocks
            if block.hash not in self._receipts and self._filter.may_match(block.header.logs_bloom)
        ]
        cache = self._chain.cache
        if cache is None:
            self._receipts.update(await self._receipts_of(noted))
            return
        self._receipts.update(await asyncio.to_thread(_cached_receipts, cache, noted))
        missing = [block for block in noted if block.hash not in self._receipts]
        if missing:
            async with cache.disk.flight(block.hash.hex() for block in missing):
                self._receipts.update(await asyncio.to_thread(_cached_receipts, cache, missing))
                missing = [block for block in missing if block.hash not in self._receipts]
                found = await self._receipts_of(missing)
                for block in missing:
                    await asyncio.to_thread(cache.add_receipts, block, found[block.hash])
                self._receipts.update(found)

    async def _receipts_of(self, blocks: Sequence[EthBlock]) -> dict[Hash32, tuple[bytes, ...]]:
        try:
            found = await self._l1.receipts(blocks)
        except NotYetAvailableError as error:
            raise ChainReorgError(f"receipts of a block just read are gone: {error}") from None
        return {block.hash: items for block, items in zip(blocks, found, strict=True)}

    async def _fetch_blobs(self, wanted: Sequence[tuple[EthBlock, Sequence[Hash32]]]) -> None:
        """Bring the blobs, a few blocks' at a time."""
        total = sum(len(names) for _, names in wanted)
        calls = [
            functools.partial(self._blobs_of, block, names)
            for block, names in wanted
            if any(name not in self._blobs for name in names)
        ]
        if not calls:
            return
        if self._beacon is None:
            raise InputError(
                "beacon endpoint", expected="one, since batches are in blobs", actual="none"
            )
        async with aclosing(ahead(calls, _BLOB_BLOCKS_AHEAD)) as parts:
            async for part in parts:
                self._blobs.update(part)
                self._progress("blobs", len(self._blobs), max(total, len(self._blobs)))

    async def _blobs_of(self, block: EthBlock, names: Sequence[Hash32]) -> dict[Hash32, Blob]:
        assert self._beacon is not None  # noqa: S101 - checked by the caller
        ref = L1BlockRef.from_header(block.header, block.hash)
        cache = self._chain.cache
        if cache is None:
            return dict(zip(names, await fetch_blobs(self._beacon, ref, names), strict=True))
        found = await asyncio.to_thread(_cached_blobs, cache, names)
        if len(found) < len(set(names)):
            async with cache.disk.flight(name.hex() for name in names):
                found = await asyncio.to_thread(_cached_blobs, cache, names)
                missing = [name for name in names if name not in found]
                fetched = await fetch_blobs(self._beacon, ref, missing)
                pairs = list(zip(missing, fetched, strict=True))
                await asyncio.to_thread(cache.add_blobs, pairs)
                found.update(pairs)
        return found


def _cached_receipts(
    cache: ChainCache, blocks: Sequence[EthBlock]
) -> dict[Hash32, tuple[bytes, ...]]:
    loaded = {block.hash: cache.receipts(block) for block in blocks}
    return {name: items for name, items in loaded.items() if items is not None}


def _cached_blobs(cache: ChainCache, names: Sequence[Hash32]) -> dict[Hash32, Blob]:
    loaded = {name: cache.blob(name) for name in names}
    return {name: blob for name, blob in loaded.items() if blob is not None}


def _check_origins(blocks: Sequence[EthBlock], *origins: BlockId) -> None:
    first = blocks[0].header.number
    for origin in origins:
        if not first <= origin.number < first + len(blocks):
            raise InputError("L1 origin", expected=f"within {first} and the head", actual=origin)
        found = blocks[origin.number - first].hash
        if found != origin.hash:
            raise ChainReorgError(
                f"L1 block {origin.number} is {found}, but L2 refers to {origin.hash}"
            )
