"""The request store: its protocol.

A store speaks for one scope. Reads need nothing; every write takes the caller's `Lease`, which is
checked in the same transaction: LeaseLostError when another leads, and then nothing was written.
Any method may raise StoreUnavailableError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping, Sequence
    from typing import Unpack

    from coprove.storage.records import (
        Checkpoint,
        ConfigIdentity,
        Intent,
        IntentKind,
        IntentState,
        Lease,
        ProofRequest,
        RangePlan,
        Reanchored,
        Recovery,
        Replaced,
        RequestChanges,
        Scope,
        Values,
    )
    from coprove.storage.states import RequestKind, RequestStatus
    from coprove.types import BlockId, BlockRange, Hash32

__all__ = ["RequestStore"]


class RequestStore(Protocol):
    """Keeps proof requests and all that must survive a crash beside them."""

    @property
    def scope(self) -> Scope:
        """Whose requests these are."""

    @property
    def address(self) -> str:
        """Where the database is, without user, password and options: for logs."""

    async def close(self) -> None:
        """Release connections."""

    # ---- leadership

    async def acquire(self, holder: str, ttl: float) -> Lease:
        """Lead for `ttl` seconds; LeaseHeldError as long as another does.

        A holder that asks again is refused like any other: it renews, or waits for the end.
        """

    async def renew(self, lease: Lease, ttl: float) -> Lease:
        """Lead for `ttl` seconds from now; LeaseLostError once the lease has run out."""

    async def release(self, lease: Lease) -> None:
        """Stop leading, so that a standby need not wait; no error when it is lost already."""

    async def check(self, lease: Lease) -> None:
        """Raise LeaseLostError when the caller does not lead: before an effect outside."""

    async def leader(self) -> Lease | None:
        """Return who leads now; None when nobody does."""

    # ---- reading

    async def get(self, request_id: int) -> ProofRequest:
        """Return a request; UnknownRequestError when the scope has none with this number."""

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

    async def history(self, block: int) -> Sequence[ProofRequest]:
        """Return every request, live or not, that proves or proved `block`, oldest first."""

    async def counts(self, kind: RequestKind | None = None) -> Mapping[RequestStatus, int]:
        """Return how many requests are in each state; states without any count 0."""

    async def anchor(self) -> int | None:
        """Return the block at which the path of live ranges begins; None before `reanchor`."""

    async def live_ranges(self, above: int = 0) -> Sequence[ProofRequest]:
        """Return the live ranges that end above a block, in order; they leave no gap."""

    async def highest_end(self) -> int | None:
        """Return the end of the path: where the next range begins; None before `reanchor`."""

    async def proven_prefix(self, start: int) -> Sequence[ProofRequest]:
        """Return the complete ranges that follow one another from block `start` on.

        Empty when no live range begins exactly there, or the one that does is not complete.
        """

    async def next_unrequested(self) -> ProofRequest | None:
        """Return what is to be requested next: aggregations first, then the lowest range."""

    async def proof(self, request_id: int) -> bytes | None:
        """Return the stored proof of a request."""

    # ---- requests

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

    async def cut_above(self, lease: Lease, block: int, *, error: str) -> Reanchored:
        """Cancel all that ends above `block`, after an L2 reorg; `error` says why.

        Aggregations on L1, or about to be, stay. The path ends at its last boundary that is not
        above `block`.
        """

    async def plan_ranges(
        self,
        lease: Lease,
        ranges: Sequence[RangePlan],
        *,
        backend: str,
        config: ConfigIdentity | None = None,
    ) -> Sequence[ProofRequest]:
        """Queue ranges at the end of the path; RangeGapError when they do not join it."""

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

    async def note(
        self, lease: Lease, request_id: int, **changes: Unpack[RequestChanges]
    ) -> ProofRequest:
        """Set fields of a request and leave its state."""

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

    async def recover(self, lease: Lease, *, error: str) -> Recovery:
        """Fail and queue again what a dead process had in work; what a backend has stays.

        Work with an open PROOF_REQUEST intent is left as it is, and returned: it may have been
        asked for already. An aggregation whose ranges are not proven any more is not queued again.
        """

    # ---- intents

    async def open_intent(
        self,
        lease: Lease,
        key: str,
        kind: IntentKind,
        *,
        request_id: int | None = None,
        values: Values | None = None,
    ) -> Intent:
        """Store an intent, or return the one that has the key, in whatever state it is.

        IntentConflictError when the key stands for another kind or request.
        """

    async def note_intent(self, lease: Lease, key: str, values: Values) -> Intent:
        """Add values to an open intent; IntentConflictError when it is closed."""

    async def close_intent(
        self, lease: Lease, key: str, state: IntentState, values: Values | None = None
    ) -> Intent:
        """Settle an intent as DONE or ABANDONED; again with the same state is no error."""

    async def intent(self, key: str) -> Intent | None:
        """Return the intent of a key."""

    async def open_intents(
        self, kind: IntentKind | None = None, request_id: int | None = None
    ) -> Sequence[Intent]:
        """Return the open intents, oldest first."""

    # ---- checkpoints

    async def put_checkpoint(
        self, lease: Lease, block: BlockId, *, tx_hash: Hash32 | None = None
    ) -> None:
        """Note that the contract keeps a block's hash; a later note of the number counts."""

    async def drop_checkpoint(self, lease: Lease, number: int) -> None:
        """Forget a checkpoint that the contract does not have (any more)."""

    async def checkpoints(self) -> Sequence[Checkpoint]:
        """Return all checkpoints by number, highest first."""

    # ---- spending

    async def put_spend(
        self, lease: Lease, key: str, *, day: datetime.date, backend: str, amount: int
    ) -> None:
        """Note what an effect costs, in the payment token's base unit; once for each key.

        A later note of the same key takes the place of the first: an estimate, then the price.
        """

    async def spent(self, day: datetime.date, backend: str | None = None) -> int:
        """Return what the effects of a day (UTC) cost, in the base unit."""
