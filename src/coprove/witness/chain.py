"""Consecutive blocks that lead to a known hash, from the disk where they are, else from a node.

Blocks are asked for by number, since that takes one round trip, and are held against the hash that
they must lead to afterwards: one that does not fit is asked for again by its hash, which proves it.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from coprove.rpc import EthBlock, EthHeader
from coprove.rpc.errors import NotYetAvailableError
from coprove.rpc.tasks import ahead
from coprove.witness.errors import ChainReorgError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
    from typing import Any

    from coprove.rpc import BlockTag, EthClient
    from coprove.types import Hash32
    from coprove.witness.cache import ChainCache

__all__ = ["Chain", "blocks_of", "headers_of"]

B = TypeVar("B", bound=EthHeader)

_CHUNK = 64
_CHUNKS_AHEAD = 4
_FLIGHT = 32
_REPAIRS = 8
"""Blocks that may be asked for again in one collection; more that do not fit are a reorg."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain(Generic[B]):
    """One chain's blocks or headers, as a node serves them and as the disk keeps them."""

    name: str
    """L1 or L2, for messages."""
    fetch: Callable[[Sequence[BlockTag]], Awaitable[list[B]]]
    """Asks the node, by numbers or hashes."""
    names: Callable[[Sequence[BlockTag]], Awaitable[list[EthHeader]]] | None
    """Asks for headers alone, where those are much smaller."""
    cache: ChainCache | None
    """The disk; None for none."""
    load: Callable[[Hash32], B | None]
    """Reads from the disk."""
    keep: Callable[[Iterable[B]], None]
    """Writes to the disk."""
    chain_id: int
    """Names the chain on the disk."""
    finalized: int
    """Number of the finalised head: only below it a number names a block for good."""

    async def up_to(
        self,
        first: int,
        last: int,
        tip: Hash32,
        *,
        known: Mapping[int, B] | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> list[B]:
        """Return the blocks `first` to `last`, where the last has the hash `tip`, ascending.

        `known` are blocks at hand, by number. `progress` is told how many more are there. Raises
        ChainReorgError when the node does not have the blocks that lead to `tip`.
        """
        have: dict[int, B] = dict(known or {})
        progress(sum(number in have for number in range(first, last + 1)))
        wanted = [number for number in range(first, last + 1) if number not in have]

        def chunk(start: int) -> Callable[[], Coroutine[Any, Any, list[B]]]:
            return lambda: self._chunk(wanted[start : start + _CHUNK])

        chunks = (chunk(start) for start in range(0, len(wanted), _CHUNK))
        async with aclosing(ahead(chunks, _CHUNKS_AHEAD)) as parts:
            async for part in parts:
                have.update((block.header.number, block) for block in part)
                progress(len(part))
        return await self._mended([have[number] for number in range(first, last + 1)], tip)

    async def named(self, names: Sequence[Hash32]) -> list[B]:
        """Return the blocks with these hashes; NotYetAvailableError for one that is not there."""
        loaded = await asyncio.to_thread(lambda: [self.load(name) for name in names])
        have = {block.hash: block for block in loaded if block is not None}
        missing = [name for name in names if name not in have]
        if missing:
            found = await self.fetch(missing)
            await asyncio.to_thread(self._stored, found)
            have.update((block.hash, block) for block in found)
        return [have[name] for name in names]

    async def _chunk(self, numbers: Sequence[int]) -> list[B]:
        """Return blocks by number, none of them held against another yet."""
        cache = self.cache
        if cache is None:
            return await self.fetch(numbers)
        names = {f"{self.name}-{self.chain_id}-{number // _FLIGHT}" for number in numbers}
        async with AsyncExitStack() as stack:
            have = await asyncio.to_thread(self._loaded, numbers)
            missing = [number for number in numbers if number not in have]
            if missing:
                await stack.enter_async_context(cache.disk.flight(names))
                have |= await asyncio.to_thread(self._loaded, missing)
                have |= await self._named(missing, have)
                missing = [number for number in missing if number not in have]
            if missing:
                found = await self.fetch(missing)
                await asyncio.to_thread(self._stored, found)
                have.update(zip(missing, found, strict=True))
        return [have[number] for number in numbers]

    async def _named(self, numbers: Sequence[int], have: Mapping[int, B]) -> dict[int, B]:
        """Return from the disk blocks that are not final, asking the node for their hashes."""
        young = [n for n in numbers if n not in have and n > self.finalized]
        if not young or self.names is None:
            return {}
        headers = await self.names(young)
        loaded = await asyncio.to_thread(lambda: [self.load(item.hash) for item in headers])
        return {
            number: block for number, block in zip(young, loaded, strict=True) if block is not None
        }

    def _loaded(self, numbers: Sequence[int]) -> dict[int, B]:
        found: dict[int, B] = {}
        for number in numbers:
            if self.cache is None or number > self.finalized:
                continue
            name = self.cache.block_hash(self.chain_id, number)
            block = None if name is None else self.load(name)
            if block is not None and block.header.number == number:
                found[number] = block
        return found

    def _stored(self, blocks: Sequence[B]) -> None:
        self.keep(blocks)
        final = [block for block in blocks if block.header.number <= self.finalized]
        if self.cache is not None:
            self.cache.add_numbers(self.chain_id, final)

    async def _mended(self, blocks: list[B], tip: Hash32) -> list[B]:
        """Hold the blocks against `tip` from the last on; replace those that do not fit."""
        wanted, left = tip, _REPAIRS
        for index in range(len(blocks) - 1, -1, -1):
            number = blocks[index].header.number
            if blocks[index].hash != wanted:
                if not left:
                    raise ChainReorgError(
                        f"{self.name} block {number} is {blocks[index].hash}, not {wanted}"
                    )
                left -= 1
                blocks[index] = await self._by_hash(wanted, number)
            wanted = blocks[index].header.parent_hash
        return blocks

    async def _by_hash(self, name: Hash32, number: int) -> B:
        try:
            (found,) = await self.named([name])
        except NotYetAvailableError as error:
            raise ChainReorgError(f"{self.name} block {number}: {error}") from None
        if found.header.number != number:
            raise ChainReorgError(
                f"{self.name} block {name} has number {found.header.number}, not {number}"
            )
        return found


def blocks_of(
    name: str, client: EthClient, chain_id: int, finalized: int, cache: ChainCache | None
) -> Chain[EthBlock]:
    """Return the whole blocks of a chain."""
    return Chain(
        name=name,
        fetch=client.blocks,
        names=client.headers,
        cache=cache,
        load=(lambda _: None) if cache is None else cache.block,
        keep=(lambda _: None) if cache is None else cache.add_blocks,
        chain_id=chain_id,
        finalized=finalized,
    )


def headers_of(
    name: str, client: EthClient, chain_id: int, finalized: int, cache: ChainCache | None
) -> Chain[EthHeader]:
    """Return the headers of a chain."""
    return Chain(
        name=name,
        fetch=client.headers,
        names=None,
        cache=cache,
        load=(lambda _: None) if cache is None else cache.header,
        keep=(lambda _: None) if cache is None else cache.add_headers,
        chain_id=chain_id,
        finalized=finalized,
    )
