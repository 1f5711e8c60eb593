"""COSE_Sign1 (RFC 9052): one payload, one ECDSA signature; strictly read, verified by `cwt`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cwt import COSE, COSEKey
from cwt.exceptions import CWTError

from coprove.attestation import cbor, ecdsa
from coprove.attestation.errors import EvidenceFormatError, EvidenceRejectedError, Rejection
from coprove.primitives import keccak256
from coprove.types import Hash32

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

__all__ = ["ALGORITHMS", "SIGN1_TAG", "Algorithm", "Sign1", "check_sign1", "parse_sign1"]

SIGN1_TAG: Final = 18
"""CBOR tag of a COSE_Sign1."""
_ALG, _KID = 1, 4
_KTY, _KEY_ID, _KEY_ALG, _CRV, _X, _Y = 1, 2, 3, -1, -2, -3
_EC2 = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """An ECDSA algorithm of RFC 9053, on the one curve that goes with it here."""

    name: str
    """Its name in COSE's registry."""
    number: int
    """Its number there."""
    curve: str
    """The curve as `cryptography` calls it."""
    curve_number: int
    """The curve's number in COSE's registry."""
    order: int
    """Order of the curve's group."""
    size: int
    """Bytes of r, of s and of each coordinate."""


ALGORITHMS: Final = {
    algorithm.number: algorithm
    for algorithm in (
        Algorithm(
            name="ES256",
            number=-7,
            curve=ec.SECP256R1.name,
            curve_number=1,
            order=ecdsa.P256_ORDER,
            size=32,
        ),
        Algorithm(
            name="ES384",
            number=-35,
            curve=ec.SECP384R1.name,
            curve_number=2,
            order=ecdsa.P384_ORDER,
            size=48,
        ),
        Algorithm(
            name="ES512",
            number=-36,
            curve=ec.SECP521R1.name,
            curve_number=3,
            order=ecdsa.P521_ORDER,
            size=66,
        ),
    )
}
"""The algorithms that are accepted, by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign1:
    """A COSE_Sign1 in its parts."""

    protected: bytes
    """Encoded map of the signed headers."""
    algorithm: Algorithm
    """Header 1, of the signed headers."""
    key_id: bytes | None
    """Header 4, from whichever map has it."""
    payload: bytes
    """What is signed."""
    signature: bytes
    """r ‖ s."""
    encoded: bytes
    """The whole structure, with its tag."""

    @property
    def signed(self) -> bytes:
        """Sig_structure: what the signature covers."""
        return cbor.encode(["Signature1", self.protected, b"", self.payload])

    @property
    def replay_key(self) -> Hash32:
        """keccak256 of `signed`: the same for copies with another signature or unsigned header."""
        return Hash32(keccak256(self.signed))

    @property
    def integers(self) -> tuple[int, int]:
        """The signature's r and s."""
        half = self.algorithm.size
        r, s = self.signature[:half], self.signature[half:]
        return int.from_bytes(r, "big"), int.from_bytes(s, "big")


def parse_sign1(
    data: bytes, what: str, *, untagged: bool = False, long_forms: bool = False
) -> Sign1:
    """Read a tagged COSE_Sign1; EvidenceFormatError where it is not strictly one.

    The signed headers are the algorithm and perhaps a key id, the others none or a key id.
    `untagged` allows the tag to be missing, `long_forms` lengths in more bytes than they need.
    """
    value = cbor.decode(data, what, tags=(SIGN1_TAG,), long_forms=long_forms)
    tagged = isinstance(value, cbor2.CBORTag)
    parts: Any = value.value if isinstance(value, cbor2.CBORTag) else value
    if not tagged and not untagged:
        raise EvidenceFormatError(what, expected="tag 18", actual=type(parts).__name__)
    kinds = (bytes, dict, bytes, bytes)
    if not isinstance(parts, list) or [type(part) for part in parts] != list(kinds):
        raise EvidenceFormatError(
            what, expected="a COSE_Sign1 of four parts", actual=type(parts).__name__
        )
    protected, unprotected, payload, signature = parts
    headers = cbor.decode(protected, f"{what}, protected headers")
    if not isinstance(headers, dict) or set(headers) - {_ALG, _KID} or _ALG not in headers:
        raise EvidenceFormatError(
            f"{what}, protected headers", expected="algorithm, key id", actual=headers
        )
    if set(unprotected) - {_KID} or (_KID in headers and _KID in unprotected):
        raise EvidenceFormatError(
            f"{what}, unprotected headers", expected="a key id at most", actual=unprotected
        )
    number = cbor.member(headers, _ALG, int, f"{what}, algorithm")
    algorithm = ALGORITHMS.get(number)
    if algorithm is None:
        raise EvidenceFormatError(
            f"{what}, algorithm", expected="ES256, ES384 or ES512", actual=number
        )
    if len(signature) != 2 * algorithm.size:
        raise EvidenceFormatError(
            f"{what}, signature", expected=f"{2 * algorithm.size} bytes", actual=len(signature)
        )
    both = {**headers, **unprotected}
    return Sign1(
        protected=protected,
        algorithm=algorithm,
        key_id=cbor.member(both, _KID, bytes, f"{what}, key id") if _KID in both else None,
        payload=payload,
        signature=signature,
        encoded=data if tagged else cbor.encode(cbor2.CBORTag(SIGN1_TAG, parts)),
    )


def check_sign1(message: Sign1, key: EllipticCurvePublicKey, what: str) -> None:
    """Require that `key` signed; EvidenceRejectedError when it did not or is on another curve."""
    algorithm, numbers = message.algorithm, key.public_numbers()
    if key.curve.name != algorithm.curve:
        detail = f"{what}: {algorithm.name} does not go with a key on {key.curve.name}"
        raise EvidenceRejectedError(Rejection.SIGNATURE, detail)
    members: dict[int, Any] = {
        _KTY: _EC2,
        _CRV: algorithm.curve_number,
        _X: numbers.x.to_bytes(algorithm.size, "big"),
        _Y: numbers.y.to_bytes(algorithm.size, "big"),
        _KEY_ALG: algorithm.number,
    }
    if message.key_id is not None:
        # Which key is tried was decided by who calls: the id must not hide it from the library.
        members[_KEY_ID] = message.key_id
    try:
        COSE.new().decode(message.encoded, [COSEKey.new(members)])
    except (CWTError, ValueError) as error:
        detail = f"{what} is not signed by the key that vouches for it"
        raise EvidenceRejectedError(Rejection.SIGNATURE, detail) from error
