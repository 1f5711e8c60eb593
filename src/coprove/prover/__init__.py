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
    ProgramRunError,
    ProofFormatError,
    ProofNotReadyError,
    ProofRefusedError,
    ProverUnavailableError,
    UnknownProofError,
    WorkerDiedError,
)

__all__ = [
    "AggregationJob",
    "AmbiguousSubmissionError",
    "BudgetExceededError",
    "Execution",
    "Fulfillment",
    "IntentLog",
    "ProgramRunError",
    "ProofCost",
    "ProofFormatError",
    "ProofKind",
    "ProofNotReadyError",
    "ProofRefusedError",
    "ProofStatus",
    "ProverBackend",
    "ProverUnavailableError",
    "RangeJob",
    "UnknownProofError",
    "WorkerDiedError",
]
