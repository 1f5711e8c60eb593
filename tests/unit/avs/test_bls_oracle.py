"""BLS on BN254 beside a second implementation, and on known vectors."""

from __future__ import annotations

import random

import pytest
from eth_abi.abi import encode
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from coprove.avs.bls import (
    G1Point,
    G2Point,
    SecretKey,
    Signature,
    hash_to_g1,
    verify_aggregate,
)
from coprove.primitives import keccak256
from coprove.primitives.bn254 import CURVE_ORDER, FIELD_MODULUS
from coprove.types import Hash32
from tests.unit.avs import oracle

DIGESTS = st.binary(min_size=32, max_size=32).map(Hash32)
SECRETS = st.integers(1, CURVE_ORDER - 1) | st.sampled_from([1, 2, CURVE_ORDER - 1])
PAIRINGS = settings(
    max_examples=10,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
"""py_ecc takes a fifth of a second for one: a failure is shown as found, not made smaller."""


def secret_key(number: int) -> SecretKey:
    return SecretKey(number.to_bytes(32, "big"))


def weighed(numbers: list[int], weights: list[int]) -> int:
    return (
        sum(weight * number for weight, number in zip(weights, numbers, strict=True)) % CURVE_ORDER
    )


def test_a_digest_of_a_state_header_has_its_known_point() -> None:
    """ReducedStateHeader of (1, batch 2000 of blocks 1 to 2, 0x0102, 12345): digest and point."""
    header = (1, b'{"batch_id":2000,"start_block":1,"end_block":2}', b"\x01\x02", 12345)
    digest = keccak256(encode(["(uint256,bytes,bytes,uint32)"], [header]))
    assert digest.hex() == "36f32846c5b3ffc7839fcb0a6ad7176f4916eedfc6b7d1dbf83c3ecb1b3cbce5"
    x, y = hash_to_g1(Hash32(digest)).coordinates
    assert x == (int.from_bytes(digest, "big") + 4) % FIELD_MODULUS
    assert y == 6306532870924298438021476987858709178483069593819531071136485490529870152114


def test_a_thousand_digests_have_the_points_of_the_contract() -> None:
    """Random digests, the edges of the field and of 32 bytes give BN254.hashToG1's points."""
    source = random.Random(254)
    digests = [source.randbytes(32) for _ in range(1_000)]
    edges = (0, 1, FIELD_MODULUS - 2, FIELD_MODULUS - 1, FIELD_MODULUS, 2**256 - 1)
    digests += [number.to_bytes(32, "big") for number in edges]
    for digest in digests:
        assert hash_to_g1(Hash32(digest)).coordinates == oracle.hash_to_g1(digest)


@settings(max_examples=30, deadline=None, database=None)
@given(number=SECRETS, digest=DIGESTS)
def test_keys_and_signatures_are_the_same(number: int, digest: Hash32) -> None:
    """Public keys in both groups, the operator id and the signature agree."""
    key = secret_key(number)
    g1, g2 = oracle.public_keys(number)
    assert key.public_key.g1.encoded == oracle.g1_bytes(g1)
    assert key.public_key.g2.encoded == oracle.g2_bytes(g2)
    assert key.public_key.operator_id == keccak256(oracle.g1_bytes(g1))
    assert key.sign(digest).point.encoded == oracle.g1_bytes(oracle.signature(number, digest))


@PAIRINGS
@given(number=SECRETS, digest=DIGESTS, wrong=st.sampled_from(["nothing", "digest", "signature"]))
def test_verdicts_are_the_same(number: int, digest: Hash32, wrong: str) -> None:
    """A good signature, one over another digest and another point: both say the same."""
    key = secret_key(number)
    signature = key.sign(digest)
    if wrong == "digest":
        digest = Hash32(keccak256(digest))
    if wrong == "signature":
        signature = Signature.combine([signature], [2])
    verdict = signature.verify(key.public_key.g2, digest)
    assert verdict is (wrong == "nothing")
    assert verdict == oracle.verifies(
        oracle.read_g2(key.public_key.g2.encoded), digest, oracle.read_g1(signature.point.encoded)
    )


@PAIRINGS
@given(
    numbers=st.lists(SECRETS, min_size=1, max_size=4),
    digest=DIGESTS,
    wrong=st.sampled_from(["nothing", "nothing", "g1", "g2", "signature"]),
)
def test_aggregates_hold_for_the_contract_and_here_alike(
    numbers: list[int], digest: Hash32, wrong: str
) -> None:
    """Sums of keys and signatures by weight; a weight off in one of the three breaks it."""
    keys = [secret_key(number) for number in numbers]
    weights = [index + 1 for index in range(len(keys))]
    parts = {name: list(weights) for name in ("g1", "g2", "signature")}
    if wrong != "nothing":
        parts[wrong][0] += 3
    signed = [key.sign(digest) for key in keys]
    totals = {name: weighed(numbers, part) for name, part in parts.items()}
    # Sums that come to infinity are refused: test_bls_points has them.
    assume(all(totals.values()))
    apk = G1Point.combine([key.public_key.g1 for key in keys], parts["g1"])
    assert apk.encoded == oracle.g1_bytes(oracle.public_keys(totals["g1"])[0])
    apk_g2 = G2Point.combine([key.public_key.g2 for key in keys], parts["g2"])
    signature = Signature.combine(signed, parts["signature"])
    verdict = verify_aggregate(digest=digest, apk=apk, apk_g2=apk_g2, signature=signature)
    assert verdict is (wrong == "nothing")
    assert verdict == oracle.aggregate_holds(
        digest,
        oracle.read_g1(apk.encoded),
        oracle.read_g2(apk_g2.encoded),
        oracle.read_g1(signature.point.encoded),
    )


@pytest.mark.parametrize("start", range(1, 6))
def test_the_oracle_s_foreign_points_are_on_the_twist_and_outside_the_group(start: int) -> None:
    """What the negative tests stand on: on the curve, and not of order r."""
    point = oracle.twist_point(start)
    assert oracle.curve.is_on_curve(point, oracle.curve.b2)
    assert not oracle.curve.is_inf(oracle.curve.multiply(point, CURVE_ORDER))
