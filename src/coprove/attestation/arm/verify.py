"""Verification of PSA and CCA tokens: from bytes, a time and implementers' keys to claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from coprove.attestation import ecdsa
from coprove.attestation.arm.cca import CcaToken, digest_by_name, parse_cca_token
from coprove.attestation.arm.claim_sets import Lifecycle, check_attestable, components_sha256
from coprove.attestation.arm.keys import (
    SIMULATED_IMPLEMENTATION,
    UNTIL_REVOKED,
    ArmKey,
    check_trusted,
    find_signer,
    usable_keys,
)
from coprove.attestation.arm.psa import PsaToken, parse_psa_token
from coprove.attestation.checks import run_checks
from coprove.attestation.claims import Claims, TcbStatus
from coprove.attestation.cose import check_sign1
from coprove.attestation.errors import EvidenceRejectedError, Rejection
from coprove.attestation.platform import Platform
from coprove.primitives import keccak256
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.attestation.arm.claim_sets import SoftwareComponent
    from coprove.attestation.cose import Sign1

__all__ = ["CCA_CHECKS", "PSA_CHECKS", "verify_cca_token", "verify_psa_token"]

_REPORT_DATA_SIZE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PsaCase:
    """A parsed PSA token with the keys that it may be signed by."""

    token: PsaToken
    """The token."""
    usable: tuple[ArmKey, ...]
    """Trusted keys for it."""
    signer: ArmKey | None
    """The one that signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CcaCase:
    """A parsed CCA token with the keys that its platform token may be signed by."""

    token: CcaToken
    """Both tokens."""
    usable: tuple[ArmKey, ...]
    """Trusted keys for the platform token."""
    signer: ArmKey | None
    """The one that signed it."""


def verify_psa_token(token: bytes, *, at: int, keys: Sequence[ArmKey]) -> Claims:
    """Return what a genuine PSA token says, at a time in Unix seconds.

    Tokens carry no time: freshness lies in the nonce. EvidenceFormatError for what does not parse,
    EvidenceRejectedError with its reason for all else; debug states and the client are for a
    policy to judge.
    """
    parsed = parse_psa_token(token)
    usable = usable_keys(keys, parsed.message, parsed.instance_id, at)
    case = PsaCase(token=parsed, usable=usable, signer=find_signer(usable, parsed.message))
    checks = run_checks(PSA_CHECKS, case)
    signers = {component.signer_id for component in parsed.components}
    return Claims(
        platform=Platform.ARM_TRUSTZONE,
        measurement=parsed.measurement,
        report_data=parsed.nonce.ljust(_REPORT_DATA_SIZE, b"\0"),
        debug=parsed.lifecycle is not Lifecycle.SECURED,
        tcb_status=TcbStatus.OK,
        signer=signers.pop() if len(signers) == 1 else None,
        attributes=_psa_attributes(parsed),
        replay_key=parsed.message.replay_key,
        **_trust(case.signer, parsed.implementation_id),
        checks=checks,
    )


def verify_cca_token(token: bytes, *, at: int, keys: Sequence[ArmKey]) -> Claims:
    """Return what a genuine CCA token says of its realm, at a time in Unix seconds.

    The implementer's key signs the platform token, which names the realm token's key by hash.
    Errors and what is left to a policy are as in `verify_psa_token`.
    """
    parsed = parse_cca_token(token)
    platform, realm = parsed.platform, parsed.realm
    usable = usable_keys(keys, platform.message, platform.instance_id, at)
    case = CcaCase(token=parsed, usable=usable, signer=find_signer(usable, platform.message))
    checks = run_checks(CCA_CHECKS, case)
    return Claims(
        platform=Platform.ARM_CCA,
        measurement=realm.measurement,
        report_data=realm.challenge,
        debug=platform.lifecycle is not Lifecycle.SECURED,
        tcb_status=TcbStatus.OK,
        attributes=_cca_attributes(parsed),
        replay_key=Hash32(keccak256(platform.message.signed + realm.message.signed)),
        **_trust(case.signer, platform.implementation_id),
        checks=checks,
    )


def _psa_key(case: PsaCase) -> str:
    return check_trusted(case.usable, case.token.message, case.token.instance_id)


def _psa_range(case: PsaCase) -> str:
    return _check_range(case.token.message)


def _psa_signature(case: PsaCase) -> str:
    return _check_signer(case.signer, case.token.message)


def _psa_lifecycle(case: PsaCase) -> str:
    return check_attestable(case.token.lifecycle)


PSA_CHECKS: Final[dict[str, Callable[[PsaCase], str]]] = {
    "trusted-key": _psa_key,
    "signature-range": _psa_range,
    "signature": _psa_signature,
    "lifecycle": _psa_lifecycle,
}
"""All checks of a PSA token, by name, in the order in which they run."""


