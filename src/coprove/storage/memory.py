"""The in-memory twin of the database, for tests: the same store, the same rules, no disk."""

from __future__ import annotations

import asyncio
import copy
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from coprove.storage.errors import IntegrityViolationError
from coprove.storage.records import Intent, ProofRequest
from coprove.storage.session import StoredLease
from coprove.storage.states import RequestKind, RequestStatus
from coprove.storage.store import RequestStore
from coprove.types import transactions as tx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence

    from coprove.storage.records import (
        Checkpoint,
        IntentKind,
        IntentState,
        RequestChanges,
        Scope,
    )
    from coprove.storage.session import NewRequest, RequestFilter
    from coprove.types import Address

__all__ = ["MemoryDatabase", "MemoryRequestStore"]


@dataclass(slots=True, kw_only=True)
class _Contents:
    """What one scope holds."""

    lease: StoredLease = field(
        default_factory=lambda: StoredLease(holder=None, token=0, expires_at=0.0)
    )
    anchor: int | None = None
    requests: dict[int, ProofRequest] = field(default_factory=dict)
    proofs: dict[int, bytes] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)
    checkpoints: dict[int, Checkpoint] = field(default_factory=dict)
    chain: str | None = None
    transactions: dict[str, tx.Intent] = field(default_factory=dict)
    attempts: dict[str, tuple[tx.Attempt, ...]] = field(default_factory=dict)

    def snapshot(self) -> _Contents:
        """Return a copy whose changes do not show here; what it holds is never changed in place."""
        shadow = copy.copy(self)
        for name, value in ((f.name, getattr(self, f.name)) for f in fields(self)):
            if isinstance(value, dict):
                setattr(shadow, name, dict(value))
        return shadow

    def path(self) -> list[ProofRequest]:
        """Return the live ranges in the order of their blocks."""
        live = (r for r in self.requests.values() if r.kind is RequestKind.RANGE and r.is_live)
        return sorted(live, key=lambda request: request.blocks.start)

    def check(self) -> None:
        """Raise IntegrityViolationError where a database's constraints would."""
        at = self.anchor
        for request in self.path():
            if request.blocks.start != at:
                raise IntegrityViolationError(f"live range {request.blocks} does not begin at {at}")
            at = request.blocks.end
        live = [r.blocks for r in self.requests.values() if r.kind and r.is_live]
        if len(set(live)) < len(live):
            raise IntegrityViolationError("two live aggregations of the same blocks")
        nonces = [(t.draft.sender, t.nonce) for t in self.transactions.values()]
        if len(set(nonces)) < len(nonces):
            raise IntegrityViolationError("two transactions with one nonce")


class MemoryDatabase:
    """What several stores share, as processes share a database."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Begin empty; `clock` gives unix time in seconds."""
        self.clock = clock
        self._contents: dict[Scope, _Contents] = {}
        self._lock = asyncio.Lock()
        self._last_id = 0

    def next_id(self) -> int:
        """Return the number of the next request, of any scope."""
        self._last_id += 1
        return self._last_id

    @asynccontextmanager
    async def session(self, scope: Scope) -> AsyncIterator[_MemorySession]:
        """Give a transaction; kept at the end unless an error leaves it."""
        async with self._lock:
            contents = self._contents.setdefault(scope, _Contents()).snapshot()
            yield _MemorySession(self, contents)
            contents.check()
            self._contents[scope] = contents


class MemoryRequestStore(RequestStore):
    """A `RequestStore` that nothing survives but its `MemoryDatabase`."""

    def __init__(self, database: MemoryDatabase, scope: Scope) -> None:
        """Speak for `scope`."""
        super().__init__(scope, "memory")
        self._database = database

    @asynccontextmanager
    async def _session(self, *, write: bool) -> AsyncIterator[_MemorySession]:  # noqa: ARG002 - reading is writing nothing
        async with self._database.session(self._scope) as session:
            yield session

    async def close(self) -> None:
        """Keep everything: the next store finds it."""


