"""The request store upon any database: each method is one transaction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from coprove.storage import adoption, leases, path, steps
from coprove.storage.cancellation import unbroken
from coprove.storage.checks import checked_block, checked_changes, checked_number, checked_text
from coprove.storage.intents import IntentMethods
from coprove.storage.records import Checkpoint
from coprove.storage.session import NewRequest, RequestFilter
from coprove.storage.states import RequestKind, RequestStatus
from coprove.types import BlockRange

if TYPE_CHECKING:
    import datetime
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType
    from typing import Unpack

    from coprove.storage.records import (
        ConfigIdentity,
        Lease,
        ProofRequest,
        RangePlan,
        Reanchored,
        Recovery,
        Replaced,
        RequestChanges,
        Scope,
    )
    from coprove.storage.session import Session
    from coprove.types import BlockId, Hash32

__all__ = ["BaseRequestStore"]


class BaseRequestStore(IntentMethods, ABC):
    """A `RequestStore` that leaves to its subclasses how a transaction is done."""

    def __init__(self, scope: Scope, address: str) -> None:
        """Speak for `scope`, in the database called `address`."""
        self._scope = scope
        self._address = address

    @property
    def scope(self) -> Scope:
        """See `RequestStore`."""
        return self._scope

    @property
    def address(self) -> str:
        """See `RequestStore`."""
        return self._address

    @abstractmethod
    def _session(self, *, write: bool) -> AbstractAsyncContextManager[Session]:
        """Return a transaction; it is undone when an error leaves it."""

    @abstractmethod
    async def close(self) -> None:
        """See `RequestStore`."""

    async def __aenter__(self) -> Self:
        """Return the store itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.close()

    @asynccontextmanager
    async def _writing(self, lease: Lease) -> AsyncIterator[tuple[Session, float]]:
        """Give a session of the leader, and the time; LeaseLostError when another leads."""
        async with self._session(write=True) as session:
            yield session, await leases.check(session, self._scope, lease)

    # ---- leadership

    @unbroken
    async def acquire(self, holder: str, ttl: float) -> Lease:
        """See `RequestStore`."""
        checked_text("holder", holder)
        async with self._session(write=True) as session:
            return await leases.acquire(session, self._scope, holder, ttl)

    @unbroken
    async def renew(self, lease: Lease, ttl: float) -> Lease:
        """See `RequestStore`."""
        async with self._writing(lease) as (session, now):
            return await leases.renew(session, lease, ttl, now)

    @unbroken
    async def release(self, lease: Lease) -> None:
        """See `RequestStore`."""
        async with self._session(write=True) as session:
            await leases.release(session, self._scope, lease)

    @unbroken
    async def check(self, lease: Lease) -> None:
        """See `RequestStore`."""
        async with self._session(write=False) as session:
            await leases.check(session, self._scope, lease)

    @unbroken
    async def leader(self) -> Lease | None:
        """See `RequestStore`."""
        async with self._session(write=False) as session:
            return await leases.leader(session, self._scope)

    # ---- reading

    @unbroken
    async def get(self, request_id: int) -> ProofRequest:
        """See `RequestStore`."""
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
        """See `RequestStore`."""
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
        """See `RequestStore`."""
        if checked_number("block", block) == 0:
            return ()  # The genesis block is nobody's claim.
        return await self.find(touching=BlockRange(start=block - 1, end=block))

    @unbroken
    async def counts(self, kind: RequestKind | None = None) -> Mapping[RequestStatus, int]:
        """See `RequestStore`."""
        async with self._session(write=False) as session:
            return dict.fromkeys(RequestStatus, 0) | await session.counts(kind)

    @unbroken
    async def anchor(self) -> int | None:
        """See `RequestStore`."""
        async with self._session(write=False) as session:
            return await session.anchor()

    @unbroken
    async def live_ranges(self, above: int = 0) -> Sequence[ProofRequest]:
        """See `RequestStore`."""
        checked_number("block", above)
        return await self._select(RequestFilter(on_path=True, end_above=above))

    @unbroken
    async def highest_end(self) -> int | None:
        """See `RequestStore`."""
        async with self._session(write=False) as session:
            return await session.path_end()

    @unbroken
    async def proven_prefix(self, start: int) -> Sequence[ProofRequest]:
        """See `RequestStore`."""
        async with self._session(write=False) as session:
            return await steps.proven_prefix(session, checked_number("block", start))

    @unbroken
    async def next_unrequested(self) -> ProofRequest | None:
        """See `RequestStore`."""
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
        """See `RequestStore`."""
        async with self._session(write=False) as session:
            await steps.existing(session, request_id)
            return await session.proof(request_id)

    async def _select(self, wanted: RequestFilter) -> list[ProofRequest]:
        async with self._session(write=False) as session:
            return await session.select(wanted)

    # ---- requests

    @unbroken
    async def reanchor(
        self,
        lease: Lease,
        block: int,
        *,
        fill: Sequence[RangePlan] = (),
        backend: str = "",
        config: ConfigIdentity | None = None,
    ) -> Reanchored:
        """See `RequestStore`."""
        async with self._writing(lease) as (session, now):
            return await path.reanchor(
                session, block, fill=fill, backend=backend, config=config, now=now
            )

    @unbroken
    async def cut_above(self, lease: Lease, block: int, *, error: str) -> Reanchored:
        """See `RequestStore`."""
        async with self._writing(lease) as (session, now):
            return await path.cut_above(session, block, error, now)

    @unbroken
    async def plan_ranges(
        self,
        lease: Lease,
        ranges: Sequence[RangePlan],
        *,
        backend: str,
        config: ConfigIdentity | None = None,
    ) -> Sequence[ProofRequest]:
        """See `RequestStore`."""
        async with self._writing(lease) as (session, now):
            return await steps.plan_ranges(session, ranges, backend, config, now)

    @unbroken
    async def add_aggregation(
        self,
        lease: Lease,
        blocks: BlockRange,
        *,
        backend: str,
        config: ConfigIdentity | None = None,
        checkpoint: BlockId | None = None,
    ) -> ProofRequest:
        """See `RequestStore`."""
        new = NewRequest(
            kind=RequestKind.AGGREGATION,
            backend=backend,
            blocks=blocks,
            config=config,
            checkpoint=checkpoint,
        )
        async with self._writing(lease) as (session, now):
            return await steps.add_aggregation(session, new, now)

    @unbroken
    async def move(
        self,
        lease: Lease,
        request_id: int,
        source: RequestStatus,
        target: RequestStatus,
        *,
        proof: bytes | None = None,
        **changes: Unpack[RequestChanges],
    ) -> ProofRequest:
        """See `RequestStore`."""
        checked = checked_changes(changes)
        async with self._writing(lease) as (session, now):
            moved = await steps.move(session, request_id, source, target, changes=checked, now=now)
            if proof is not None:
                await session.put_proof(request_id, proof)
            return moved

    @unbroken
    async def note(
        self, lease: Lease, request_id: int, **changes: Unpack[RequestChanges]
    ) -> ProofRequest:
        """See `RequestStore`."""
        checked = checked_changes(changes)
        async with self._writing(lease) as (session, now):
            return await steps.note(session, request_id, checked, now)

    @unbroken
    async def replace(
        self,
        lease: Lease,
        request_id: int,
        source: RequestStatus,
        target: RequestStatus,
        ranges: Sequence[RangePlan] | None = None,
        *,
        error: str,
        attempts: int | None = None,
        config: ConfigIdentity | None = None,
    ) -> Replaced:
        """See `RequestStore`."""
        async with self._writing(lease) as (session, now):
            return await steps.replace(
                session,
                request_id,
                source,
                target,
                ranges,
                error=error,
                attempts=attempts,
                config=config,
                now=now,
            )

    @unbroken
    async def recover(self, lease: Lease, *, error: str) -> Recovery:
        """See `RequestStore`."""
        async with self._writing(lease) as (session, now):
            return await steps.recover(session, error, now)

    @unbroken
    async def adopt(
        self,
        lease: Lease,
        plan: adoption.AdoptionPlan,
        *,
        backend: str,
        config: ConfigIdentity | None = None,
    ) -> adoption.Adopted:
        """Take over another proposer's work into this empty scope; AdoptionError otherwise."""
        async with self._writing(lease) as (session, now):
            return await adoption.adopt(session, plan, backend=backend, config=config, now=now)

    # ---- checkpoints and spending

    @unbroken
    async def put_checkpoint(
        self, lease: Lease, block: BlockId, *, tx_hash: Hash32 | None = None
    ) -> None:
        """See `RequestStore`."""
        checked_block("checkpoint", block)
        async with self._writing(lease) as (session, now):
            await session.put_checkpoint(Checkpoint(block=block, tx_hash=tx_hash, created_at=now))

    @unbroken
    async def drop_checkpoint(self, lease: Lease, number: int) -> None:
        """See `RequestStore`."""
        checked_number("checkpoint", number)
        async with self._writing(lease) as (session, _):
            await session.drop_checkpoint(number)

    @unbroken
    async def checkpoints(self) -> Sequence[Checkpoint]:
        """See `RequestStore`."""
        async with self._session(write=False) as session:
            return await session.checkpoints()

    @unbroken
    async def put_spend(
        self, lease: Lease, key: str, *, day: datetime.date, backend: str, amount: int
    ) -> None:
        """See `RequestStore`."""
        checked_text("key", key)
        checked_text("backend", backend)
        async with self._writing(lease) as (session, _):
            await session.put_spend(key, day, backend, amount)

    @unbroken
    async def spent(self, day: datetime.date, backend: str | None = None) -> int:
        """See `RequestStore`."""
        async with self._session(write=False) as session:
            return sum(await session.spends(day, backend))
