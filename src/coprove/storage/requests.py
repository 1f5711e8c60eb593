"""The store's methods that write requests, upon any database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.storage import adoption, path, steps
from coprove.storage.base import StoreBase
from coprove.storage.cancellation import unbroken
from coprove.storage.checks import checked_changes
from coprove.storage.session import NewRequest
from coprove.storage.states import RequestKind, RequestStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
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
    )
    from coprove.types import BlockId, BlockRange

__all__ = ["RequestMethods"]


class RequestMethods(StoreBase):
    """What a `RequestStore` does with requests."""

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
        """Let the path begin at `block`, the contract's latest: at first, and when it moves.

        On a boundary of the path with all ranges below complete, nothing changes. Else ranges that
        are of no use any more are cancelled: below `block` all up to the last that is not
        complete; above, all that cannot be reached from it. `fill` are new ranges from `block`
        to a boundary above it, from which on the path is kept; without it, and with `block`
        between boundaries, all is cancelled. Aggregations that begin below `block` and are neither
        on L1 nor about to be (an open PROPOSAL intent) are cancelled as well. Open intents of what
        is cancelled stay open: their owner still settles them. RangeGapError when `fill` does not
        join.
        """
        async with self._writing(lease) as (session, now):
            return await path.reanchor(
                session, block, fill=fill, backend=backend, config=config, now=now
            )

    @unbroken
    async def cut_above(self, lease: Lease, block: int, *, error: str) -> Reanchored:
        """Cancel all that ends above `block`, after an L2 reorg; `error` says why.

        Aggregations on L1, or about to be, stay. The path ends at its last boundary that is not
        above `block`.
        """
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
        """Queue ranges at the end of the path; RangeGapError when they do not join it."""
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
        """Queue an aggregation, or return the live one of the same blocks.

        NotProvenError unless complete ranges lead from its start to its end.
        """
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
        """Take one step of the table and set fields; store the proof with it, when one is given.

        `source` is the state that the caller knows: StaleRequestError when it is another by now.
        IllegalTransitionError when the table has no such step. A live range leaves the path by
        `replace`, `reanchor` and `cut_above` only: FAILED and CANCELLED are illegal for it here.
        """
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
        """Set fields of a request and leave its state."""
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
        """Give a request up (FAILED or CANCELLED) and queue others for its blocks, in one step.

        `ranges` must cover its blocks exactly (two halves share the middle); None queues the same
        blocks, and an aggregation can only be queued the same. `attempts` of the new ones is the
        old one's plus one unless given. The backend and, unless given, the config carry over. An
        aggregation that stands on a range given up, and is not on L1, is cancelled.
        """
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
        """Fail and queue again what a dead process had in work; what a backend has stays.

        Work with an open PROOF_REQUEST intent is left as it is, and returned: it may have been
        asked for already. An aggregation whose ranges are not proven any more is not queued again.
        """
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
