"""Jobs of the proof server: what is kept of each, and its states as a table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coprove.prover.backend import Execution, Fulfillment, ProofCost, ProofKind
    from coprove.types import BlockRange, BootInfo, Hash32

__all__ = ["ALLOWED", "OPEN", "Job", "JobState", "NewJob", "WitnessEntry", "key_of_client"]


class JobState(StrEnum):
    """Where a job is."""

    ACCEPTED = "accepted"
    """Stored; waits for a place."""
    WITNESS = "witness"
    """Its input is being collected."""
    SUBMITTING = "submitting"
    """Its input is ready; the backend is being asked."""
    PROVING = "proving"
    """The backend has it, under `proof_id`."""
    FULFILLED = "fulfilled"
    """Its proof is stored here."""
    FAILED = "failed"
    """There will be no proof; `reason` says why."""
    CANCELLED = "cancelled"
    """Given up on request."""


ALLOWED: dict[JobState, frozenset[JobState]] = {
    JobState.ACCEPTED: frozenset({JobState.WITNESS, JobState.FAILED, JobState.CANCELLED}),
    JobState.WITNESS: frozenset(
        {JobState.ACCEPTED, JobState.SUBMITTING, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.SUBMITTING: frozenset({JobState.PROVING, JobState.FAILED, JobState.CANCELLED}),
    JobState.PROVING: frozenset({JobState.FULFILLED, JobState.FAILED, JobState.CANCELLED}),
    JobState.FULFILLED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
"""The states that may follow each state. WITNESS goes back to ACCEPTED when the server restarts."""

OPEN = frozenset(state for state, following in ALLOWED.items() if following)
"""The states of jobs that are not over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A request that was read and checked, before it is a job."""

    kind: ProofKind
    """Range or aggregation."""
    fingerprint: str
    """Digest of what is asked for: equal requests have the same."""
    backend: str
    """Name of the backend in the server: "real" or "mock"."""
    blocks: BlockRange | None = None
    """The range of a range proof; an aggregation's follows from its subproofs."""
    checkpoint: Hash32 | None = None
    """Hash of the checkpointed L1 block of an aggregation."""
    subproofs: tuple[bytes, ...] = ()
    """SHA-256 of each subproof of an aggregation; the bytes lie in files of that name."""
    priority: int = 0
    """Higher goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as stored."""

    id: str
    """Random, 32 hex digits."""
    key: str
    """The backend's idempotency key."""
    request: NewJob
    """What was asked for; `blocks` of an aggregation is filled in when its input is ready."""
    state: JobState
    """Where it is."""
    claim: BootInfo | None
    """What the proof of a range must show, once its input is ready."""
    proof_id: bytes | None
    """The backend's identifier, once it has accepted."""
    fulfillment: Fulfillment
    """What the backend said last."""
    execution: Execution
    """What the backend said last."""
    cost: ProofCost | None
    """What the backend said of it last."""
    reason: str | None
    """Why it failed, or what it waits for."""
    cancel: bool
    """Whether it was asked to be given up."""
    created: float
    """Unix time in seconds."""
    updated: float
    """Unix time in seconds of the last change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessEntry:
    """An input of a range in the cache."""

    blocks: BlockRange
    """The range."""
    claim: BootInfo
    """What the input proves."""
    size: int
    """Bytes of the file."""
    created: float
    """Unix time in seconds."""
    used: float
    """Unix time in seconds of the last use."""


def key_of_client(sent: str) -> str:
    """Return the job key that a client's own idempotency key stands for."""
    return f"client/{sent}"
