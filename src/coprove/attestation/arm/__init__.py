"""ARM: PSA attestation tokens of TrustZone firmware and CCA tokens of realms."""

from coprove.attestation.arm.cca import CcaToken, PlatformToken, RealmToken, parse_cca_token
from coprove.attestation.arm.claim_sets import Lifecycle, SoftwareComponent
from coprove.attestation.arm.keys import SIMULATED_IMPLEMENTATION, UNTIL_REVOKED, ArmKey
from coprove.attestation.arm.psa import PSA_PROFILE, PsaToken, parse_psa_token
from coprove.attestation.arm.verify import verify_cca_token, verify_psa_token

__all__ = [
    "PSA_PROFILE",
    "SIMULATED_IMPLEMENTATION",
    "UNTIL_REVOKED",
    "ArmKey",
    "CcaToken",
    "Lifecycle",
    "PlatformToken",
    "PsaToken",
    "RealmToken",
    "SoftwareComponent",
    "parse_cca_token",
    "parse_psa_token",
    "verify_cca_token",
    "verify_psa_token",
]
