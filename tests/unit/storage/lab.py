"""One database under test, and what tests ask of it."""

from __future__ import annotations

import itertools
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from coprove.storage import (
    ConfigIdentity,
    Lease,
    MemoryDatabase,
    MemoryRequestStore,
    ProofRequest,
    RangePlan,
    RequestKind,
    RequestStatus,
    RequestStore,
    Scope,
    open_store,
)
from coprove.types import Address, BlockId, BlockRange, Hash32
from coprove.types.transactions import Attempt, Draft, Fees

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = [
    "BACKENDS",
    "CONFIG",
    "SCOPE",
    "SENDER",
    "TTL",
    "Lab",
    "attempt",
    "block",
    "complete",
    "draft",
    "plans",
    "spans",
    "walk",
]

BACKENDS = ("memory", "sqlite", "postgres")
SCOPE = Scope(l1_chain_id=11155111, l2_chain_id=901, contract=Address(bytes([7] * 20)))
CONFIG = ConfigIdentity(
    aggregation_vkey=Hash32(b"a" * 32),
    range_vkey_commitment=Hash32(b"r" * 32),
    rollup_config_hash=Hash32(b"c" * 32),
)
TTL = 3600.0
"""A lease that no test waits for."""


SENDER = Address(b"s" * 20)
"""An account that sends."""


def draft(key: str, sender: Address = SENDER) -> Draft:
    """Return what is to be sent."""
    return Draft(key=key, sender=sender, to=None, value=2**200, data=b"call", gas_limit=21_000)


def attempt(number: int, nonce: int = 0) -> Attempt:
    """Return a signed transaction with a hash of its own."""
    return Attempt(
        tx_hash=Hash32(number.to_bytes(32, "big")),
        nonce=nonce,
        raw=b"\x02\xc0",
        fees=Fees(max_fee=2**100, priority_fee=1),
        sent_at=1.5,
    )


class Lab:
    """Opens stores on one database, as several processes would."""

    def __init__(self, url: str | None) -> None:
        """On the database at `url`; in memory without one."""
        self.url = url
        self._memory = MemoryDatabase()

    @asynccontextmanager
    async def store(self, scope: Scope = SCOPE) -> AsyncIterator[RequestStore]:
        async with AsyncExitStack() as stack:
            if self.url is None:
                yield await stack.enter_async_context(MemoryRequestStore(self._memory, scope))
            else:
                yield await stack.enter_async_context(await open_store(self.url, scope))

    @asynccontextmanager
    async def leading(self, anchor: int | None = 0) -> AsyncIterator[tuple[RequestStore, Lease]]:
        """Give a store, its lease, and a path that begins at `anchor`."""
        async with self.store() as store:
            lease = await store.acquire("leader", TTL)
            if anchor is not None:
                await store.reanchor(lease, anchor)
            yield store, lease


def plans(*boundaries: int) -> list[RangePlan]:
    """Return the ranges between consecutive boundaries."""
    return [
        RangePlan(blocks=BlockRange(start=start, end=end))
        for start, end in itertools.pairwise(boundaries)
    ]


def spans(requests: object) -> list[tuple[int, int]]:
    """Return starts and ends."""
    assert isinstance(requests, (list, tuple))
    return [(request.blocks.start, request.blocks.end) for request in requests]


def block(number: int) -> BlockId:
    """Return a block with a hash of its own."""
    return BlockId(hash=Hash32(number.to_bytes(32, "big")), number=number)


_WAY = (
    RequestStatus.UNREQUESTED,
    RequestStatus.WITNESS_GENERATION,
    RequestStatus.PROVING,
    RequestStatus.COMPLETE,
)


async def walk(
    store: RequestStore, lease: Lease, request: ProofRequest, target: RequestStatus
) -> ProofRequest:
    """Take a request along the usual way up to `target`."""
    for step in _WAY[_WAY.index(request.status) + 1 : _WAY.index(target) + 1]:
        request = await store.move(lease, request.id, request.status, step)
    return request


async def complete(store: RequestStore, lease: Lease, upto: int) -> None:
    """Complete every live range that ends at or below `upto`."""
    for request in await store.find(kind=RequestKind.RANGE, statuses=_WAY[:-1]):
        if request.blocks.end <= upto:
            await walk(store, lease, request, RequestStatus.COMPLETE)
