"""A simulated ARM implementer: keys, PSA tokens and CCA tokens."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from coprove.attestation import cbor
from coprove.attestation.arm.cca import COLLECTION_TAG
from coprove.attestation.arm.keys import SIMULATED_IMPLEMENTATION, ArmKey
from coprove.attestation.arm.psa import PSA_PROFILE
from coprove.attestation.cose import SIGN1_TAG
from coprove.attestation.simulation.pki import derive_key, raw_public_key, raw_signature

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FirmwareState", "RealmState", "SimulatedArm", "sign_token"]

_SECURED: Final = 0x3000
_SIGNER: Final = hashlib.sha256(b"simulated firmware signer").digest()
_FIRMWARE: Final = tuple(
    {1: name, 2: hashlib.sha256(name.encode()).digest(), 4: "1.0.0", 5: _SIGNER}
    for name in ("BL", "RMM")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareState:
    """What a simulated PSA token says of TrustZone firmware."""

    report_data: bytes
    """The caller's challenge: 32, 48 or 64 bytes."""
    components: tuple[tuple[str, bytes], ...]
    """Measured firmware: role and hash of 32, 48 or 64 bytes."""
    client_id: int = 1
    """Who asks: positive in the secure world."""
    claims: Mapping[int, Any] = field(default_factory=dict)
    """Further claims, or others in the place of those above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealmState:
    """What a simulated CCA token says of a realm."""

    report_data: bytes
    """The realm's 64 bytes."""
    initial_measurement: bytes
    """RIM, 32 bytes."""
    extensible_measurements: tuple[bytes, bytes, bytes, bytes] = (bytes(32),) * 4
    """REM0 to REM3, 32 bytes each."""
    claims: Mapping[int, Any] = field(default_factory=dict)
    """Further claims of the realm token, or others in the place of those above."""
    platform_claims: Mapping[int, Any] = field(default_factory=dict)
    """The same for the platform token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedArm:
    """Keys of a simulated device, all from a seed."""

    attestation_key: ec.EllipticCurvePrivateKey
    """Signs PSA and platform tokens; P-256."""
    realm_key: ec.EllipticCurvePrivateKey
    """Signs realm tokens; P-384."""

    @classmethod
    def from_seed(cls, seed: str) -> SimulatedArm:
        """Return the simulation of a seed."""
        return cls(
            attestation_key=derive_key(seed, "arm attestation"),
            realm_key=derive_key(seed, "arm realm", ec.SECP384R1()),
        )

    @property
    def key(self) -> ArmKey:
        """The key by which a verifier of the simulation trusts its tokens."""
        point = b"\x04" + raw_public_key(self.attestation_key)
        return ArmKey(public_key=point, simulated=True, label="simulation")

    @property
    def instance_id(self) -> bytes:
        """The device: 1 and the hash of its key."""
        return b"\x01" + hashlib.sha256(raw_public_key(self.attestation_key)).digest()

    def psa_token(self, firmware: FirmwareState) -> bytes:
        """Return a signed PSA token."""
        claims = {
            10: firmware.report_data,
            256: self.instance_id,
            265: PSA_PROFILE,
            2394: firmware.client_id,
            2395: _SECURED,
            2396: SIMULATED_IMPLEMENTATION,
            2399: [{1: kind, 2: value, 5: _SIGNER} for kind, value in firmware.components],
            **firmware.claims,
        }
        return sign_token(claims, self.attestation_key)

    def cca_token(self, realm: RealmState) -> bytes:
        """Return a signed pair of platform and realm token."""
        key = self.realm_public_key()
        platform_claims = {
            10: hashlib.sha256(key).digest(),
            256: self.instance_id,
            265: "tag:arm.com,2023:cca_platform#1.0.0",
            2395: _SECURED,
            2396: SIMULATED_IMPLEMENTATION,
            2399: list(_FIRMWARE),
            2401: b"\x01",
            2402: "sha-256",
            **realm.platform_claims,
        }
        realm_claims = {
            10: realm.report_data,
            265: "tag:arm.com,2023:realm#1.0.0",
            44235: bytes(64),
            44236: "sha-256",
            44237: key,
            44238: realm.initial_measurement,
            44239: list(realm.extensible_measurements),
            44240: "sha-256",
            **realm.claims,
        }
        pair = {
            44234: sign_token(platform_claims, self.attestation_key),
            44241: sign_token(realm_claims, self.realm_key),
        }
        return cbor.encode(cbor2.CBORTag(COLLECTION_TAG, pair))

    def realm_public_key(self) -> bytes:
        """Return the realm's key as a COSE_Key, encoded."""
        point = raw_public_key(self.realm_key)
        return cbor.encode({1: 2, -1: 2, -2: point[:48], -3: point[48:]})


def sign_token(claims: Mapping[int, Any], key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a tagged COSE_Sign1 over any claims, with the algorithm of the key's curve."""
    known: dict[str, tuple[int, hashes.HashAlgorithm]] = {
        ec.SECP256R1.name: (-7, hashes.SHA256()),
        ec.SECP384R1.name: (-35, hashes.SHA384()),
        ec.SECP521R1.name: (-36, hashes.SHA512()),
    }
    number, algorithm = known[key.curve.name]
    protected, payload = cbor.encode({1: number}), cbor.encode(dict(claims))
    signature = raw_signature(key, cbor.encode(["Signature1", protected, b"", payload]), algorithm)
    return cbor.encode(cbor2.CBORTag(SIGN1_TAG, [protected, {}, payload, signature]))
