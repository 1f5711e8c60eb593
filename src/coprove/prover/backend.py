"""What a prover is asked for and what it answers: the protocol of every proving backend.

A backend takes a job whose bytes are ready, gives it an identifier, and is asked for its state
until the proof is there. It keeps no state that a restart may not lose: what must survive goes to
the `IntentLog` before it has an effect, and `find` reads it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from coprove.program import AggregationInput
    from coprove.types import BlockRange, BootInfo

__all__ = [
    "AggregationJob",
    "Execution",
    "Fulfillment",
    "IntentLog",
    "ProofCost",
    "ProofKind",
    "ProofStatus",
    "ProverBackend",
    "RangeJob",
]


class ProofKind(StrEnum):
    """What a proof shows."""

    RANGE = "range"
    """One range of L2 blocks: BootInfo."""
    AGGREGATION = "aggregation"
    """Consecutive ranges under one L1 checkpoint: AggregationOutputs."""


class Fulfillment(IntEnum):
    """How far a proof is, as the SP1 network numbers it (network.FulfillmentStatus)."""

    UNSPECIFIED = 0
    REQUESTED = 1
    ASSIGNED = 2
    FULFILLED = 3
    UNFULFILLABLE = 4
    REVERTED = 5
    EXPIRED = 6

    @property
    def is_final(self) -> bool:
        """Whether it cannot change any more."""
        return self >= Fulfillment.FULFILLED


class Execution(IntEnum):
    """How far the execution of the program is (network.ExecutionStatus)."""

    UNSPECIFIED = 0
    UNEXECUTED = 1
    EXECUTED = 2
    UNEXECUTABLE = 3
    VALIDATION_FAILED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeJob:
    """A range to prove."""

    key: str
    """Idempotency key: the same for every try to submit this one request, never used again."""
    blocks: BlockRange
    """The agreed and the claimed block."""
    input_path: Path
    """File with the encoded RangeInput; it stays until the job is final."""
    boot_info: BootInfo
    """The claim that the proof must make."""
    priority: int = 0
    """Higher goes first where a backend has a queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregationJob:
    """Proven ranges to aggregate."""

    key: str
    """Idempotency key, as in RangeJob."""
    blocks: BlockRange
    """From the first range's agreed block to the last range's claimed one."""
    given: AggregationInput
    """What the aggregation program reads."""
    subproofs: tuple[bytes, ...]
    """The proofs of the ranges in order, as the backend gave them."""
    priority: int = 0
    """As in RangeJob."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofCost:
    """What a proof cost, as far as the backend knows."""

    cycles: int | None = None
    """Cycles of the proving machine."""
    gas: int | None = None
    """Prover gas units (PGU)."""
    price: int | None = None
    """Paid, in the payment token's base unit."""
    seconds: float | None = None
    """Wall time of the execution or the proof, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofStatus:
    """How far a proof is."""

    fulfillment: Fulfillment
    """State of the proof."""
    execution: Execution
    """State of the execution."""
    deadline: float | None = None
    """Unix time, in seconds, after which the backend gives up by itself."""
    cost: ProofCost | None = None
    """Known once executed or fulfilled."""
    reason: str | None = None
    """Why it failed."""


class IntentLog(Protocol):
    """Durable memory of what is about to be done, by a job's key.

    `note` returns only once the values are stored. Values are JSON scalars.
    """

    async def note(self, key: str, values: Mapping[str, str | int]) -> None:
        """Store, or add to, what is known of the effect under `key`."""

    async def read(self, key: str) -> dict[str, str | int]:
        """Return all that was noted under `key`; empty when nothing was."""


class ProverBackend(Protocol):
    """One way to get proofs. All calls may raise Temporary leaves, which the caller retries."""

    @property
    def name(self) -> str:
        """Name in logs, metrics and the store: "mock", "execute", "network"."""

    @property
    def is_simulated(self) -> bool:
        """Whether its proofs hold on development chains only."""

    async def submit(self, job: RangeJob | AggregationJob, intents: IntentLog) -> bytes:
        """Ask for a proof; return its identifier.

        What could cost money twice is noted in `intents` before the call that costs. Raises
        AmbiguousSubmissionError when it cannot be known whether the request was accepted: then
        `find` tells. Raises a Critical leaf when the job itself is at fault.
        """

    async def find(self, key: str, intents: IntentLog) -> bytes | None:
        """Return the identifier of the request that was submitted under `key`, if one was.

        None is certain: no request was accepted and none will be. Raises a Temporary leaf as long
        as that is not certain.
        """

    async def status(self, proof_id: bytes) -> ProofStatus:
        """Return how far the proof is; UnknownProofError when the backend never had it."""

    async def proof(self, proof_id: bytes) -> bytes:
        """Return the bytes of a fulfilled proof."""

    async def cancel(self, proof_id: bytes) -> None:
        """Ask to stop work on it; one that is final stays as it is."""

    async def close(self) -> None:
        """Stop own work and close connections."""
