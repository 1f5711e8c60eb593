"""The store's methods that read requests, upon any database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.storage import steps
from coprove.storage.base import StoreBase
from coprove.storage.cancellation import unbroken
from coprove.storage.checks import checked_number
from coprove.storage.session import RequestFilter
from coprove.storage.states import RequestKind, RequestStatus
from coprove.types import BlockRange

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from coprove.storage.records import ProofRequest

__all__ = ["ReadingMethods"]


class ReadingMethods(StoreBase):
    """What a `RequestStore` tells of its requests."""

    @unbroken
    async def get(self, request_id: int) -> ProofRequest:
        """Return a request; UnknownRequestError when the scope has none with this number."""
        async with self._session(write=False) as session:
            return await steps.existing(session, request_id)

    @unbroken
    async def find(
        self,
        *,
        kind: RequestKind | None = None,
        statuses: Collection[RequestStatus] | None = None,
        touching: BlockRange | None = None,
        before_id: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Sequence[ProofRequest]:
        """Return requests by their number, oldest first unless asked otherwise.

        `touching` keeps those that share a block with it; with `before_id` and `newest_first` a
        listing goes on where the last page ended.
        """
        wanted = RequestFilter(
            kind=kind,
            statuses=statuses,
            touching=touching,
            before_id=before_id,
            limit=limit,
            newest_first=newest_first,
        )
        return await self._select(wanted)

    @unbroken
    async def history(self, block: int) -> Sequence[ProofRequest]:
        """Return every request, live or not, that proves or proved `block`, oldest first."""
        if checked_number("block", block) == 0:
            return ()  # The genesis block is nobody's claim.
        return await self.find(touching=BlockRange(start=block - 1, end=block))

    @unbroken
    async def counts(self, kind: RequestKind | None = None) -> Mapping[RequestStatus, int]:
        """Return how many requests are in each state; states without any count 0."""
        async with self._session(write=False) as session:
            return dict.fromkeys(RequestStatus, 0) | await session.counts(kind)

    @unbroken
    async def anchor(self) -> int | None:
        """Return the block at which the path of live ranges begins; None before `reanchor`."""
        async with self._session(write=False) as session:
            return await session.anchor()

    @unbroken
    async def live_ranges(self, above: int = 0) -> Sequence[ProofRequest]:
        """Return the live ranges that end above a block, in order; they leave no gap."""
        checked_number("block", above)
        return await self._select(RequestFilter(on_path=True, end_above=above))

    @unbroken
    async def highest_end(self) -> int | None:
        """Return the end of the path: where the next range begins; None before `reanchor`."""
        async with self._session(write=False) as session:
            return await session.path_end()

    @unbroken
    async def proven_prefix(self, start: int) -> Sequence[ProofRequest]:
        """Return the complete ranges that follow one another from block `start` on.

        Empty when no live range begins exactly there, or the one that does is not complete.
        """
        async with self._session(write=False) as session:
            return await steps.proven_prefix(session, checked_number("block", start))

    @unbroken
    async def next_unrequested(self) -> ProofRequest | None:
        """Return what is to be requested next: aggregations first, then the lowest range."""
        queued = (RequestStatus.UNREQUESTED,)
        async with self._session(write=False) as session:
            for wanted in (
                RequestFilter(kind=RequestKind.AGGREGATION, statuses=queued, limit=1),
                RequestFilter(on_path=True, statuses=queued, limit=1),
            ):
                for request in await session.select(wanted):
                    return request
        return None

    @unbroken
    async def proof(self, request_id: int) -> bytes | None:
        """Return the stored proof of a request."""
        async with self._session(write=False) as session:
            await steps.existing(session, request_id)
            return await session.proof(request_id)

    async def _select(self, wanted: RequestFilter) -> list[ProofRequest]:
        async with self._session(write=False) as session:
            return await session.select(wanted)
