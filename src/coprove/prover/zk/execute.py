"""`execute`: runs the programs natively and says what it took; there is no proof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.prover.backend import Execution, Fulfillment, ProofCost
from coprove.prover.zk.local import LocalBackend
from coprove.prover.zk.local_jobs import Outcome

if TYPE_CHECKING:
    from coprove.types import AggregationOutputs, BootInfo

__all__ = ["NO_PROOF", "ExecuteBackend"]

NO_PROOF: Final = "executed: this backend makes no proofs"
"""Reason of every job that ran."""


class ExecuteBackend(LocalBackend):
    """Executes alone: a job that ran is EXECUTED with its cost, and never fulfilled."""

    @property
    def name(self) -> str:
        """As in ProverBackend."""
        return "execute"

    @property
    def is_simulated(self) -> bool:
        """As in ProverBackend; without proofs there is nothing to simulate."""
        return False

    def _range_end(self, boot_info: BootInfo, cost: ProofCost) -> tuple[Outcome, bytes | None]:  # noqa: ARG002
        return _executed(cost), None

    def _aggregation_end(
        self,
        outputs: AggregationOutputs,  # noqa: ARG002
        cost: ProofCost,
    ) -> tuple[Outcome, bytes | None]:
        return _executed(cost), None


def _executed(cost: ProofCost) -> Outcome:
    return Outcome(
        fulfillment=Fulfillment.UNFULFILLABLE,
        execution=Execution.EXECUTED,
        cost=cost,
        reason=NO_PROOF,
    )
