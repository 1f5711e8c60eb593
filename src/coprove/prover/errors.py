"""Errors of the proving backends."""

from __future__ import annotations

from coprove.errors import Critical, InputError, Temporary

__all__ = [
    "AmbiguousSubmissionError",
    "BudgetExceededError",
    "GuestInputError",
    "NetworkRefusedError",
    "NotOnNetworkError",
    "ProgramRunError",
    "ProofFormatError",
    "ProofNotReadyError",
    "ProofRefusedError",
    "ProverUnavailableError",
    "UnknownProofError",
    "WorkerDiedError",
]


class AmbiguousSubmissionError(Temporary):
    """A request may or may not have been accepted: look it up by its key, never send it again."""


class ProverUnavailableError(Temporary):
    """The backend does not answer or has no room now."""


class BudgetExceededError(Temporary):
    """The day's budget is spent: nothing is requested until the next day begins (UTC)."""


class ProofRefusedError(Critical):
    """The backend refuses the job itself, and would again."""


class UnknownProofError(Critical):
    """The backend has no proof with this identifier."""


class ProofNotReadyError(Temporary):
    """The proof is not fulfilled, so there are no bytes to give."""


class ProofFormatError(InputError):
    """Bytes of a proof, or of a prover's answer, are not in their layout or make another claim."""


class GuestInputError(InputError):
    """A guest's input cannot be built: something is missing or does not fit."""


class NetworkRefusedError(Critical):
    """The prover network refuses a call, and would again; `code` is the gRPC status' name."""

    def __init__(self, message: str, *, code: str) -> None:
        """Keep the status beside the text."""
        super().__init__(message)
        self.code = code


class NotOnNetworkError(Critical):
    """The prover network does not have what was asked for."""


class ProgramRunError(Critical):
    """The program refused what it was given to run."""


class WorkerDiedError(Temporary):
    """The process that did the work ended without an answer."""
