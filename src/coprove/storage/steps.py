"""The steps of single requests, upon any database: move, replace, recover, aggregate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.errors import InputError
from coprove.storage.checks import checked_block, checked_blocks, checked_path, checked_text
from coprove.storage.errors import (
    IllegalTransitionError,
    NotProvenError,
    RangeGapError,
    StaleRequestError,
    UnknownRequestError,
)
from coprove.storage.records import IntentKind, IntentState, RangePlan, Recovery, Replaced
from coprove.storage.session import NewRequest, RequestFilter
from coprove.storage.states import (
    CLAIMED,
    DEAD,
    LIVE,
    TRANSITIONS,
    RequestKind,
    RequestStatus,
    is_allowed,
    sources,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.storage.records import ConfigIdentity, ProofRequest, RequestChanges
    from coprove.storage.session import Session
    from coprove.types import BlockRange

__all__ = [
    "add_aggregation",
    "cancel_aggregations",
    "existing",
    "give_up",
    "is_proven",
    "move",
    "new_ranges",
    "note",
    "plan_ranges",
    "proven_prefix",
    "recover",
    "replace",
]

_PAGE = 256


async def existing(session: Session, request_id: int) -> ProofRequest:
    """Return a request; UnknownRequestError when it is not there."""
    request = await session.get(request_id)
    if request is None:
        raise UnknownRequestError(f"the scope has no request {request_id}")
    return request


async def move(
    session: Session,
    request_id: int,
    source: RequestStatus,
    target: RequestStatus,
    *,
    changes: RequestChanges,
    now: float,
) -> ProofRequest:
    """Take a step of the table; see `RequestStore.move`."""
    kinds = {
        kind
        for step in TRANSITIONS
        if step.source is source and step.target is target
        for kind in step.kinds
        if kind is RequestKind.AGGREGATION or target not in DEAD
    }
    moved = await session.step(
        request_id, kinds=kinds, sources=(source,), target=target, changes=changes, now=now
    )
    if moved is not None:
        return moved
    request = await existing(session, request_id)
    if request.kind not in kinds:
        raise IllegalTransitionError(request.kind, source=source, target=target)
    raise StaleRequestError(request_id, expected=source, actual=request.status)


async def note(
    session: Session, request_id: int, changes: RequestChanges, now: float
) -> ProofRequest:
    """Set fields and leave the state."""
    noted = await session.step(
        request_id,
        kinds=tuple(RequestKind),
        sources=tuple(RequestStatus),
        target=None,
        changes=changes,
        now=now,
    )
    return noted if noted is not None else await existing(session, request_id)


async def plan_ranges(
    session: Session,
    ranges: Sequence[RangePlan],
    backend: str,
    config: ConfigIdentity | None,
    now: float,
) -> list[ProofRequest]:
    """Queue ranges at the end of the path; see `RequestStore.plan_ranges`."""
    end = await session.path_end()
    if end is None:
        raise RangeGapError("new ranges", expected="a path that is anchored", actual="none")
    checked_path("new ranges", ranges, end)
    return await session.insert(new_ranges(ranges, backend, config), now)


def new_ranges(
    ranges: Sequence[RangePlan],
    backend: str,
    config: ConfigIdentity | None,
    *,
    attempts: int = 0,
    replaces: int | None = None,
) -> list[NewRequest]:
    """Return plans as requests to insert."""
    checked_text("backend", backend)
    return [
        NewRequest(
            kind=RequestKind.RANGE,
            backend=backend,
            blocks=plan.blocks,
            attempts=attempts,
            replaces=replaces,
            end_hash=plan.end_hash,
            config=config,
        )
        for plan in ranges
    ]


async def proven_prefix(session: Session, start: int, end: int | None = None) -> list[ProofRequest]:
    """Return the complete ranges that follow one another from `start` on, up to `end`."""
    found: list[ProofRequest] = []
    at = start
    while True:
        ranges = await session.select(RequestFilter(on_path=True, start_from=at, limit=_PAGE))
        for request in ranges:
            if (
                request.blocks.start != at
                or request.status is not RequestStatus.COMPLETE
                or (end is not None and request.blocks.end > end)
            ):
                return found
            found.append(request)
            at = request.blocks.end
        if len(ranges) < _PAGE:
            return found


async def add_aggregation(session: Session, new: NewRequest, now: float) -> ProofRequest:
    """Queue an aggregation, or return the live one; see `RequestStore.add_aggregation`."""
    checked_blocks(new.blocks)
    checked_block("checkpoint", new.checkpoint)
    checked_text("backend", new.backend)
    same = await session.select(
        RequestFilter(
            kind=RequestKind.AGGREGATION,
            statuses=LIVE,
            touching=new.blocks,
            start_from=new.blocks.start,
        )
    )
    for request in same:
        if request.blocks == new.blocks:
            return request
    if not await is_proven(session, new.blocks):
        raise NotProvenError(f"no complete ranges lead from {new.blocks.start} to {new.blocks.end}")
    (request,) = await session.insert([new], now)
    return request


async def is_proven(session: Session, blocks: BlockRange) -> bool:
    """Whether complete ranges lead exactly from the start of `blocks` to their end."""
    ranges = await proven_prefix(session, blocks.start, blocks.end)
    return bool(ranges) and ranges[-1].blocks.end == blocks.end


async def cancel_aggregations(
    session: Session, blocks: BlockRange, error: str, now: float
) -> list[ProofRequest]:
    """Cancel aggregations over any of `blocks`, but those on L1 or with an open PROPOSAL intent."""
    candidates = await session.select(
        RequestFilter(
            kind=RequestKind.AGGREGATION,
            statuses=sources(RequestStatus.CANCELLED),
            touching=blocks,
        )
    )
    cancelled = []
    for request in candidates:
        if await session.intents(IntentState.OPEN, IntentKind.PROPOSAL, request.id):
            continue
        cancelled.append(
            await move(
                session,
                request.id,
                request.status,
                RequestStatus.CANCELLED,
                changes={"error": error},
                now=now,
            )
        )
    return cancelled


async def give_up(
    session: Session,
    request: ProofRequest,
    source: RequestStatus,
    target: RequestStatus,
    *,
    error: str,
    now: float,
) -> ProofRequest:
    """Let a request die, of whatever kind: what `move` keeps live ranges from."""
    if target not in DEAD or not is_allowed(request.kind, source, target):
        raise IllegalTransitionError(request.kind, source=source, target=target)
    given_up = await session.step(
        request.id,
        kinds=(request.kind,),
        sources=(source,),
        target=target,
        changes={"error": error},
        now=now,
    )
    if given_up is None:
        raise StaleRequestError(request.id, expected=source, actual=request.status)
    return given_up


async def replace(
    session: Session,
    request_id: int,
    source: RequestStatus,
    target: RequestStatus,
    ranges: Sequence[RangePlan] | None,
    *,
    error: str,
    attempts: int | None,
    config: ConfigIdentity | None,
    now: float,
) -> Replaced:
    """Give a request up and queue others for its blocks; see `RequestStore.replace`."""
    request = await existing(session, request_id)
    old = await give_up(session, request, source, target, error=error, now=now)
    following = request.attempts + 1 if attempts is None else attempts
    identity = request.config if config is None else config
    if request.kind is RequestKind.AGGREGATION:
        if ranges is not None:
            raise InputError(
                "replacement of an aggregation", expected="the same blocks", actual=ranges
            )
        again = NewRequest(
            kind=request.kind,
            backend=request.backend,
            blocks=request.blocks,
            attempts=following,
            replaces=request.id,
            config=identity,
        )
        return Replaced(old=old, new=(await add_aggregation(session, again, now),))
    if ranges is None:
        ranges = (RangePlan(blocks=request.blocks, end_hash=request.end_hash),)
    end = checked_path("replacement", ranges, request.blocks.start)
    if end != request.blocks.end:
        raise RangeGapError("replacement", expected=f"to end at {request.blocks.end}", actual=end)
    cancelled: list[ProofRequest] = []
    if source is RequestStatus.COMPLETE:
        cancelled = await cancel_aggregations(session, request.blocks, error, now)
    new = new_ranges(ranges, request.backend, identity, attempts=following, replaces=request.id)
    return Replaced(old=old, new=tuple(await session.insert(new, now)), cancelled=tuple(cancelled))


async def recover(session: Session, error: str, now: float) -> Recovery:
    """Take up again what a dead process had in work; see `RequestStore.recover`."""
    requeued: list[Replaced] = []
    unsettled: list[ProofRequest] = []
    for request in await session.select(RequestFilter(statuses=CLAIMED)):
        if await session.intents(IntentState.OPEN, IntentKind.PROOF_REQUEST, request.id):
            unsettled.append(request)
        elif request.kind is RequestKind.AGGREGATION and not await is_proven(
            session, request.blocks
        ):
            old = await give_up(
                session, request, request.status, RequestStatus.FAILED, error=error, now=now
            )
            requeued.append(Replaced(old=old, new=()))
        else:
            requeued.append(
                await replace(
                    session,
                    request.id,
                    request.status,
                    RequestStatus.FAILED,
                    None,
                    error=error,
                    attempts=None,
                    config=None,
                    now=now,
                )
            )
    return Recovery(requeued=tuple(requeued), unsettled=tuple(unsettled))
