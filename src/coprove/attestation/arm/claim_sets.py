"""What PSA and CCA platform tokens have in common: claims of the PSA range (RFC 9783)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from coprove.attestation import cbor
from coprove.attestation.errors import EvidenceFormatError, EvidenceRejectedError, Rejection

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from coprove.attestation.cose import Sign1

__all__ = [
    "HASH_SIZES",
    "Claim",
    "Lifecycle",
    "SoftwareComponent",
    "check_attestable",
    "components_sha256",
    "parse_claims",
    "parse_components",
    "parse_instance_id",
    "parse_lifecycle",
    "parse_profile",
]

HASH_SIZES: Final = (32, 48, 64)
"""Bytes of SHA-256, SHA-384 and SHA-512."""
_MAX_COMPONENTS = 64


class Claim(IntEnum):
    """Keys of claims (RFC 9711, RFC 9783, draft-ffm-rats-cca-token)."""

    NONCE = 10
    INSTANCE_ID = 256
    PROFILE = 265
    BOOT_SEED = 268
    CLIENT_ID = 2394
    LIFECYCLE = 2395
    IMPLEMENTATION_ID = 2396
    OLD_BOOT_SEED = 2397
    CERTIFICATION = 2398
    COMPONENTS = 2399
    VERIFICATION_SERVICE = 2400
    PLATFORM_CONFIG = 2401
    PLATFORM_HASH = 2402


class Lifecycle(IntEnum):
    """State of a device: the upper byte of the security lifecycle claim."""

    UNKNOWN = 0x00
    ASSEMBLY_AND_TEST = 0x10
    PROVISIONING = 0x20
    SECURED = 0x30
    NON_ROT_DEBUG = 0x40
    RECOVERABLE_DEBUG = 0x50
    DECOMMISSIONED = 0x60

    @property
    def label(self) -> str:
        """The state as attributes name it, such as `secured`."""
        return self.name.lower().replace("_", "-")


_ATTESTABLE = (Lifecycle.SECURED, Lifecycle.NON_ROT_DEBUG, Lifecycle.RECOVERABLE_DEBUG)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareComponent:
    """One measured piece of firmware."""

    kind: str
    """1: its role, such as `BL` or `PRoT`; empty when not given."""
    measurement: bytes
    """2: its hash, 32, 48 or 64 bytes."""
    version: str
    """4: its version; empty when not given."""
    signer_id: bytes
    """5: hash of the key that signed it, 32, 48 or 64 bytes."""
    description: str
    """6: how it was measured; empty when not given."""


def parse_claims(message: Sign1, what: str) -> dict[Any, Any]:
    """Return a token's claims; EvidenceFormatError when the payload is no map of them."""
    claims = cbor.decode(message.payload, what, long_forms=True)
    if not isinstance(claims, dict):
        raise EvidenceFormatError(what, expected="a map of claims", actual=type(claims).__name__)
    return claims


def parse_profile(claims: Mapping[Any, Any], known: Collection[str], what: str) -> str:
    """Return the profile, one of those known."""
    profile = cbor.member(claims, Claim.PROFILE, str, f"{what} profile")
    if profile not in known:
        raise EvidenceFormatError(
            f"{what} profile", expected=" or ".join(sorted(known)), actual=profile
        )
    return profile


def parse_instance_id(claims: Mapping[Any, Any], what: str) -> bytes:
    """Return the instance id: a UEID of type RAND, 33 bytes."""
    name = f"{what} instance id"
    found = cbor.member(claims, Claim.INSTANCE_ID, bytes, name, sizes=(33,))
    if found[0] != 1:
        raise EvidenceFormatError(name, expected="a UEID of type 1", actual=found[0])
    return found


def parse_lifecycle(claims: Mapping[Any, Any], what: str) -> Lifecycle:
    """Return the state of the security lifecycle; its lower byte is the implementer's."""
    value = cbor.member(claims, Claim.LIFECYCLE, int, f"{what} lifecycle")
    try:
        return Lifecycle(value >> 8)
    except ValueError as error:
        raise EvidenceFormatError(
            f"{what} lifecycle", expected="a state of RFC 9783", actual=value
        ) from error


def parse_components(claims: Mapping[Any, Any], what: str) -> tuple[SoftwareComponent, ...]:
    """Return the measured software, one component at least."""
    name = f"{what} software component"
    found = cbor.member(claims, Claim.COMPONENTS, list, f"{name}s")
    if not 1 <= len(found) <= _MAX_COMPONENTS:
        raise EvidenceFormatError(f"{name}s", expected=f"1 to {_MAX_COMPONENTS}", actual=len(found))
    return tuple(_component(item, f"{name} {number}") for number, item in enumerate(found))


def _component(item: object, what: str) -> SoftwareComponent:
    if not isinstance(item, dict):
        raise EvidenceFormatError(what, expected="a map", actual=type(item).__name__)
    return SoftwareComponent(
        kind=_text(item, 1, what),
        measurement=cbor.member(item, 2, bytes, f"{what}, measurement", sizes=HASH_SIZES),
        version=_text(item, 4, what),
        signer_id=cbor.member(item, 5, bytes, f"{what}, signer id", sizes=HASH_SIZES),
        description=_text(item, 6, what),
    )


def _text(item: Mapping[Any, Any], key: int, what: str) -> str:
    return cbor.member(item, key, str, f"{what}, {key}") if key in item else ""


def components_sha256(components: Collection[SoftwareComponent]) -> str:
    """Return hex SHA-256 over the components' measurements in their order."""
    return hashlib.sha256(b"".join(item.measurement for item in components)).hexdigest()


def check_attestable(lifecycle: Lifecycle) -> str:
    """Require a state in which a device may vouch for itself; debug states are a policy's matter.

    Before provisioning has ended and after decommissioning keys may be known to others.
    """
    if lifecycle not in _ATTESTABLE:
        detail = f"the device is in the lifecycle state {lifecycle.label}"
        raise EvidenceRejectedError(Rejection.DEBUG, detail)
    return lifecycle.label
