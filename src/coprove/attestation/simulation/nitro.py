"""A simulated AWS: root, issuing chain and documents that pass the checks of Nitro enclaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives import hashes

from coprove.attestation import cbor
from coprove.attestation.nitro.document import PCR_SIZE
from coprove.attestation.simulation.issuing import Authority, Subject, derive_p384
from coprove.attestation.simulation.pki import raw_signature
from coprove.attestation.x509 import Certificate, parse_certificate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["EnclaveState", "SimulatedNitro", "sign_document"]

_LIFETIME: Final = 10_800
_PROTECTED: Final = bytes.fromhex("a1013822")
_MODULE_ID = "i-0simulated0000000-enc0simulated00000"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnclaveState:
    """What a simulated enclave's document says of it."""

    user_data: bytes
    """Up to 64 bytes of the enclave's own."""
    pcrs: Mapping[int, bytes]
    """Registers by index, 48 bytes each; those not named are zero up to 15."""
    nonce: bytes | None = None
    """The verifier's, if any."""
    public_key: bytes | None = None
    """The enclave's, if any."""
    members: Mapping[str, Any] = field(default_factory=dict)
    """Further members, or others in the place of those above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedNitro:
    """Keys of a simulated AWS and one of its machines, all from a seed."""

    issuers: tuple[Authority, ...]
    """Root, region, zone, instance."""
    key: ec.EllipticCurvePrivateKey
    """What signs documents, P-384."""

    @classmethod
    def from_seed(cls, seed: str) -> SimulatedNitro:
        """Return the simulation of a seed."""
        root = Authority.root(
            Subject(name="aws.nitro-enclaves", is_authority=True), derive_p384(seed, "nitro root")
        )
        issuers = [root]
        for length, name in ((2, "region"), (1, "zone"), (0, "instance")):
            subject = Subject(
                name=f"{name}.simulation.aws.nitro-enclaves", is_authority=True, path_length=length
            )
            issuers.append(issuers[-1].delegate(subject, derive_p384(seed, f"nitro {name}")))
        return cls(issuers=tuple(issuers), key=derive_p384(seed, "nitro enclave"))

    @property
    def root(self) -> Certificate:
        """The root at which a verifier of the simulation lets chains end."""
        return parse_certificate(self.issuers[0].certificate, "simulated Nitro root")

    def document(self, enclave: EnclaveState, *, at: int) -> bytes:
        """Return a signed document, made at a time in Unix seconds; its chain holds three hours."""
        return sign_document(cbor.encode(self.members(enclave, at=at)), self.key)

    def members(self, enclave: EnclaveState, *, at: int) -> dict[str, Any]:
        """Return what a document consists of."""
        subject = Subject(name="enclave.simulation.aws", valid=(at - 3, at + _LIFETIME))
        pcrs = {index: bytes(PCR_SIZE) for index in range(16)} | dict(enclave.pcrs)
        return {
            "module_id": _MODULE_ID,
            "digest": "SHA384",
            "timestamp": at * 1000,
            "pcrs": pcrs,
            "certificate": self.issuers[-1].issue(subject, self.key.public_key()),
            "cabundle": [issuer.certificate for issuer in self.issuers],
            "public_key": enclave.public_key,
            "user_data": enclave.user_data,
            "nonce": enclave.nonce,
            **enclave.members,
        }


def sign_document(
    payload: bytes, key: ec.EllipticCurvePrivateKey, *, protected: bytes = _PROTECTED
) -> bytes:
    """Return an untagged COSE_Sign1 over any payload, as the security module writes it."""
    signed = cbor.encode(["Signature1", protected, b"", payload])
    signature = raw_signature(key, signed, hashes.SHA384())
    return cbor.encode([protected, {}, payload, signature])
