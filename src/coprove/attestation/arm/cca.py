"""CCA tokens (draft-ffm-rats-cca-token): a platform token and a realm token, bound together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

import cbor2

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
from coprove.attestation.arm.keys import parse_point
from coprove.attestation.cose import ALGORITHMS, Sign1, parse_sign1
from coprove.attestation.errors import EvidenceFormatError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

__all__ = [
    "CMW_TAG",
    "COLLECTION_TAG",
    "CcaToken",
    "PlatformToken",
    "RealmToken",
    "digest_by_name",
    "parse_cca_token",
]

COLLECTION_TAG: Final = 399
"""CBOR tag of the pair of tokens as firmware writes it today."""
CMW_TAG: Final = 907
"""CBOR tag of the same as a collection of conceptual message wrappers."""
_EAT_CONTENT_FORMAT = 263
_PLATFORM_PROFILES: Final = frozenset(
    {"tag:arm.com,2023:cca_platform#1.0.0", "http://arm.com/CCA-SSD/1.0.0"}
)
_REALM_PROFILES: Final = frozenset({"tag:arm.com,2023:realm#1.0.0"})
_PLATFORM_TOKEN, _REALM_TOKEN = 44234, 44241
_EXTENSIBLE_MEASUREMENTS = 4
_PERSONALIZATION_SIZES = (64,)


class RealmClaim(IntEnum):
    """Keys of a realm token's claims."""

    HASH = 44236
    PERSONALIZATION = 44235
    PUBLIC_KEY = 44237
    INITIAL_MEASUREMENT = 44238
    EXTENSIBLE_MEASUREMENTS = 44239
    PUBLIC_KEY_HASH = 44240


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformToken:
    """What the platform's root of trust says of itself."""

    message: Sign1
    """Headers and signature."""
    profile: str
    """265: which text the token follows."""
    challenge: bytes
    """10: hash of the realm's key, which binds the two tokens; 32, 48 or 64 bytes."""
    implementation_id: bytes
    """2396: the hardware; 32 bytes."""
    instance_id: bytes
    """256: one device; 33 bytes, the first is 1."""
    config: bytes
    """2401: configuration of the platform, in the implementer's form."""
    lifecycle: Lifecycle
    """2395: state of the platform."""
    components: tuple[SoftwareComponent, ...]
    """2399: measured firmware."""
    hash_name: str
    """2402: algorithm of extended measurements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealmToken:
    """What the realm manager says of a realm."""

    message: Sign1
    """Headers and signature."""
    challenge: bytes
    """10: the realm's own 64 bytes."""
    personalization: bytes
    """44235: the creator's 64 bytes."""
    initial_measurement: bytes
    """44238: RIM, the realm as it was created."""
    extensible_measurements: tuple[bytes, ...]
    """44239: REM0 to REM3, what the realm itself extended."""
    hash_name: str
    """44236: algorithm of the measurements."""
    public_key_bytes: bytes
    """44237: the key as it stands in the token, which is what its hash is over."""
    signing_key: EllipticCurvePublicKey
    """The same, read: it signs this token."""
    public_key_hash_name: str
    """44240: algorithm of the platform token's challenge."""

    @property
    def measurement(self) -> bytes:
        """RIM and REM0 to REM3."""
        return b"".join((self.initial_measurement, *self.extensible_measurements))


@dataclass(frozen=True, slots=True, kw_only=True)
class CcaToken:
    """Both tokens."""

    platform: PlatformToken
    """Signed by the implementer's key."""
    realm: RealmToken
    """Signed by a key that the platform token vouches for."""


def parse_cca_token(data: bytes) -> CcaToken:
    """Return both tokens' claims; EvidenceFormatError names what is wrong."""
    value = cbor.decode(data, "CCA token", tags=(COLLECTION_TAG, CMW_TAG), long_forms=True)
    parts: Any = value.value if isinstance(value, cbor2.CBORTag) else None
    if not isinstance(parts, dict) or set(parts) != {_PLATFORM_TOKEN, _REALM_TOKEN}:
        raise EvidenceFormatError(
            "CCA token", expected="a tagged pair of tokens", actual=type(value).__name__
        )
    if value.tag == CMW_TAG:
        parts = {key: _unwrapped(wrapper) for key, wrapper in parts.items()}
    return CcaToken(
        platform=_platform(cbor.member(parts, _PLATFORM_TOKEN, bytes, "CCA platform token")),
        realm=_realm(cbor.member(parts, _REALM_TOKEN, bytes, "CCA realm token")),
    )


