"""What can go wrong with batch data that lies outside of L1."""

from __future__ import annotations

from coprove.errors import Critical, InputError

__all__ = ["CommitmentError", "DaFailoverError", "InputDroppedError"]


class CommitmentError(InputError):
    """Bytes that are no commitment: derivation passes over the transaction."""


class InputDroppedError(InputError):
    """A commitment that leads to no input, now and for ever: derivation passes over it."""


class DaFailoverError(Critical):
    """The DA layer takes no data now: post it to L1 instead (HTTP 503 of a proxy to a put)."""
