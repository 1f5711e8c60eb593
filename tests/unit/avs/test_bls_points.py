"""What comes from outside as a point, key or scalar and is none."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.avs.bls import Bn254Error, G1Point, G2Point, PublicKey, SecretKey, Signature
from coprove.errors import Critical
from coprove.primitives import bn254
from coprove.primitives.bn254 import CURVE_ORDER, FIELD_MODULUS
from coprove.types import Hash32
from tests.unit.avs import oracle

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = SecretKey((7**70 % CURVE_ORDER).to_bytes(32, "big"))
OTHER = SecretKey((11**70 % CURVE_ORDER).to_bytes(32, "big"))
G1 = KEY.public_key.g1.encoded
G2 = KEY.public_key.g2.encoded
DIGEST = Hash32(b"\x07" * 32)


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (b"", "64 bytes"),
        (G1[:63], "64 bytes"),
        (G1 + b"\x00", "64 bytes"),
        (G1[:32] + word(1), "y² = x³ \\+ 3"),
        (bytes(63) + b"\x01", "y² = x³ \\+ 3"),
        (word(1 + FIELD_MODULUS) + word(2), "below p"),
        (word(1) + word(2 + FIELD_MODULUS), "below p"),
        (word(FIELD_MODULUS) + word(FIELD_MODULUS), "below p"),
        (b"\xff" * 64, "below p"),
        (G1[32:] + G1[:32], "y² = x³ \\+ 3"),
    ],
)
def test_what_is_no_point_of_g1_is_refused(encoded: bytes, reason: str) -> None:
    """Lengths, points off the curve, second spellings of coordinates, x and y exchanged."""
    with pytest.raises(Bn254Error, match=reason):
        G1Point(encoded=encoded)


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (b"", "128 bytes"),
        (G2[:127], "128 bytes"),
        (bytes(128), "infinity"),
        (G2[:96] + word(1), "twist"),
        (G2[32:64] + G2[:32] + G2[96:] + G2[64:96], "twist"),
        (G2[64:] + G2[:64], "twist"),
        (word(int.from_bytes(G2[:32], "big") + FIELD_MODULUS) + G2[32:], "below p"),
        (b"\xff" * 128, "below p"),
    ],
)
def test_what_is_no_point_of_g2_is_refused(encoded: bytes, reason: str) -> None:
    """Lengths, infinity, off the twist, real parts first, coordinates from p on."""
    with pytest.raises(Bn254Error, match=reason):
        G2Point(encoded=encoded)


@pytest.mark.parametrize("start", range(1, 21))
def test_points_of_the_twist_outside_the_subgroup_are_refused(start: int) -> None:
    """They satisfy the equation and have another order; the same holds for their sums with ours."""
    foreign = oracle.twist_point(start)
    mixed = oracle.curve.add(foreign, oracle.read_g2(G2))
    for point in (foreign, mixed):
        with pytest.raises(Bn254Error, match="order r"):
            G2Point(encoded=oracle.g2_bytes(point))


@pytest.mark.parametrize("order", [10_069, 5_864_401])
def test_points_of_small_order_are_refused(order: int) -> None:
    """An attacker would use these, alone or added to a key, to learn or to hide something."""
    cofactor = 2 * FIELD_MODULUS - CURVE_ORDER
    small = oracle.curve.multiply(oracle.twist_point(1), CURVE_ORDER * cofactor // order)
    assert not oracle.curve.is_inf(small)
    assert oracle.curve.is_inf(oracle.curve.multiply(small, order))
    for point in (small, oracle.curve.add(small, oracle.read_g2(G2))):
        with pytest.raises(Bn254Error, match="order r"):
            G2Point(encoded=oracle.g2_bytes(point))


def test_a_foreign_point_times_its_cofactor_is_accepted() -> None:
    """Nothing but the order is wrong with them."""
    cofactor = 2 * FIELD_MODULUS - CURVE_ORDER
    inside = oracle.curve.multiply(oracle.twist_point(1), cofactor)
    assert G2Point(encoded=oracle.g2_bytes(inside)).encoded == oracle.g2_bytes(inside)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=128, max_size=128))
def test_random_bytes_are_refused_or_are_a_point(data: bytes) -> None:
    """Nothing but a typed error or the point of just these bytes comes of any bytes."""
    makes: tuple[Callable[[], G1Point | G2Point], ...] = (
        lambda: G1Point(encoded=data[:64]),
        lambda: G2Point(encoded=data),
    )
    for make, read, b in zip(
        makes, (oracle.read_g1, oracle.read_g2), (oracle.curve.b, oracle.curve.b2), strict=True
    ):
        try:
            point = make()
        except Bn254Error as error:
            assert isinstance(error, Critical)  # noqa: PT017 - either outcome is lawful
        else:
            assert not any(point.encoded) or oracle.curve.is_on_curve(read(point.encoded), b)


def test_numbers_of_solidity_go_both_ways() -> None:
    """G1 is (X, Y), G2 is ([imaginary, real], [imaginary, real])."""
    g1, g2 = KEY.public_key.g1, KEY.public_key.g2
    assert G1Point.from_coordinates(*g1.coordinates) == g1
    assert G2Point.from_coordinates(*g2.coordinates) == g2
    generator = SecretKey(word(1)).public_key
    assert generator.g1.coordinates == (1, 2)
    x, y = oracle.curve.normalize(oracle.curve.G2)
    assert generator.g2.coordinates == tuple(
        (int(part.coeffs[1]), int(part.coeffs[0])) for part in (x, y)
    )


@pytest.mark.parametrize("number", [-1, FIELD_MODULUS, FIELD_MODULUS + 1, 2**256])
def test_numbers_outside_the_field_are_refused(number: int) -> None:
    """A second spelling of a coordinate would be a second name of an operator."""
    with pytest.raises(Bn254Error, match="from 0 to p - 1"):
        G1Point.from_coordinates(number, 2)
    with pytest.raises(Bn254Error, match="from 0 to p - 1"):
        G2Point.from_coordinates((1, 2), (3, number))


def test_infinity_is_a_sum_and_nothing_else() -> None:
    """Sums over nobody are infinity in G1; no key, signature or point of G2 is."""
    nobody = G1Point.combine([])
    assert nobody == G1Point.infinity() == G1Point.from_coordinates(0, 0)
    assert nobody.is_infinity
    assert G1Point.combine([nobody, KEY.public_key.g1]) == KEY.public_key.g1
    assert not KEY.public_key.g1.is_infinity
    with pytest.raises(Bn254Error, match="infinity"):
        Signature(point=nobody)
    with pytest.raises(Bn254Error, match="infinity"):
        Signature.combine([])
    with pytest.raises(Bn254Error, match="infinity"):
        PublicKey(g1=nobody, g2=KEY.public_key.g2)
    with pytest.raises(Bn254Error, match="infinity"):
        G2Point.combine([KEY.public_key.g2, KEY.public_key.g2], [1, -1])


def test_a_public_key_is_of_one_secret() -> None:
    """Points of two secrets are refused, their negatives included."""
    with pytest.raises(Bn254Error, match="one secret"):
        PublicKey(g1=KEY.public_key.g1, g2=OTHER.public_key.g2)
    with pytest.raises(Bn254Error, match="one secret"):
        PublicKey(g1=G1Point.combine([KEY.public_key.g1], [-1]), g2=KEY.public_key.g2)


@pytest.mark.parametrize("weight", [2**63, -(2**63) - 1])
def test_weights_have_64_bits(weight: int) -> None:
    """A larger weight is a typed error; the largest ones count."""
    with pytest.raises(Bn254Error, match="64 bits"):
        G1Point.combine([KEY.public_key.g1], [weight])
    edge = 2**63 - 1 if weight > 0 else -(2**63)
    expected = oracle.curve.multiply(oracle.read_g1(G1), edge % CURVE_ORDER)
    assert G1Point.combine([KEY.public_key.g1], [edge]).encoded == oracle.g1_bytes(expected)


def test_each_point_has_a_weight() -> None:
    """Fewer or more weights than points are refused in both groups."""
    with pytest.raises(Bn254Error, match="one for each point"):
        G1Point.combine([KEY.public_key.g1], [1, 2])
    with pytest.raises(Bn254Error, match="one for each point"):
        G2Point.combine([KEY.public_key.g2], [])


@pytest.mark.parametrize(
    "scalar", [b"", b"\x01", word(0), word(CURVE_ORDER), word(CURVE_ORDER + 1), b"\xff" * 32]
)
def test_scalars_out_of_range_are_refused_and_not_shown(scalar: bytes) -> None:
    """Zero, r and above, other sizes: the error says the rule and not the value."""
    with pytest.raises(Bn254Error, match="1 to r - 1") as caught:
        SecretKey(scalar)
    assert len(scalar) < 2 or scalar.hex() not in repr(caught.value.__dict__)
    with pytest.raises(Bn254Error, match="1 to r - 1"):
        bn254.sign(scalar, DIGEST)


def test_a_secret_key_keeps_to_itself() -> None:
    """It prints its operator id alone and is not pickled; fresh ones differ."""
    shown = f"{KEY!r} {KEY} {[KEY]}"
    assert KEY.scalar.hex() not in shown
    assert str(int.from_bytes(KEY.scalar, "big")) not in shown
    assert KEY.public_key.operator_id.hex() in shown
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(KEY)
    assert SecretKey.generate().public_key != SecretKey.generate().public_key


def test_points_travel_between_processes_and_are_checked_again() -> None:
    """Pickles and copies are equal; one whose bytes were altered is refused."""
    key = KEY.public_key
    pickled = pickle.dumps(key)
    assert pickle.loads(pickled) == key  # noqa: S301 - its own
    assert copy.deepcopy(key) == key
    with pytest.raises(Bn254Error):
        pickle.loads(pickled.replace(G2[-8:], b"\x00" * 8))  # noqa: S301 - its own


def test_kernel_functions_check_what_typed_points_would() -> None:
    """Bytes that reach the kernel unchecked are checked there."""
    g2 = KEY.public_key.g2.checked
    sigma = KEY.sign(DIGEST).point.encoded
    for bad in (bytes(64), b"\xff" * 64, sigma[:32] + word(1)):
        with pytest.raises(Bn254Error):
            bn254.verify(g2, DIGEST, bad)
        with pytest.raises(Bn254Error):
            bn254.verify_batch([g2, g2], [DIGEST, DIGEST], [sigma, bad])
        with pytest.raises(Bn254Error):
            bn254.verify_aggregate(DIGEST, bad, g2, sigma)
        with pytest.raises(Bn254Error):
            bn254.verify_aggregate(DIGEST, G1, g2, bad)
    with pytest.raises(Bn254Error, match="32 bytes"):
        bn254.verify(g2, DIGEST[:31], sigma)
    with pytest.raises(Bn254Error, match="32 bytes"):
        bn254.hash_to_g1(b"")
    with pytest.raises(Bn254Error, match="equal counts"):
        bn254.verify_batch([g2], [], [sigma])
