"""Signatures of two fixed-width integers, as reports and COSE carry them, checked to the letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from coprove.attestation.errors import EvidenceRejectedError, Rejection

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes

__all__ = ["P256_ORDER", "P384_ORDER", "P521_ORDER", "check_range", "check_signature"]

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of NIST P-256's group (SEC 2)."""
P384_ORDER = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)
"""Order of NIST P-384's group (SEC 2)."""
P521_ORDER = int(
    "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709"
    "a5d03bb5c9b8899c47aebb6fb71e91386409",
    16,
)
"""Order of NIST P-521's group (SEC 2)."""


def check_range(r: int, s: int, order: int) -> None:
    """Require 1 ≤ r, s < order; EvidenceRejectedError otherwise."""
    for name, value in (("r", r), ("s", s)):
        if not 1 <= value < order:
            detail = f"{name} is not between 1 and the group's order: 0x{value:x}"
            raise EvidenceRejectedError(Rejection.SIGNATURE, detail)


def check_signature(
    key: ec.EllipticCurvePublicKey,
    digest: hashes.HashAlgorithm,
    signature: tuple[int, int],
    signed: bytes,
    what: str,
) -> None:
    """Require that (r, s) is `key`'s signature over `signed`; EvidenceRejectedError otherwise."""
    try:
        key.verify(encode_dss_signature(*signature), signed, ec.ECDSA(digest))
    except InvalidSignature as error:
        detail = f"{what} is not signed by the key that vouches for it"
        raise EvidenceRejectedError(Rejection.SIGNATURE, detail) from error
