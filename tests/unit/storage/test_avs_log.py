"""An aggregator's records: what is stored once stays, and only the leader writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coprove.storage import (
    AvsConfirmationState,
    AvsEvidenceKind,
    AvsLog,
    AvsTaskState,
    StoredConfirmation,
    StoredEvidence,
    StoredSignature,
    StoredTask,
    open_store,
)
from coprove.storage.errors import IntegrityViolationError, LeaseLostError
from coprove.types import Hash32
from tests.unit.storage.lab import SCOPE, TTL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_KEY = Hash32(b"k" * 32)


@pytest.fixture
async def log(url: str) -> AsyncIterator[AvsLog]:
    async with await open_store(url, SCOPE) as store:
        yield AvsLog(store, await store.acquire("leader", TTL))


def _task(number: int, state: AvsTaskState = AvsTaskState.OPEN) -> StoredTask:
    return StoredTask(number=number, key=_KEY, body="{}", state=state, created_at=number)


def _signature(operator: int, state: bytes = b"{}", *, number: int = 1) -> StoredSignature:
    return StoredSignature(
        task_number=number,
        operator_id=Hash32(bytes([operator]) * 32),
        state=state,
        signature=b"s" * 64,
        prover_signature=b"p" * 65,
        accepted_at=float(operator),
    )


def _evidence(operator: int, body: str) -> StoredEvidence:
    return StoredEvidence(
        key=_KEY,
        operator_id=Hash32(bytes([operator]) * 32),
        kind=AvsEvidenceKind.EQUIVOCATION,
        body=body,
        created_at=1.0,
    )


def _attempt(attempt: int, state: AvsConfirmationState) -> StoredConfirmation:
    return StoredConfirmation(
        task_number=1, attempt=attempt, calldata=b"c", state=state, updated_at=1.0
    )


async def test_an_operators_first_signature_and_the_first_evidence_stay(log: AvsLog) -> None:
    """The database itself counts an operator once a task; repeats change nothing."""
    await log.add_task(_task(1))
    await log.accept([_signature(2), _signature(1)], [_evidence(1, "first")])
    await log.accept([_signature(1, b"other")], [_evidence(1, "second")])
    stored = await log.signatures(1)
    assert [(one.operator_id[0], one.state) for one in stored] == [(1, b"{}"), (2, b"{}")]
    assert [one.body for one in await log.evidence()] == ["first"]
    assert await log.evidence(key=Hash32(bytes(32))) == []


async def test_signatures_of_no_task_are_refused_whole(log: AvsLog) -> None:
    """A batch is stored whole or not at all."""
    await log.add_task(_task(1))
    with pytest.raises(IntegrityViolationError):
        await log.accept([_signature(1), _signature(2, number=9)], [])
    assert await log.signatures(1) == []


async def test_open_tasks_and_some_closed_ones_are_read_back(log: AvsLog) -> None:
    for number in range(1, 6):
        await log.add_task(_task(number))
    for number in (2, 3, 4):
        await log.set_state(number, AvsTaskState.EXPIRED)
    found = [(one.number, one.state.value) for one in await log.tasks(recent=1)]
    assert found == [(1, "open"), (4, "expired"), (5, "open")]
    newest = await log.newest_of(_KEY)
    assert newest is not None
    assert newest.number == await log.last_number() == 5
    assert await log.newest_of(Hash32(bytes(32))) is None


async def test_one_attempt_to_confirm_is_open_at_a_time(log: AvsLog) -> None:
    """Not even a confused aggregator has two transactions on their way for one task."""
    await log.add_task(_task(1))
    await log.put_confirmation(_attempt(1, AvsConfirmationState.OPEN))
    with pytest.raises(IntegrityViolationError):
        await log.put_confirmation(_attempt(2, AvsConfirmationState.OPEN))
    await log.put_confirmation(_attempt(1, AvsConfirmationState.FAILED))
    await log.put_confirmation(
        _attempt(2, AvsConfirmationState.DONE),
        task_state=AvsTaskState.CONFIRMED,
        evidence=[_evidence(3, "late")],
    )
    states = [one.state.value for one in await log.confirmations(1)]
    assert states == ["failed", "done"]
    assert [one.state for one in await log.tasks(recent=1)] == [AvsTaskState.CONFIRMED]
    assert [one.body for one in await log.evidence()] == ["late"]


async def test_who_does_not_lead_writes_nothing(url: str) -> None:
    """An aggregator that slept through its lease cannot spoil what its successor does."""
    async with await open_store(url, SCOPE) as store:
        lease = await store.acquire("old", TTL)
        old = AvsLog(store, lease)
        await store.release(lease)
        new = AvsLog(store, await store.acquire("new", TTL))
        with pytest.raises(LeaseLostError):
            await old.add_task(_task(1))
        await new.add_task(_task(1))
        with pytest.raises(LeaseLostError):
            await old.accept([_signature(1)], [])
        with pytest.raises(LeaseLostError):
            await old.set_state(1, AvsTaskState.EXPIRED)
        with pytest.raises(LeaseLostError):
            await old.put_confirmation(_attempt(1, AvsConfirmationState.OPEN))
        assert [one.state for one in await old.tasks(recent=9)] == [AvsTaskState.OPEN]
