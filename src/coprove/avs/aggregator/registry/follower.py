"""Follows the registry's events up to the head of L1, and back where a reorg took some away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from coprove.avs.aggregator.registry.errors import RegistryDisagreesError
from coprove.avs.aggregator.registry.events import KeyRegistered, read_events
from coprove.avs.aggregator.registry.history import RegistryHistory
from coprove.avs.aggregator.registry.trail import BlockTrail
from coprove.avs.bls import Bn254Error, G1Point, G2Point, PublicKey
from coprove.rpc import ChainMovedError
from coprove.telemetry import get_logger
from coprove.types import BlockId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.rpc import EthClient
    from coprove.types import Address

__all__ = ["BlockObserver", "RegistryFollower"]

_log = get_logger(part="registry")


class BlockObserver(Protocol):
    """Keeps something that blocks of L1 may change."""

    async def blocks_added(self, first: int, last: int) -> None:
        """Look at what happened in new blocks, both included."""
        ...

    def forget(self) -> None:
        """Keep nothing: a reorg took blocks away, or it isn't known what happened in some."""
        ...


class RegistryFollower:
    """The registry's history on the chain that the endpoint is on; calls take turns."""

    def __init__(self, client: EthClient, *, keys: Address, stakes: Address, start: int) -> None:
        """Follow BLSApkRegistry and StakeRegistry from block `start`, before the first event."""
        self._client, self._keys, self._stakes = client, keys, stakes
        self._start = start
        self._trail = BlockTrail()
        self._lock = asyncio.Lock()
        self._reread = False
        self._observers: list[BlockObserver] = []
        self.history = RegistryHistory()
        """What was read."""
        self.generation = 0
        """Rises whenever something that was read turns out not to be so."""
        self.reorgs = 0
        """How often blocks that were read left the chain."""

    @property
    def tip(self) -> BlockId | None:
        """The newest block that was read; None before the first."""
        return self._trail.tip

    def observe(self, observer: BlockObserver) -> None:
        """Tell somebody of blocks from the next ones on."""
        self._observers.append(observer)

    def distrust(self) -> None:
        """Read everything anew before the next answer."""
        self._reread = True

    async def sync(self) -> BlockId:
        """Read what is new; return the newest block that was read.

        An endpoint whose head was read before is behind: nothing is taken back for it. Raises
        ChainMovedError when a reorg comes meanwhile, RegistryDisagreesError for a key that is
        none, and the transport's errors; nothing is changed then but what a reorg took away.
        """
        async with self._lock:
            if self._reread:
                self._cut(None)
                self._reread = False
            head = await self._client.header("latest")
            here = BlockId(number=head.header.number, hash=head.hash)
            base = await self._base(here)
            tip = self.tip
            if tip is not None and tip.number >= here.number:
                if base == here:
                    return tip
                # Whether the blocks between are those that were read, nothing tells.
                self._cut(base)
            first = self._start if base is None else base.number + 1
            if first <= here.number:
                await self._read(first, here, base)
            self._trail.add(here)
            return here

    async def _base(self, head: BlockId) -> BlockId | None:
        """Return the newest block read that is the chain's, and forget what is not the chain's."""
        tip = self.tip
        if tip is None:
            return None
        base = await self._trail.common(self._client, head.number)
        below = self._trail.newest(head.number)
        if base != below:
            self.reorgs += 1
            _log.warning(
                "a reorg took blocks away",
                read=tip.number,
                common=None if base is None else base.number,
            )
            self._cut(base)
        return base

    def _cut(self, base: BlockId | None) -> None:
        number = self._start - 1 if base is None else base.number
        self.history.rollback(number)
        self._trail.cut(number)
        self.generation += 1
        for observer in self._observers:
            observer.forget()

    async def _read(self, first: int, head: BlockId, base: BlockId | None) -> None:
        found = await read_events(
            self._client.transport,
            keys=self._keys,
            stakes=self._stakes,
            first=first,
            last=head.number,
        )
        for known in (base, head):
            if known is not None:
                await self._check_still(known)
        hashes = {head.number: head.hash}
        for event, block_hash in found:
            if hashes.setdefault(event.block, block_hash) != block_hash:
                raise ChainMovedError(f"logs of block {event.block} name two blocks")
        events = [event for event, _ in found]
        keys = await asyncio.to_thread(_checked_keys, events)
        self.history.apply(events, keys)
        for number in sorted(hashes):
            if number < head.number:
                self._trail.add(BlockId(number=number, hash=hashes[number]))
        if base is not None:
            await self._tell(first, head.number)

    async def _tell(self, first: int, last: int) -> None:
        for observer in self._observers:
            try:
                await observer.blocks_added(first, last)
            except BaseException:
                # Whatever happened there, it may have changed what the observer holds.
                observer.forget()
                raise

    async def _check_still(self, block: BlockId) -> None:
        now = (await self._client.header(block.number)).hash
        if now != block.hash:
            raise ChainMovedError(f"block {block.number} changed while the registry was read")


def _checked_keys(events: Sequence[object]) -> dict[Address, PublicKey]:
    """Return the keys that accounts registered; a pairing for each, so off the event loop."""
    keys = {}
    for event in events:
        if isinstance(event, KeyRegistered):
            try:
                keys[event.operator] = PublicKey(
                    g1=G1Point.from_coordinates(*event.g1), g2=G2Point.from_coordinates(*event.g2)
                )
            except Bn254Error as error:
                raise RegistryDisagreesError(
                    f"key of {event.operator}", expected="a registered key", actual=error
                ) from error
    return keys
