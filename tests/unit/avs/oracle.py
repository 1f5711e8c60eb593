"""BLS on BN254 a second time, from the contracts' formulas over py_ecc: slow and independent."""

from __future__ import annotations

from typing import Any

from py_ecc import optimized_bn128 as curve
from web3 import Web3

__all__ = [
    "aggregate_holds",
    "curve",
    "g1_bytes",
    "g2_bytes",
    "hash_to_g1",
    "public_keys",
    "read_g1",
    "read_g2",
    "signature",
    "twist_point",
    "verifies",
]

P = curve.field_modulus
R = curve.curve_order
Point = Any
"""py_ecc's projective point of either group."""


def hash_to_g1(digest: bytes) -> tuple[int, int]:
    """Return BN254.hashToG1."""
    x = int.from_bytes(digest, "big") % P
    while True:
        beta = (x**3 + 3) % P
        y = pow(beta, (P + 1) // 4, P)
        if y * y % P == beta:
            return x, y
        x = (x + 1) % P


def public_keys(secret: int) -> tuple[Point, Point]:
    """Return the secret's points in G1 and G2."""
    return curve.multiply(curve.G1, secret), curve.multiply(curve.G2, secret)


def signature(secret: int, digest: bytes) -> Point:
    """Return secret · H(digest)."""
    return curve.multiply(_hashed(digest), secret)


def verifies(key: Point, digest: bytes, sigma: Point) -> bool:
    """Whether e(signature, G2) = e(H, key)."""
    return _cancel((curve.neg(curve.G2), sigma), (key, _hashed(digest)))


def aggregate_holds(digest: bytes, apk: Point, apk_g2: Point, sigma: Point) -> bool:
    """Return what BLSSignatureChecker.trySignatureAndApkVerification does."""
    packed = digest + g1_bytes(apk) + g2_bytes(apk_g2) + g1_bytes(sigma)
    gamma = int.from_bytes(Web3.keccak(packed), "big") % R
    left = curve.add(sigma, curve.multiply(apk, gamma))
    right = curve.add(_hashed(digest), curve.multiply(curve.G1, gamma))
    return _cancel((curve.neg(curve.G2), left), (apk_g2, right))


def g1_bytes(point: Point) -> bytes:
    """Return x and y in Solidity's order, zeros for infinity."""
    if curve.is_inf(point):
        return bytes(64)
    x, y = curve.normalize(point)
    return _words(int(x), int(y))


def g2_bytes(point: Point) -> bytes:
    """Return x and y with the imaginary parts first, zeros for infinity."""
    if curve.is_inf(point):
        return bytes(128)
    x, y = curve.normalize(point)
    return _words(*(int(part) for part in (x.coeffs[1], x.coeffs[0], y.coeffs[1], y.coeffs[0])))


def read_g1(encoded: bytes) -> Point:
    """Return the point of 64 bytes."""
    x, y = (int.from_bytes(encoded[at : at + 32], "big") for at in (0, 32))
    return curve.FQ(x), curve.FQ(y), curve.FQ.one()


def read_g2(encoded: bytes) -> Point:
    """Return the point of 128 bytes."""
    x1, x0, y1, y0 = (int.from_bytes(encoded[at : at + 32], "big") for at in range(0, 128, 32))
    return curve.FQ2([x0, x1]), curve.FQ2([y0, y1]), curve.FQ2.one()


def twist_point(start: int) -> Point:
    """Return a point of the twist, most likely outside the subgroup of order r."""
    while True:
        x = curve.FQ2([start, 1])
        y = _root(x * x * x + curve.b2)
        if y is not None:
            return x, y, curve.FQ2.one()
        start += 1


def _cancel(*pairs: tuple[Point, Point]) -> bool:
    """Whether the product of the pairings is 1; their slow last step is taken once for all."""
    product = curve.FQ12.one()
    for g2, g1 in pairs:
        product *= curve.pairing(g2, g1, final_exponentiate=False)
    return bool(curve.final_exponentiate(product) == curve.FQ12.one())


def _hashed(digest: bytes) -> Point:
    x, y = hash_to_g1(digest)
    return curve.FQ(x), curve.FQ(y), curve.FQ.one()


def _root(square: Any) -> Any:
    """Return a square root in Fp² or None, by the norm's root."""
    real, imaginary = (int(part) for part in square.coeffs)
    norm_root = pow(real * real + imaginary * imaginary, (P + 1) // 4, P)
    for sign in (1, -1):
        half = (real + sign * norm_root) * pow(2, -1, P) % P
        a = pow(half, (P + 1) // 4, P)
        if a == 0 or a * a % P != half:
            continue
        root = curve.FQ2([a, imaginary * pow(2 * a, -1, P) % P])
        if root * root == square:
            return root
    return None


def _words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)