def digest_by_name(name: str, data: bytes) -> bytes | None:
    """Return the hash of data by an algorithm of IANA's registry, None when it is none of ours."""
    known = {"sha-256": hashlib.sha256, "sha-384": hashlib.sha384, "sha-512": hashlib.sha512}
    return known[name](data).digest() if name in known else None


def _unwrapped(wrapper: object) -> object:
    if not isinstance(wrapper, list) or len(wrapper) != 2 or wrapper[0] != _EAT_CONTENT_FORMAT:
        raise EvidenceFormatError(
            "CCA token", expected="wrappers of content format 263", actual=type(wrapper).__name__
        )
    return wrapper[1]


def _platform(data: bytes) -> PlatformToken:
    what = "CCA platform token"
    message = parse_sign1(data, what, long_forms=True)
    claims = parse_claims(message, what)
    return PlatformToken(
        message=message,
        profile=parse_profile(claims, _PLATFORM_PROFILES, what),
        challenge=cbor.member(claims, Claim.NONCE, bytes, f"{what} challenge", sizes=HASH_SIZES),
        implementation_id=cbor.member(
            claims, Claim.IMPLEMENTATION_ID, bytes, f"{what} implementation id", sizes=(32,)
        ),
        instance_id=parse_instance_id(claims, what),
        config=cbor.member(claims, Claim.PLATFORM_CONFIG, bytes, f"{what} configuration"),
        lifecycle=parse_lifecycle(claims, what),
        components=parse_components(claims, what),
        hash_name=cbor.member(claims, Claim.PLATFORM_HASH, str, f"{what} hash"),
    )


def _realm(data: bytes) -> RealmToken:
    what = "CCA realm token"
    message = parse_sign1(data, what, long_forms=True)
    claims = parse_claims(message, what)
    key_bytes = cbor.member(claims, RealmClaim.PUBLIC_KEY, bytes, f"{what} key")
    extensible = cbor.member(
        claims,
        RealmClaim.EXTENSIBLE_MEASUREMENTS,
        list,
        f"{what} extensible measurements",
        sizes=(_EXTENSIBLE_MEASUREMENTS,),
    )
    return RealmToken(
        message=message,
        challenge=cbor.member(claims, Claim.NONCE, bytes, f"{what} challenge", sizes=(64,)),
        personalization=cbor.member(
            claims,
            RealmClaim.PERSONALIZATION,
            bytes,
            f"{what} personalization value",
            sizes=_PERSONALIZATION_SIZES,
        ),
        initial_measurement=cbor.member(
            claims,
            RealmClaim.INITIAL_MEASUREMENT,
            bytes,
            f"{what} initial measurement",
            sizes=HASH_SIZES,
        ),
        extensible_measurements=tuple(
            cbor.member(
                dict(enumerate(extensible)), index, bytes, f"{what} REM{index}", sizes=HASH_SIZES
            )
            for index in range(_EXTENSIBLE_MEASUREMENTS)
        ),
        hash_name=cbor.member(claims, RealmClaim.HASH, str, f"{what} hash"),
        public_key_bytes=key_bytes,
        signing_key=_realm_key(claims, key_bytes, f"{what} key"),
        public_key_hash_name=cbor.member(
            claims, RealmClaim.PUBLIC_KEY_HASH, str, f"{what} key hash"
        ),
    )


def _realm_key(claims: Mapping[Any, Any], data: bytes, what: str) -> EllipticCurvePublicKey:
    point: bytes | None = data
    # Firmware from before there was a profile writes the bare point.
    if Claim.PROFILE in claims:
        parse_profile(claims, _REALM_PROFILES, "CCA realm token")
        point = _cose_point(cbor.decode(data, what, long_forms=True))
    key = None if point is None else parse_point(point)
    if key is None:
        raise EvidenceFormatError(
            what, expected="a key on P-256, P-384 or P-521", actual=data.hex()
        )
    return key


def _cose_point(key: object) -> bytes | None:
    if not isinstance(key, dict) or key.get(1) != 2:
        return None
    x, y, curve = key.get(-2), key.get(-3), key.get(-1)
    if not isinstance(x, bytes) or not isinstance(y, bytes):
        return None
    for algorithm in ALGORITHMS.values():
        if curve == algorithm.curve_number and len(x) == len(y) == algorithm.size:
            return b"\x04" + x + y
    return None
