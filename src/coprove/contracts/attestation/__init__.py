"""The attestation contracts: deployment, typed readers, calldata, events, what is signed."""

from coprove.contracts.attestation.attestors import (
    AttestorRules,
    Attestors,
    AttestorStatement,
    Dispute,
    DisputeState,
)
from coprove.contracts.attestation.claims import QuoteClaims
from coprove.contracts.attestation.deployment import (
    AttestationDeployment,
    AttestationSettings,
    deploy_attestation,
    deploy_attestors,
    deploy_timelock,
)
from coprove.contracts.attestation.events import (
    ChallengeAnswered,
    ChallengeFailed,
    ChallengeOpened,
    ChallengeVoided,
    EventPlace,
    ProverAttested,
    ProverBanned,
    ProverDeregistered,
    ProverEvent,
    ProverRegistered,
    ProverSuspended,
)
from coprove.contracts.attestation.liveness import LivenessVerifier, ReportData
from coprove.contracts.attestation.poe import PoEContract, PoERecorded
from coprove.contracts.attestation.policy import PolicyContract
from coprove.contracts.attestation.records import (
    FOREVER,
    ChallengeRecord,
    Liveness,
    LivenessStatus,
    MeasurementRules,
    PlatformRules,
    ProverRecord,
    ProverState,
    RegistryParameters,
)
from coprove.contracts.attestation.registration import (
    DigestSigner,
    Registration,
    consent_digest,
    deregistration_digest,
    reference_block,
)
from coprove.contracts.attestation.registry import ProverRegistry
from coprove.contracts.attestation.timelock import (
    OperationState,
    TimelockContract,
    TimelockOperation,
)

__all__ = [
    "FOREVER",
    "AttestationDeployment",
    "AttestationSettings",
    "AttestorRules",
    "AttestorStatement",
    "Attestors",
    "ChallengeAnswered",
    "ChallengeFailed",
    "ChallengeOpened",
    "ChallengeRecord",
    "ChallengeVoided",
    "DigestSigner",
    "Dispute",
    "DisputeState",
    "EventPlace",
    "Liveness",
    "LivenessStatus",
    "LivenessVerifier",
    "MeasurementRules",
    "OperationState",
    "PlatformRules",
    "PoEContract",
    "PoERecorded",
    "PolicyContract",
    "ProverAttested",
    "ProverBanned",
    "ProverDeregistered",
    "ProverEvent",
    "ProverRecord",
    "ProverRegistered",
    "ProverRegistry",
    "ProverState",
    "ProverSuspended",
    "QuoteClaims",
    "Registration",
    "RegistryParameters",
    "ReportData",
    "TimelockContract",
    "TimelockOperation",
    "consent_digest",
    "deploy_attestation",
    "deploy_attestors",
    "deploy_timelock",
    "deregistration_digest",
    "reference_block",
]
