"""`mock`: runs the program to be sure, then gives a proof that holds on development chains only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.prover.backend import (
    AggregationJob,
    Execution,
    Fulfillment,
    ProofCost,
    RangeJob,
)
from coprove.prover.errors import ProofRefusedError
from coprove.prover.zk.local import LocalBackend
from coprove.prover.zk.local_jobs import Outcome
from coprove.prover.zk.simulated import simulated_aggregation, simulated_range
from coprove.prover.zk.sp1_proof import CompressedProof

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.prover.backend import IntentLog
    from coprove.prover.pool import RangePool
    from coprove.types import AggregationOutputs, BootInfo, Hash32

__all__ = ["MockBackend"]


class MockBackend(LocalBackend):
    """Simulated proofs of claims that were checked by running the programs.

    Range proofs have the layout of the network's compressed proofs, aggregation proofs are the
    bytes that MockSP1Verifier takes.
    """

    def __init__(
        self, folder: Path, pool: RangePool, *, range_vkey: Hash32, aggregation_vkey: Hash32
    ) -> None:
        """The keys are those that the contract has: range commitment and aggregation vkey."""
        super().__init__(folder, pool)
        self._range_vkey, self._aggregation_vkey = range_vkey, aggregation_vkey

    @property
    def name(self) -> str:
        """As in ProverBackend."""
        return "mock"

    @property
    def is_simulated(self) -> bool:
        """As in ProverBackend."""
        return True

    async def submit(self, job: RangeJob | AggregationJob, intents: IntentLog) -> bytes:
        """As in ProverBackend; ProofFormatError for an aggregation of other ranges' proofs."""
        if isinstance(job, AggregationJob):
            claims = job.given.boot_infos
            if len(claims) != len(job.subproofs):
                raise ProofRefusedError(f"{len(claims)} claims with {len(job.subproofs)} proofs")
            for claim, proof in zip(claims, job.subproofs, strict=True):
                CompressedProof.decode(proof, public_values=claim.encode())
        return await super().submit(job, intents)

    def _range_end(self, boot_info: BootInfo, cost: ProofCost) -> tuple[Outcome, bytes | None]:
        return _done(cost), simulated_range(boot_info, range_vkey=self._range_vkey).encode()

    def _aggregation_end(
        self, outputs: AggregationOutputs, cost: ProofCost
    ) -> tuple[Outcome, bytes | None]:
        proof = simulated_aggregation(outputs, aggregation_vkey=self._aggregation_vkey)
        return _done(cost), proof.onchain_bytes()


def _done(cost: ProofCost) -> Outcome:
    return Outcome(
        fulfillment=Fulfillment.FULFILLED, execution=Execution.EXECUTED, cost=cost, reason=None
    )
