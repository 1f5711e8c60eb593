"""PSA attestation tokens (RFC 9783), as TrustZone firmware issues them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from coprove.attestation import cbor
from coprove.attestation.arm.claim_sets import (
    HASH_SIZES,
    Claim,
    Lifecycle,
    SoftwareComponent,
    parse_claims,
    parse_components,
    parse_instance_id,
    parse_lifecycle,
    parse_profile,
)
from coprove.attestation.cose import Sign1, parse_sign1
from coprove.attestation.errors import EvidenceFormatError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PSA_PROFILE", "PsaToken", "parse_psa_token"]

PSA_PROFILE: Final = "tag:psacertified.org,2023:psa#tfm"
"""Profile of RFC 9783."""
_OLD_PROFILE = "http://arm.com/psa/2.0.0"
_WHAT = "PSA token"
_CERTIFICATION = re.compile(r"[0-9]{13}-[0-9]{5}")
_CLIENT_IDS = range(-(1 << 31), 1 << 31)
_KNOWN: Final = frozenset(
    {
        Claim.NONCE,
        Claim.INSTANCE_ID,
        Claim.PROFILE,
        Claim.CLIENT_ID,
        Claim.LIFECYCLE,
        Claim.IMPLEMENTATION_ID,
        Claim.CERTIFICATION,
        Claim.COMPONENTS,
        Claim.VERIFICATION_SERVICE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PsaToken:
    """Claims of a token, and the COSE_Sign1 around them."""

    message: Sign1
    """Headers and signature."""
    profile: str
    """265: which text the token follows."""
    nonce: bytes
    """10: the caller's challenge, 32, 48 or 64 bytes."""
    instance_id: bytes
    """256: one device; 33 bytes, the first is 1."""
    implementation_id: bytes
    """2396: the hardware and root of trust; 32 bytes."""
    client_id: int
    """2394: who asked; positive in the secure world, else in the normal world."""
    lifecycle: Lifecycle
    """2395: state of the device."""
    components: tuple[SoftwareComponent, ...]
    """2399: measured firmware in boot order."""
    boot_seed: bytes | None
    """268 (2397 in the older profile): one boot; 8 to 32 bytes."""
    certification: str | None
    """2398: EAN-13 and version of a PSA certificate."""
    verification_service: str | None
    """2400: where the implementer verifies tokens; never used."""
    unknown: tuple[str, ...]
    """Keys of claims that RFC 9783 does not have; RFC 8392 has them ignored."""

    @property
    def measurement(self) -> bytes:
        """Values of the components in their order."""
        return b"".join(component.measurement for component in self.components)


def parse_psa_token(data: bytes) -> PsaToken:
    """Return a token's claims; EvidenceFormatError names the one that is wrong."""
    message = parse_sign1(data, _WHAT, long_forms=True)
    claims = parse_claims(message, _WHAT)
    profile = parse_profile(claims, {PSA_PROFILE, _OLD_PROFILE}, _WHAT)
    seed = Claim.BOOT_SEED if profile == PSA_PROFILE else Claim.OLD_BOOT_SEED
    return PsaToken(
        message=message,
        profile=profile,
        nonce=cbor.member(claims, Claim.NONCE, bytes, f"{_WHAT} nonce", sizes=HASH_SIZES),
        instance_id=parse_instance_id(claims, _WHAT),
        implementation_id=cbor.member(
            claims, Claim.IMPLEMENTATION_ID, bytes, f"{_WHAT} implementation id", sizes=(32,)
        ),
        client_id=_client_id(claims),
        lifecycle=parse_lifecycle(claims, _WHAT),
        components=parse_components(claims, _WHAT),
        boot_seed=cbor.member(claims, seed, bytes, f"{_WHAT} boot seed", sizes=range(8, 33))
        if seed in claims
        else None,
        certification=_certification(claims),
        verification_service=cbor.member(
            claims, Claim.VERIFICATION_SERVICE, str, f"{_WHAT} verification service"
        )
        if Claim.VERIFICATION_SERVICE in claims
        else None,
        unknown=tuple(sorted(str(key) for key in claims if key not in _KNOWN | {seed})),
    )


def _client_id(claims: Mapping[Any, Any]) -> int:
    client_id = cbor.member(claims, Claim.CLIENT_ID, int, f"{_WHAT} client id")
    if client_id not in _CLIENT_IDS:
        raise EvidenceFormatError(f"{_WHAT} client id", expected="32 bits", actual=client_id)
    return client_id


def _certification(claims: Mapping[Any, Any]) -> str | None:
    if Claim.CERTIFICATION not in claims:
        return None
    found = cbor.member(claims, Claim.CERTIFICATION, str, f"{_WHAT} certification")
    if not _CERTIFICATION.fullmatch(found):
        raise EvidenceFormatError(
            f"{_WHAT} certification", expected="EAN-13, dash, five digits", actual=found
        )
    return found
