"""Proving: the backend protocol, the ZK backends and the proof server."""

from coprove.prover.backend import (
    AggregationJob,
    Execution,
    Fulfillment,
    IntentLog,
    ProofCost,
    ProofKind,
    ProofStatus,
    ProverBackend,
    RangeJob,
)
from coprove.prover.errors import (
    AmbiguousSubmissionError,
    BudgetExceededError,
    ProofRefusedError,
    ProverUnavailableError,
    UnknownProofError,
)

__all__ = [
    "AggregationJob",
    "AmbiguousSubmissionError",
    "BudgetExceededError",
    "Execution",
    "Fulfillment",
    "IntentLog",
    "ProofCost",
    "ProofKind",
    "ProofRefusedError",
    "ProofStatus",
    "ProverBackend",
    "ProverUnavailableError",
    "RangeJob",
    "UnknownProofError",
]
