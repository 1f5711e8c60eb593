"""What a database must do within one transaction: the ground that the store's steps stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from coprove.storage.records import (
        Checkpoint,
        ConfigIdentity,
        Intent,
        IntentKind,
        IntentState,
        ProofRequest,
        RequestChanges,
    )
    from coprove.storage.states import RequestKind, RequestStatus
    from coprove.types import Address, BlockId, BlockRange, Hash32
    from coprove.types import transactions as tx

__all__ = ["NewRequest", "RequestFilter", "Session", "StoredLease"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLease:
    """The row of a scope's lease."""

    holder: str | None
    """Who leads, or led last; None after a release and at first."""
    token: int
    """Token of that holder; 0 before the first."""
    expires_at: float
    """Until when; unix time in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """A request to insert as UNREQUESTED; fields as in `ProofRequest`."""

    kind: RequestKind
    """Range or aggregation."""
    backend: str
    """Who proves it."""
    blocks: BlockRange
    """Its blocks."""
    attempts: int = 0
    """Failed requests before it."""
    replaces: int | None = None
    """The one that it takes over from."""
    end_hash: Hash32 | None = None
    """Hash of the claimed block."""
    config: ConfigIdentity | None = None
    """What it is proven for."""
    checkpoint: BlockId | None = None
    """L1 checkpoint of an aggregation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFilter:
    """Which requests to read; all conditions hold together."""

    kind: RequestKind | None = None
    """Of this kind."""
    statuses: Collection[RequestStatus] | None = None
    """In one of these states."""
    on_path: bool = False
    """Live ranges only, in the order of their blocks instead of their numbers."""
    touching: BlockRange | None = None
    """With a block in common."""
    start_from: int | None = None
    """That start at this block or above."""
    end_above: int | None = None
    """That end above this block."""
    before_id: int | None = None
    """With a lower number."""
    limit: int | None = None
    """The first so many."""
    newest_first: bool = False
    """By falling numbers."""


class Session(Protocol):
    """One transaction in one scope. Nothing is kept unless all is, and all of it fits the rules."""

    async def now(self) -> float:
        """Return the time by the database's clock; unix time in seconds."""

    async def lease(self) -> StoredLease:
        """Return the lease; in a writing session no other one gets past this until the end."""

    async def set_lease(self, lease: StoredLease) -> None:
        """Store the lease."""

    async def get(self, request_id: int) -> ProofRequest | None:
        """Return a request of the scope."""

    async def select(self, wanted: RequestFilter) -> list[ProofRequest]:
        """Return requests of the scope."""

    async def counts(self, kind: RequestKind | None) -> dict[RequestStatus, int]:
        """Return how many requests are in each state; only those with any."""

    async def insert(self, new: Sequence[NewRequest], now: float) -> list[ProofRequest]:
        """Store requests; ranges go onto the path."""

    async def step(
        self,
        request_id: int,
        *,
        kinds: Collection[RequestKind],
        sources: Collection[RequestStatus],
        target: RequestStatus | None,
        changes: RequestChanges,
        now: float,
    ) -> ProofRequest | None:
        """Set fields, and the state unless None, of a request in one of the states `sources`.

        None when it is not there, not of `kinds` or not in such a state. Also sets the times that
        go with the new state. A range that dies leaves the path.
        """

    async def anchor(self) -> int | None:
        """Return the block at which the path begins."""

    async def path_end(self) -> int | None:
        """Return the block at which the path ends."""

    async def set_anchor(self, block: int) -> None:
        """Let the path begin at `block`."""

    async def proof(self, request_id: int) -> bytes | None:
        """Return a stored proof of the scope."""

    async def put_proof(self, request_id: int, proof: bytes) -> None:
        """Store a proof, in place of the one there."""

    async def intent(self, key: str) -> Intent | None:
        """Return an intent."""

    async def intents(
        self, state: IntentState, kind: IntentKind | None, request_id: int | None
    ) -> list[Intent]:
        """Return intents in the order in which they were opened."""

    async def put_intent(self, intent: Intent) -> None:
        """Store a new intent, or its values, state and time."""

    async def chain(self) -> str | None:
        """Return the L1 that the scope's transactions are for; None before `set_chain`."""

    async def set_chain(self, chain: str) -> None:
        """Store which L1 they are for."""

    async def transaction(self, key: str) -> tx.Intent | None:
        """Return a transaction."""

    async def unsettled_transactions(self, sender: Address, chain_nonce: int) -> list[tx.Intent]:
        """Return an account's transactions that are open or at `chain_nonce` or above, by nonce."""

    async def highest_nonce(self, sender: Address) -> int | None:
        """Return the highest nonce of an account's transactions."""

    async def put_transaction(self, intent: tx.Intent) -> None:
        """Store a new transaction, or its nonce, state and place."""

    async def drop_transaction(self, key: str) -> None:
        """Forget a transaction and its attempts."""

    async def attempts(self, key: str) -> list[tx.Attempt]:
        """Return the signed transactions of a key, oldest first."""

    async def add_attempt(self, key: str, attempt: tx.Attempt) -> None:
        """Store another one of them."""

    async def checkpoints(self) -> list[Checkpoint]:
        """Return all checkpoints, highest first."""

    async def put_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint, in place of the one with its number."""

    async def drop_checkpoint(self, number: int) -> None:
        """Forget a checkpoint."""
