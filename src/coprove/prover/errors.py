"""Errors of the proving backends."""

from __future__ import annotations

from coprove.errors import Critical, Temporary

__all__ = [
    "AmbiguousSubmissionError",
    "BudgetExceededError",
    "ProofRefusedError",
    "ProverUnavailableError",
    "UnknownProofError",
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
