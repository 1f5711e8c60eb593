"""The L1 as this node sees it: polled heads, verified blocks, and a blocking face for derivation.

Derivation is synchronous and runs in a worker thread; what it asks of L1 is fetched on the event
loop. Blocks are kept by hash, so a reorg never serves a stale one under a new number.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from coprove.da import fetch_blobs
from coprove.derivation.source import L1Block
from coprove.errors import Temporary
from coprove.primitives.kzg import KzgError
from coprove.primitives.rlp import RlpError
from coprove.program.bloom import LogFilter
from coprove.rpc.errors import (
    MalformedResponseError,
    NotYetAvailableError,
    RequestRefusedError,
    ResponseTooLargeError,
    RpcError,
    WrongDataError,
)
from coprove.types import L1BlockRef

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Sequence
    from concurrent.futures import Future

    from coprove.devnet.node.status import SyncStatus
    from coprove.rpc import BeaconClient, L1Client
    from coprove.types import Hash32, RollupConfig

__all__ = ["BlockingL1Source", "L1UnavailableError", "L1View"]

# They blame the endpoint, not the chain: a better answer may come, so the node waits for it.
_FAULTS = (
    KzgError,
    MalformedResponseError,
    RequestRefusedError,
    ResponseTooLargeError,
    RlpError,
    RpcError,
    WrongDataError,
)

_KEPT_BLOCKS = 1024
_AHEAD = 16
_T = TypeVar("_T")
_log = structlog.get_logger("coprove.devnet.node.l1")


class L1UnavailableError(Temporary):
    """The L1 endpoint cannot give what is needed now."""


async def _ask(call: Awaitable[_T]) -> _T:
    """Wait for an answer of L1; a faulty one counts as none, and is logged."""
    try:
        return await call
    except _FAULTS as error:
        _log.warning("l1.faulty", reason=str(error))
        raise L1UnavailableError(f"a faulty answer of L1: {error}") from error


class L1View:
    """Reads one L1 endpoint; used from the event loop.

    Whatever the endpoint does wrong is a Temporary error here.
    """

    def __init__(
        self,
        client: L1Client,
        beacon: BeaconClient | None,
        config: RollupConfig,
        status: SyncStatus,
    ) -> None:
        """Read through `client`, blobs through `beacon`; heads are put on `status`."""
        self._client = client
        self._beacon = beacon
        self._filter = LogFilter(config)
        self._status = status
        self._blocks: OrderedDict[bytes, L1Block] = OrderedDict()
        self._refs: OrderedDict[bytes, L1BlockRef] = OrderedDict()
        self._numbers: dict[int, Hash32] = {}
        self.changed = asyncio.Event()
        self.reached = asyncio.Event()

    async def poll(self) -> bool:
        """Read the L1 heads; True when the newest block is another one than before."""
        head = await _ask(self._client.block_ref("latest"))
        self._status.safe_l1 = await self._tagged("safe")
        self._status.finalized_l1 = await self._tagged("finalized")
        self._status.last_poll = time.monotonic()
        before, self._status.head_l1 = self._status.head_l1, head
        self.reached.set()
        if before is not None and before.hash == head.hash:
            return False
        if before is not None and head.parent_hash != before.hash:
            # Blocks were missed or replaced: which number has which block is asked again.
            self._numbers.clear()
        self._remember(head)
        self.changed.set()
        return True

    async def _tagged(self, tag: str) -> L1BlockRef | None:
        try:
            return await _ask(self._client.block_ref(tag))
        except NotYetAvailableError:
            return None

    def _remember(self, ref: L1BlockRef) -> None:
        self._numbers[ref.number] = ref.hash
        self._refs[ref.hash] = ref
        if len(self._refs) > 4 * _KEPT_BLOCKS:
            old, _ = self._refs.popitem(last=False)
            self._numbers = {key: item for key, item in self._numbers.items() if item != old}

    def forget_numbers(self) -> None:
        """Ask L1 again which block is canonical at each number (after a reorg)."""
        self._numbers.clear()

    async def canonical(self, number: int) -> L1BlockRef | None:
        """The canonical L1 block of a number, asked of L1; None when it is not there."""
        try:
            ref = await _ask(self._client.block_ref(number))
        except NotYetAvailableError:
            return None
        self._remember(ref)
        return ref

    def known(self, number: int) -> L1BlockRef | None:
        """The L1 block of a number as it was last seen, without asking."""
        return self._refs.get(self._numbers.get(number, b""))

    async def by_hash(self, block_hash: Hash32) -> L1BlockRef | None:
        """An L1 block by its hash; None when L1 does not know it any more."""
        known = self._refs.get(block_hash)
        if known is not None:
            return known
        try:
            found = await _ask(self._client.header(block_hash))
        except NotYetAvailableError:
            return None
        ref = L1BlockRef.from_header(found.header, found.hash)
        self._refs[ref.hash] = ref
        return ref

    async def block(self, block_hash: Hash32) -> L1Block:
        """A whole L1 block with the receipts that derivation needs, verified."""
        known = self._blocks.get(block_hash)
        if known is not None:
            self._blocks.move_to_end(block_hash)
            return known
        found = await _ask(self._client.block(block_hash))
        receipts = None
        if self._filter.may_match(found.header.logs_bloom):
            receipts = (await _ask(self._client.receipts([found])))[0]
        block = L1Block(
            header=found.header,
            hash=found.hash,
            transactions=found.transactions,
            receipts=receipts,
        )
        self._blocks[block_hash] = block
        if len(self._blocks) > _KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return block

    async def block_by_number(self, number: int) -> L1Block | None:
        """The canonical L1 block of a number; None above the head."""
        head = self._status.head_l1
        if head is None or number > head.number:
            return None
        known = self._numbers.get(number)
        if known is None:
            await self._read_ahead(number, min(number + _AHEAD, head.number))
            known = self._numbers.get(number)
        return None if known is None else await self.block(known)

    async def _read_ahead(self, first: int, last: int) -> None:
        """Fetch a stretch of blocks at once, for a node that catches up; the first must come."""
        wanted, *ahead = [self._read(number) for number in range(first, last + 1)]
        rest = asyncio.gather(*ahead, return_exceptions=True)
        try:
            await wanted
        finally:
            await rest

    async def _read(self, number: int) -> None:
        ref = await self.canonical(number)
        if ref is not None:
            await self.block(ref.hash)

    async def blobs(self, block: L1BlockRef, versioned_hashes: Sequence[Hash32]) -> list[bytes]:
        """Verified blobs of an L1 block."""
        if self._beacon is None:
            raise L1UnavailableError("batches are in blobs and no beacon endpoint is configured")
        blobs = await _ask(fetch_blobs(self._beacon, block, versioned_hashes))
        return [blob.data for blob in blobs]


class BlockingL1Source:
    """The derivation pipeline's `L1Source`, called in a worker thread."""

    def __init__(self, view: L1View, loop: asyncio.AbstractEventLoop) -> None:
        """Fetch through `view` on `loop`."""
        self._view = view
        self._loop = loop
        self._confirmations = 0
        self._pending: Future[Any] | None = None
        self._is_closed = False

    def hide_newest(self, confirmations: int) -> None:
        """Show only blocks that have so many others on them; at first all are shown."""
        self._confirmations = confirmations

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        if self._is_closed:
            work.close()
            raise L1UnavailableError("the node is stopping")
        self._pending = asyncio.run_coroutine_threadsafe(work, self._loop)
        return self._pending.result()

    def block_by_number(self, number: int) -> L1Block | None:
        """The canonical L1 block of that number, None when it is not there yet."""
        head = self._view._status.head_l1
        if head is None or number + self._confirmations > head.number:
            return None
        found: L1Block | None = self._wait(self._view.block_by_number(number))
        return found

    def blobs(self, block: L1BlockRef, versioned_hashes: Sequence[Hash32]) -> list[bytes]:
        """Blobs of an L1 block, verified."""
        found: list[bytes] = self._wait(self._view.blobs(block, versioned_hashes))
        return found

    def close(self) -> None:
        """Wake a thread that waits, and let no other wait."""
        self._is_closed = True
        if self._pending is not None:
            self._pending.cancel()
