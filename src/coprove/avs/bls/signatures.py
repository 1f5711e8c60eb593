"""Signatures over 32-byte digests: one, an aggregate as the contract checks it, or a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.avs.bls.points import G1Point
from coprove.primitives import bn254
from coprove.primitives.bn254 import Bn254Error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.avs.bls.points import G2Point
    from coprove.types import Hash32

__all__ = ["Signature", "SignedDigest", "hash_to_g1", "verify_aggregate", "verify_batch"]


def hash_to_g1(digest: Hash32) -> G1Point:
    """Return the point that a digest's signature multiplies (`BN254.hashToG1`)."""
    return G1Point(encoded=bn254.hash_to_g1(digest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature, of one key or the sum of several over the same digest."""

    point: G1Point
    """secret · H(digest); never infinity, which no secret and no sum of signers should give."""

    def __post_init__(self) -> None:
        """Refuse infinity with Bn254Error."""
        if self.point.is_infinity:
            raise Bn254Error("signature", expected="a finite point", actual="infinity")

    @classmethod
    def from_coordinates(cls, x: int, y: int) -> Signature:
        """Take X and Y of `sigma`, or of an operator's `g1_point`."""
        return cls(point=G1Point.from_coordinates(x, y))

    @classmethod
    def combine(
        cls, signatures: Sequence[Signature], weights: Sequence[int] | None = None
    ) -> Signature:
        """Add signatures over one digest, each as often as its weight says (once unless given)."""
        points = [signature.point for signature in signatures]
        return cls(point=G1Point.combine(points, weights))

    def verify(self, key: G2Point, digest: Hash32) -> bool:
        """Whether it is the key's over the digest."""
        return bn254.verify(key.checked, digest, self.point.encoded)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDigest:
    """A signature with all that it is checked against."""

    key: G2Point
    """Whose it should be."""
    digest: Hash32
    """What it should sign."""
    signature: Signature
    """What came."""


def verify_batch(signed: Sequence[SignedDigest]) -> tuple[bool, ...]:
    """Whether each signature is its key's over its digest.

    While all are good this is one pairing check with a few operations for each, and a pairing more
    for each further digest. Bad ones are found in no more pairing checks than there are
    signatures. The weights of the check are random and made after the signatures are here, so
    signers cannot arrange bad ones that cancel.
    """
    verdicts = bn254.verify_batch(
        [one.key.checked for one in signed],
        [one.digest for one in signed],
        [one.signature.point.encoded for one in signed],
    )
    return tuple(verdicts)


def verify_aggregate(
    *, digest: Hash32, apk: G1Point, apk_g2: G2Point, signature: Signature
) -> bool:
    """Whether `BLSSignatureChecker.trySignatureAndApkVerification` would accept these.

    It shows at once that the signature is that of `apk_g2` and that both forms of the key belong
    together. Bn254Error when `apk` is infinity: nobody signed, and the contract's equation, which
    holds for infinities, would not say so.
    """
    return bn254.verify_aggregate(digest, apk.encoded, apk_g2.checked, signature.point.encoded)
