"""Why the enclave signs or quotes nothing."""

from __future__ import annotations

from coprove.errors import Critical, InputError, Temporary

__all__ = [
    "EvidenceRequestError",
    "QuoteMismatchError",
    "QuoteUnavailableError",
    "RunStoppedError",
    "SimulatedEnclaveError",
    "WitnessDigestError",
]


class WitnessDigestError(InputError):
    """A witness is not the one that was named: bytes were changed, lost or added on the way."""


class EvidenceRequestError(InputError):
    """Evidence was asked for that the enclave never gives: another operator, no block hash, …"""


class QuoteUnavailableError(Temporary):
    """The platform gave no quote now: device, service or driver did not answer as it must."""


class QuoteMismatchError(Critical):
    """The platform's quote is not about this enclave, or not about what was to be quoted."""


class SimulatedEnclaveError(Critical):
    """A simulated enclave was asked to speak about a chain that is not for development."""


class RunStoppedError(Temporary):
    """The run was stopped from outside between two blocks; nothing was signed."""
