"""What must be trusted: the key, the run, the signature, the report data."""

from coprove.prover.tee.enclave.claims import BoundEvidence, EnclaveIdentity, SignedPoe
from coprove.prover.tee.enclave.enclave import Enclave
from coprove.prover.tee.enclave.errors import (
    EvidenceRequestError,
    QuoteMismatchError,
    QuoteUnavailableError,
    RunStoppedError,
    SimulatedEnclaveError,
    WitnessDigestError,
)
from coprove.prover.tee.enclave.key import ProverKey, recover_prover
from coprove.prover.tee.enclave.quoting import REPORT_DATA_SIZE, Quote, QuoteProvider

__all__ = [
    "REPORT_DATA_SIZE",
    "BoundEvidence",
    "Enclave",
    "EnclaveIdentity",
    "EvidenceRequestError",
    "ProverKey",
    "Quote",
    "QuoteMismatchError",
    "QuoteProvider",
    "QuoteUnavailableError",
    "RunStoppedError",
    "SignedPoe",
    "SimulatedEnclaveError",
    "WitnessDigestError",
    "recover_prover",
]
