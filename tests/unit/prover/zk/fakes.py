"""A backend that does what a test says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.prover import (
    AggregationJob,
    Execution,
    Fulfillment,
    ProofStatus,
    RangeJob,
    UnknownProofError,
)

if TYPE_CHECKING:
    from coprove.prover import IntentLog

__all__ = ["ScriptedBackend"]

ASSIGNED = ProofStatus(fulfillment=Fulfillment.ASSIGNED, execution=Execution.UNEXECUTED)


class ScriptedBackend:
    """Fails with what stands in `failures`, else takes every job."""

    def __init__(self, name: str, *, is_simulated: bool = False) -> None:
        """Take all jobs until told otherwise."""
        self.name, self.is_simulated = name, is_simulated
        self.failures: list[Exception] = []
        self.lose = False
        self.accepted: dict[str, bytes] = {}
        self.states: dict[bytes, ProofStatus] = {}
        self.closed = False

    async def submit(self, job: RangeJob | AggregationJob, intents: IntentLog) -> bytes:  # noqa: ARG002
        if self.failures and not self.lose:
            raise self.failures.pop(0)
        proof_id = f"{self.name} {job.key}".encode()
        self.accepted[job.key] = proof_id
        self.states.setdefault(proof_id, ASSIGNED)
        if self.lose:
            self.lose = False
            raise self.failures.pop(0)
        return proof_id

    async def find(self, key: str, intents: IntentLog) -> bytes | None:  # noqa: ARG002
        return self.accepted.get(key)

    async def status(self, proof_id: bytes) -> ProofStatus:
        if proof_id not in self.states:
            raise UnknownProofError("unknown")
        return self.states[proof_id]

    async def proof(self, proof_id: bytes) -> bytes:
        return b"proof of " + proof_id

    async def cancel(self, proof_id: bytes) -> None:
        del self.states[proof_id]

    async def close(self) -> None:
        self.closed = True
