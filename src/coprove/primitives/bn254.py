"""BLS signatures on BN254 over bytes, computed by the native kernel.

A point of G1 is 64 bytes, x and y; one of G2 is 128 bytes, x and y with the imaginary part of each
first, as Solidity and the precompiles have them (EIP-196, EIP-197). Words are big-endian, and the
point at infinity is all zeros. What each function takes is checked: coordinates below the modulus,
on the curve, and for G2 in the subgroup of order r. Calls run without the interpreter lock.

Sources: eigenlayer-middleware, BN254.sol and BLSSignatureChecker.sol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove import _native
from coprove.errors import InputError
from coprove.primitives.hashing import input_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")

__all__ = [
    "CURVE_ORDER",
    "FIELD_MODULUS",
    "Bn254Error",
    "CheckedG2",
    "check_g1",
    "check_g2",
    "combine_g1",
    "combine_g2",
    "hash_to_g1",
    "public_keys",
    "same_key",
    "sign",
    "verify",
    "verify_aggregate",
    "verify_batch",
]

FIELD_MODULUS = 21888242871839275222246405745257275088696311157297823662689037894645226208583
"""p: coordinates lie below it."""
CURVE_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""r: the order of G1 and G2; secret keys lie below it."""

CheckedG2 = _native.Bn254G2
"""A point of G2 that was checked once: the check costs more than most uses of the point."""


class Bn254Error(InputError):
    """Bytes are no point of their group or no scalar, or a point may not be infinity here."""


def check_g1(encoded: bytes) -> None:
    """Raise Bn254Error unless the 64 bytes are a point of G1; infinity is one."""
    _checked(_native.bn254_check_g1, encoded)


def check_g2(encoded: bytes) -> CheckedG2:
    """Return the point of G2; Bn254Error unless it is in the subgroup and not infinity."""
    return _checked(CheckedG2, encoded)


def combine_g1(points: Sequence[bytes], weights: Sequence[int]) -> bytes:
    """Return the sum of weight · point in G1; weights are signed and of 64 bits."""
    return _checked(_native.bn254_combine_g1, points, weights)


def combine_g2(points: Sequence[CheckedG2], weights: Sequence[int]) -> bytes:
    """Return the sum of weight · point in G2, all zeros when that is infinity."""
    return _checked(_native.bn254_combine_g2, points, weights)


def hash_to_g1(digest: bytes) -> bytes:
    """Return the point of a 32-byte digest, as `BN254.hashToG1`."""
    return _checked(_native.bn254_hash_to_g1, digest)


def public_keys(secret: bytes) -> tuple[bytes, bytes]:
    """Return the points in G1 and G2 of a secret key: 32 bytes, from 1 to r - 1.

    Bn254Error for another value, which it does not show.
    """
    return _checked(_native.bn254_public_keys, secret)


def same_key(g1: bytes, g2: CheckedG2) -> bool:
    """Whether two points are of the same secret key; Bn254Error when `g1` is infinity."""
    return _checked(_native.bn254_same_key, g1, g2)


def sign(secret: bytes, digest: bytes) -> bytes:
    """Return the signature in G1 over a 32-byte digest.

    The product is split with a fresh random number, so that its time does not depend on the key.
    """
    return _checked(_native.bn254_sign, secret, digest)


def verify(key: CheckedG2, digest: bytes, signature: bytes) -> bool:
    """Whether the signature is the key's over the digest; Bn254Error when it is no point."""
    return _checked(_native.bn254_verify, key, digest, signature)


def verify_aggregate(digest: bytes, key_g1: bytes, key_g2: CheckedG2, signature: bytes) -> bool:
    """Whether `BLSSignatureChecker.trySignatureAndApkVerification` would say yes.

    One point at infinity is a Bn254Error here, where the contract goes on: with all three at
    infinity its equation holds, and nobody has signed.
    """
    return _checked(_native.bn254_verify_aggregate, digest, key_g1, key_g2, signature)


def verify_batch(
    keys: Sequence[CheckedG2], digests: Sequence[bytes], signatures: Sequence[bytes]
) -> list[bool]:
    """Whether each signature is its key's over its digest, all in one check while all are good.

    Random weights from the system make a wrong answer as likely as 1 in 2^127, whoever made the
    signatures. Bad ones are found by halving, in no more pairing checks than one by one.
    Bn254Error when a signature is no point: check them before, so that one cannot spoil all.
    """
    return _checked(_native.bn254_verify_batch, keys, digests, signatures)


def _checked(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return call(*args, **kwargs)
    except _native.NativeError as error:
        failure = input_error(error)
        if isinstance(failure, InputError):
            failure = Bn254Error(failure.what, expected=failure.expected, actual=failure.actual)
        raise failure from None