def _cca_key(case: CcaCase) -> str:
    return check_trusted(case.usable, case.token.platform.message, case.token.platform.instance_id)


def _cca_range(case: CcaCase) -> str:
    return _check_range(case.token.platform.message)


def _cca_signature(case: CcaCase) -> str:
    return _check_signer(case.signer, case.token.platform.message)


def _cca_lifecycle(case: CcaCase) -> str:
    return check_attestable(case.token.platform.lifecycle)


def _cca_binding(case: CcaCase) -> str:
    realm, platform = case.token.realm, case.token.platform
    digest = digest_by_name(realm.public_key_hash_name, realm.public_key_bytes)
    if digest != platform.challenge:
        detail = (
            f"the platform vouches for the realm key 0x{platform.challenge.hex()}, the token's"
            f" {realm.public_key_hash_name} is 0x{(digest or b'').hex()}"
        )
        raise EvidenceRejectedError(Rejection.BINDING, detail)
    return f"{realm.public_key_hash_name} of the realm's key"


def _cca_realm_range(case: CcaCase) -> str:
    return _check_range(case.token.realm.message)


def _cca_realm_signature(case: CcaCase) -> str:
    realm = case.token.realm
    check_sign1(realm.message, realm.signing_key, "the realm token")
    return realm.message.algorithm.name


def _cca_realm_hash(case: CcaCase) -> str:
    realm = case.token.realm
    size = len(digest_by_name(realm.hash_name, b"") or b"")
    sizes = {len(realm.initial_measurement), *map(len, realm.extensible_measurements)}
    if sizes != {size}:
        detail = f"measurements of {sorted(sizes)} bytes under {realm.hash_name}"
        raise EvidenceRejectedError(Rejection.MEASUREMENT, detail)
    return realm.hash_name


CCA_CHECKS: Final[dict[str, Callable[[CcaCase], str]]] = {
    "trusted-key": _cca_key,
    "signature-range": _cca_range,
    "signature": _cca_signature,
    "lifecycle": _cca_lifecycle,
    "realm-binding": _cca_binding,
    "realm-signature-range": _cca_realm_range,
    "realm-signature": _cca_realm_signature,
    "realm-hash": _cca_realm_hash,
}
"""All checks of a CCA token, by name, in the order in which they run."""


def _check_range(message: Sign1) -> str:
    ecdsa.check_range(*message.integers, message.algorithm.order)
    return f"r and s fit {message.algorithm.name}"


def _check_signer(signer: ArmKey | None, message: Sign1) -> str:
    if signer is None:
        detail = "the token is not signed by a key that is trusted for it"
        raise EvidenceRejectedError(Rejection.SIGNATURE, detail)
    return f"{message.algorithm.name} by {signer.name}"


def _trust(signer: ArmKey | None, implementation_id: bytes) -> dict[str, Any]:
    simulated = implementation_id == SIMULATED_IMPLEMENTATION
    if signer is None:
        return {"valid_from": 0, "valid_until": UNTIL_REVOKED, "simulated": simulated}
    return {
        "valid_from": signer.valid_from,
        "valid_until": signer.valid_until,
        "simulated": simulated or signer.simulated,
        "collateral": (f"key {signer.name} sha256:{signer.sha256}",),
    }


def _platform_attributes(
    implementation_id: bytes,
    instance_id: bytes,
    lifecycle: Lifecycle,
    components: Sequence[SoftwareComponent],
) -> dict[str, object]:
    return {
        "implementation-id": implementation_id.hex(),
        "instance-id": instance_id.hex(),
        "lifecycle": lifecycle.label,
        "components": ", ".join(f"{item.kind} {item.version}".strip() for item in components),
    }


def _psa_attributes(token: PsaToken) -> dict[str, object]:
    return {
        "profile": token.profile,
        "client-id": token.client_id,
        "secure-client": token.client_id > 0,
        "boot-seed": None if token.boot_seed is None else token.boot_seed.hex(),
        "certification": token.certification,
        "unknown-claims": ", ".join(token.unknown),
        **_platform_attributes(
            token.implementation_id, token.instance_id, token.lifecycle, token.components
        ),
    }


def _cca_attributes(token: CcaToken) -> dict[str, object]:
    platform = token.platform
    return {
        "profile": platform.profile,
        "personalization": token.realm.personalization.hex(),
        "platform-config": platform.config.hex(),
        "platform-sha256": components_sha256(platform.components),
        "realm-hash": token.realm.hash_name,
        **_platform_attributes(
            platform.implementation_id,
            platform.instance_id,
            platform.lifecycle,
            platform.components,
        ),
    }
