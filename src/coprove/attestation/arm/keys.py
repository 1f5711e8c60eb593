"""Keys of ARM implementers: whose tokens are trusted. ARM itself has no root over them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec

from coprove.attestation import cose
from coprove.attestation.errors import EvidenceRejectedError, PolicyError, Rejection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.attestation.cose import Sign1

__all__ = [
    "SIMULATED_IMPLEMENTATION",
    "UNTIL_REVOKED",
    "ArmKey",
    "check_trusted",
    "find_signer",
    "parse_point",
    "usable_keys",
]

SIMULATED_IMPLEMENTATION: Final = b"coprove simulation, no vendor".ljust(32, b"\0")
"""Implementation id of simulated tokens: signed, so that a simulation cannot pass for anything."""
UNTIL_REVOKED: Final = 253_402_300_799
"""End of the year 9999, Unix seconds: a key in a policy holds until it is taken out."""
_CURVES: Final = {65: ec.SECP256R1(), 97: ec.SECP384R1(), 133: ec.SECP521R1()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmKey:
    """A key that signs tokens, and what says that a token is to be checked with it."""

    public_key: bytes
    """SEC 1 point, 0x04 ‖ x ‖ y, on P-256, P-384 or P-521."""
    key_id: bytes | None = None
    """What the token's COSE key id or instance id must be; None for any."""
    valid_from: int = 0
    """Since when it is trusted, Unix seconds."""
    valid_until: int = UNTIL_REVOKED
    """Until when it is trusted, Unix seconds, inclusive."""
    simulated: bool = False
    """Whether a simulation signs with it."""
    label: str = ""
    """Whose it is, for people."""

    @property
    def name(self) -> str:
        """Label, or the beginning of the key."""
        return self.label or f"0x{self.public_key[1:9].hex()}…"

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the point."""
        return hashlib.sha256(self.public_key).hexdigest()

    def load(self) -> ec.EllipticCurvePublicKey:
        """Return the key; PolicyError when it is no point of a known curve."""
        key = parse_point(self.public_key)
        if key is None:
            actual = f"{len(self.public_key)} bytes"
            raise PolicyError(f"ARM key {self.name}", expected="a SEC 1 point", actual=actual)
        return key


def parse_point(data: bytes) -> ec.EllipticCurvePublicKey | None:
    """Return the key that an uncompressed SEC 1 point is, None when it is none."""
    curve = _CURVES.get(len(data))
    if curve is None or data[0] != 4:
        return None
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, data)
    except ValueError:
        return None


def usable_keys(
    keys: Sequence[ArmKey], message: Sign1, instance_id: bytes, at: int
) -> tuple[ArmKey, ...]:
    """Return those keys that may have signed a token: by key id or instance id, time and curve."""
    return tuple(
        key
        for key in keys
        if key.key_id in (None, message.key_id, instance_id)
        and key.valid_from <= at <= key.valid_until
        and key.load().curve.name == message.algorithm.curve
    )


def find_signer(usable: Sequence[ArmKey], message: Sign1) -> ArmKey | None:
    """Return the first of the keys that signed, None when none did."""
    for key in usable:
        try:
            cose.check_sign1(message, key.load(), "the token")
        except EvidenceRejectedError:
            continue
        return key
    return None


def check_trusted(usable: Sequence[ArmKey], message: Sign1, instance_id: bytes) -> str:
    """Require that some key may have signed; EvidenceRejectedError when none is trusted."""
    if not usable:
        key_id = "no key id" if message.key_id is None else f"key id 0x{message.key_id.hex()}"
        detail = (
            f"no trusted key for it: {message.algorithm.name}, {key_id},"
            f" instance 0x{instance_id.hex()}"
        )
        raise EvidenceRejectedError(Rejection.ROOT, detail)
    return ", ".join(key.name for key in usable)
