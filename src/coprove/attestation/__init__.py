"""Evidence of trusted execution environments: parse, verify, judge; no I/O, no clock."""

from coprove.attestation.avs_poe import AvsPoe, batch_hash
from coprove.attestation.binding import (
    BINDING_DOMAIN,
    BINDING_VERSION,
    ProverBinding,
    prover_address,
)
from coprove.attestation.claims import Check, Claims, TcbStatus
from coprove.attestation.errors import (
    EvidenceFormatError,
    EvidenceRejectedError,
    PolicyError,
    Rejection,
)
from coprove.attestation.platform import Platform, measurement_id
from coprove.attestation.poe import ProofOfExecution

__all__ = [
    "BINDING_DOMAIN",
    "BINDING_VERSION",
    "AvsPoe",
    "Check",
    "Claims",
    "EvidenceFormatError",
    "EvidenceRejectedError",
    "Platform",
    "PolicyError",
    "ProofOfExecution",
    "ProverBinding",
    "Rejection",
    "TcbStatus",
    "batch_hash",
    "measurement_id",
    "prover_address",
]
