"""What a prover's registration needs next: a pure function of what registry and prover say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from coprove.contracts.attestation import Liveness, ProverState
from coprove.prover.tee.registrar.errors import ForeignProverError

if TYPE_CHECKING:
    from coprove.contracts.attestation import ChallengeRecord, LivenessStatus, ProverRecord
    from coprove.types import Address

__all__ = ["Action", "Standing", "Step", "next_action"]


class Step(StrEnum):
    """A transaction that the registry needs, or none."""

    WAIT = "wait"
    """The prover is live for longer than the margin, or nothing can be done now."""
    REGISTER = "register"
    """A new key, or one that was suspended or left: evidence with the operator's consent."""
    RENEW = "renew"
    """The same key again, before its registration ends or because it does not count any more."""
    ANSWER = "answer"
    """A liveness challenge is open: evidence that binds its nonce."""
    SETTLE = "settle"
    """A challenge ran out unanswered: it has to be settled before the key can come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A prover in the registry, all read at one block."""

    record: ProverRecord | None
    """What the registry holds; None for a key that never was registered."""
    status: LivenessStatus
    """Whether it is live, and until when."""
    challenge: ChallengeRecord | None
    """Its latest challenge, open or not."""
    now: int
    """Time of the block, Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What to do next, and why."""

    step: Step
    """The transaction."""
    why: str
    """In words, for logs."""


def next_action(standing: Standing, *, operator: Address, margin: int) -> Action:
    """Return what the registration of this operator's prover needs next.

    `margin` is how many seconds before its end a registration is renewed, but never in the first
    half of its time: where new evidence lasts no longer, such as with collateral about to expire,
    each pass would send another renewal. ForeignProverError when the key is banned or another
    operator's: no transaction of ours would help.
    """
    record, status = standing.record, standing.status
    if status.liveness is Liveness.BANNED:
        raise ForeignProverError("the key is banned: only a new process, with a new key, helps")
    if record is None:
        return Action(step=Step.REGISTER, why="the key is new")
    is_taken = record.state in (ProverState.REGISTERED, ProverState.SUSPENDED)
    if is_taken and record.operator != operator:
        raise ForeignProverError(f"the key is registered by {record.operator}, not by {operator}")
    if status.liveness is Liveness.PAUSED:
        return Action(step=Step.WAIT, why="the registry is paused")
    if record.challenged:
        return _challenged(standing)
    return _unchallenged(record, standing, margin)


def _unchallenged(record: ProverRecord, standing: Standing, margin: int) -> Action:
    if record.state is not ProverState.REGISTERED:
        return Action(step=Step.REGISTER, why=f"the key is {record.state.name.lower()}")
    status = standing.status
    if not status.is_live:
        return Action(step=Step.RENEW, why=f"not live: {status.liveness.name.lower()}")
    left = status.until - standing.now
    if left <= min(margin, (status.until - record.attested_at) // 2):
        return Action(step=Step.RENEW, why=f"{left} s are left")
    return Action(step=Step.WAIT, why=f"live for {left} s")


def _challenged(standing: Standing) -> Action:
    challenge = standing.challenge
    if challenge is None:
        return Action(step=Step.WAIT, why="challenged, by a challenge that is not known yet")
    if standing.now > challenge.deadline:
        return Action(step=Step.SETTLE, why="a challenge was not answered in time")
    left = challenge.deadline - standing.now
    return Action(step=Step.ANSWER, why=f"challenged, {left} s are left")
