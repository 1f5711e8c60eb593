"""What can be wrong with evidence of a trusted execution environment, each with a stable reason."""

from __future__ import annotations

from enum import StrEnum

from coprove.errors import Critical, InputError

__all__ = ["EvidenceFormatError", "EvidenceRejectedError", "PolicyError", "Rejection"]


class Rejection(StrEnum):
    """Why evidence was refused: the code in errors, JSON output and metrics."""

    FORMAT = "format"
    """Bytes that are not the structure they must be: size, version, reserved field, trailer."""
    SIGNATURE = "signature"
    """A signature over the evidence or one of its parts does not hold, or is malleated."""
    CHAIN = "chain"
    """A certificate chain is short, long, out of order, forged or misused."""
    ROOT = "root"
    """A chain ends at a root that is not the pinned one."""
    VALIDITY = "validity"
    """A certificate, CRL or document is not valid at the given time."""
    REVOKED = "revoked"
    """A certificate, platform or TCB level was revoked."""
    COLLATERAL = "collateral"
    """TCB info, QE identity or CRL is unsigned, altered, of another kind or rolled back."""
    PLATFORM = "platform"
    """The evidence and its endorsement speak of different platforms: FMSPC, PCEID, chip id, TCB."""
    QUOTING_ENCLAVE = "quoting-enclave"
    """The quoting enclave is not the vendor's, too old, in debug mode or does not bind the key."""
    DEBUG = "debug"
    """The workload may be read by its host: debug mode, zero PCRs, initialisation not finished."""
    ATTRIBUTES = "attributes"
    """Another attribute or setting that the policy requires is missing or set."""
    TCB_STATUS = "tcb-status"
    """The platform's TCB status or an advisory is not accepted by the policy."""
    MEASUREMENT = "measurement"
    """The code is not on the policy's list, or below its security version."""
    BINDING = "binding"
    """Report data do not bind what they must: key, operator, contract, block or nonce."""
    SIMULATED = "simulated"
    """Evidence of the simulation where only real hardware counts."""


class EvidenceFormatError(InputError):
    """Evidence or collateral does not parse: `what`, `expected` and `actual` name the field."""

    reason = Rejection.FORMAT


class EvidenceRejectedError(Critical):
    """Well-formed evidence that must not be accepted.

    `reason` is the stable code, `detail` says in words what was expected and what came.
    """

    def __init__(self, reason: Rejection, detail: str) -> None:
        """Keep the code beside the message."""
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


class PolicyError(InputError):
    """An attestation policy is not one: the field, what it must be and what came."""
