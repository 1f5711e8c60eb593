"""Secret keys, which show themselves nowhere, and public keys in both groups."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import NoReturn

from coprove.avs.bls.points import G1Point, G2Point
from coprove.avs.bls.signatures import Signature
from coprove.primitives import bn254, keccak256
from coprove.primitives.bn254 import CURVE_ORDER, Bn254Error
from coprove.types import Hash32

__all__ = ["PublicKey", "SecretKey"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """An operator's key in both groups, checked to be of the same secret.

    Bn254Error when the points do not belong together: with a G2 point of another key an operator
    would be counted for signatures that it did not make.
    """

    g1: G1Point
    """secret · (1, 2); what BLSApkRegistry sums up."""
    g2: G2Point
    """secret · generator of G2; what signatures are checked with."""

    def __post_init__(self) -> None:
        """Compare the two by a pairing."""
        if not bn254.same_key(self.g1.encoded, self.g2.checked):
            raise Bn254Error(
                "public key", expected="both points of one secret", actual="points of two"
            )

    @property
    def operator_id(self) -> Hash32:
        """Keccak-256 of X and Y of the G1 point, 32 bytes each (`BN254.hashG1Point`)."""
        return Hash32(keccak256(self.g1.encoded))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SecretKey:
    """A secret key; it prints as its operator id and cannot be pickled or compared."""

    scalar: bytes
    """32 bytes, big-endian, from 1 to r - 1. Bn254Error for another value, not shown."""
    public_key: PublicKey = field(init=False)
    """What others check its signatures with."""

    def __post_init__(self) -> None:
        """Check the scalar and derive the public key."""
        g1, g2 = bn254.public_keys(self.scalar)
        public_key = PublicKey(g1=G1Point(encoded=g1), g2=G2Point(encoded=g2))
        object.__setattr__(self, "public_key", public_key)

    def __repr__(self) -> str:
        """Show whose it is alone."""
        return f"SecretKey(operator {self.public_key.operator_id})"

    def __reduce__(self) -> NoReturn:
        """Refuse to leave the process."""
        raise TypeError("a secret key is not pickled")

    @classmethod
    def generate(cls) -> SecretKey:
        """Make a new one from the system's randomness."""
        return cls((secrets.randbelow(CURVE_ORDER - 1) + 1).to_bytes(32, "big"))

    def sign(self, digest: Hash32) -> Signature:
        """Return the signature over a digest; equal digests give equal signatures."""
        return Signature(point=G1Point(encoded=bn254.sign(self.scalar, digest)))
