"""A simulated enclave, its document, and ways to spoil it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from coprove.attestation import cbor
from coprove.attestation.nitro import verify_document
from coprove.attestation.simulation.nitro import EnclaveState, SimulatedNitro, sign_document

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

    from coprove.attestation.claims import Claims

AT = 1_790_000_000
"""When documents are made and verified, Unix seconds."""
AWS = SimulatedNitro.from_seed("tests")
"""The vendor."""
PCRS = {index: bytes([index + 1]) * 48 for index in range(3)}
"""What runs."""
ENCLAVE = EnclaveState(user_data=bytes(range(64)), pcrs=PCRS)
PROTECTED = bytes.fromhex("a1013822")


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A document, the good one unless a part is replaced."""

    members: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    made_at: int = AT
    key: ec.EllipticCurvePrivateKey = AWS.key
    protected: bytes = PROTECTED

    @property
    def payload(self) -> bytes:
        members = {**AWS.members(ENCLAVE, at=self.made_at), **self.members}
        return cbor.encode({k: v for k, v in members.items() if k not in self.without})

    @property
    def document(self) -> bytes:
        return sign_document(self.payload, self.key, protected=self.protected)

    def verify(self, *, at: int = AT, max_age: int = 300) -> Claims:
        return verify_document(self.document, at=at, max_age=max_age, root=AWS.root)
