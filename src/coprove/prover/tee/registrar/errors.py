"""Errors of keeping a prover registered."""

from __future__ import annotations

from coprove.errors import Critical, InputError, Temporary

__all__ = [
    "CollateralUnavailableError",
    "ForeignProverError",
    "ProverAnswerError",
    "ProverRefusedError",
    "ProverUnreachableError",
]


class CollateralUnavailableError(Temporary):
    """The service that has the platforms' collateral does not give it now."""


class ProverUnreachableError(Temporary):
    """The TEE prover does not answer, or has no room now."""


class ProverRefusedError(Critical):
    """The TEE prover refuses what it was asked, and would again; `status`: HTTP or JSON-RPC."""

    def __init__(self, message: str, *, status: int) -> None:
        """Keep the status beside the text."""
        super().__init__(message)
        self.status = status


class ProverAnswerError(InputError):
    """A TEE prover's answer has another shape, or is not about what it was asked for."""


class ForeignProverError(Critical):
    """The registry has this prover's key under another operator, or has banned it."""