class _MemorySession:
    """A `Session` on a copy of a scope's contents."""

    def __init__(self, database: MemoryDatabase, contents: _Contents) -> None:
        self._database = database
        self._all = contents

    async def now(self) -> float:
        return self._database.clock()

    async def lease(self) -> StoredLease:
        return self._all.lease

    async def set_lease(self, lease: StoredLease) -> None:
        self._all.lease = lease

    async def get(self, request_id: int) -> ProofRequest | None:
        return self._all.requests.get(request_id)

    async def select(self, wanted: RequestFilter) -> list[ProofRequest]:
        found = list(self._matching(wanted))
        if wanted.newest_first:
            found.reverse()
        return found if wanted.limit is None else found[: wanted.limit]

    def _matching(self, wanted: RequestFilter) -> Iterator[ProofRequest]:
        for request in self._all.path() if wanted.on_path else self._all.requests.values():
            blocks, touching = request.blocks, wanted.touching
            if (
                (wanted.kind is None or request.kind is wanted.kind)
                and (wanted.statuses is None or request.status in wanted.statuses)
                and (wanted.start_from is None or blocks.start >= wanted.start_from)
                and (wanted.end_above is None or blocks.end > wanted.end_above)
                and (wanted.before_id is None or request.id < wanted.before_id)
                and (
                    touching is None
                    or (blocks.start < touching.end and touching.start < blocks.end)
                )
            ):
                yield request

    async def counts(self, kind: RequestKind | None) -> dict[RequestStatus, int]:
        counted: dict[RequestStatus, int] = {}
        for request in self._all.requests.values():
            if kind is None or request.kind is kind:
                counted[request.status] = counted.get(request.status, 0) + 1
        return counted

    async def insert(self, new: Sequence[NewRequest], now: float) -> list[ProofRequest]:
        stored = [
            ProofRequest(
                id=self._database.next_id(),
                kind=request.kind,
                status=RequestStatus.UNREQUESTED,
                backend=request.backend,
                blocks=request.blocks,
                attempts=request.attempts,
                replaces=request.replaces,
                created_at=now,
                updated_at=now,
                end_hash=request.end_hash,
                config=request.config,
                checkpoint=request.checkpoint,
            )
            for request in new
        ]
        self._all.requests.update({request.id: request for request in stored})
        return stored

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
        request = self._all.requests.get(request_id)
        if request is None or request.kind not in kinds or request.status not in sources:
            return None
        request = replace(request, updated_at=now, **changes)
        if target is not None:
            request = replace(request, status=target)
        if target is RequestStatus.WITNESS_GENERATION:
            request = replace(request, witness_begun_at=now)
        elif target is RequestStatus.PROVING:
            request = replace(request, requested_at=now)
        self._all.requests[request_id] = request
        return request

    async def anchor(self) -> int | None:
        return self._all.anchor

    async def path_end(self) -> int | None:
        path = self._all.path()
        return path[-1].blocks.end if path else self._all.anchor

    async def set_anchor(self, block: int) -> None:
        self._all.anchor = block

    async def proof(self, request_id: int) -> bytes | None:
        return self._all.proofs.get(request_id)

    async def put_proof(self, request_id: int, proof: bytes) -> None:
        self._all.proofs[request_id] = proof

    async def intent(self, key: str) -> Intent | None:
        return self._all.intents.get(key)

    async def intents(
        self, state: IntentState, kind: IntentKind | None, request_id: int | None
    ) -> list[Intent]:
        return [
            intent
            for intent in self._all.intents.values()
            if intent.state is state
            and (kind is None or intent.kind is kind)
            and (request_id is None or intent.request_id == request_id)
        ]

    async def put_intent(self, intent: Intent) -> None:
        self._all.intents[intent.key] = intent

    async def chain(self) -> str | None:
        return self._all.chain

    async def set_chain(self, chain: str) -> None:
        self._all.chain = chain

    async def transaction(self, key: str) -> tx.Intent | None:
        return self._all.transactions.get(key)

    async def unsettled_transactions(self, sender: Address, chain_nonce: int) -> list[tx.Intent]:
        found = [
            intent
            for intent in self._all.transactions.values()
            if intent.draft.sender == sender
            and (intent.state is tx.IntentState.OPEN or intent.nonce >= chain_nonce)
        ]
        return sorted(found, key=lambda intent: intent.nonce)

    async def highest_nonce(self, sender: Address) -> int | None:
        stored = self._all.transactions.values()
        return max((i.nonce for i in stored if i.draft.sender == sender), default=None)

    async def put_transaction(self, intent: tx.Intent) -> None:
        self._all.transactions[intent.key] = intent

    async def drop_transaction(self, key: str) -> None:
        self._all.transactions.pop(key, None)
        self._all.attempts.pop(key, None)

    async def attempts(self, key: str) -> list[tx.Attempt]:
        return list(self._all.attempts.get(key, ()))

    async def add_attempt(self, key: str, attempt: tx.Attempt) -> None:
        self._all.attempts[key] = (*self._all.attempts.get(key, ()), attempt)

    async def checkpoints(self) -> list[Checkpoint]:
        return sorted(self._all.checkpoints.values(), key=lambda c: c.block.number, reverse=True)

    async def put_checkpoint(self, checkpoint: Checkpoint) -> None:
        self._all.checkpoints[checkpoint.block.number] = checkpoint

    async def drop_checkpoint(self, number: int) -> None:
        self._all.checkpoints.pop(number, None)
