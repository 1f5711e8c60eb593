"""Signatures: one, many at once with bad ones among them, and aggregates."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.avs.bls import (
    Bn254Error,
    G1Point,
    G2Point,
    SecretKey,
    Signature,
    SignedDigest,
    verify_aggregate,
    verify_batch,
)
from coprove.primitives import keccak256
from coprove.primitives.bn254 import CURVE_ORDER, FIELD_MODULUS
from coprove.types import Hash32

KEYS = [
    SecretKey((int.from_bytes(keccak256(bytes([n])), "big") % CURVE_ORDER).to_bytes(32, "big"))
    for n in range(40)
]
DIGESTS = [Hash32(keccak256(bytes([n, n]))) for n in range(4)]


def signed(signer: int, digest: int) -> SignedDigest:
    key = KEYS[signer]
    return SignedDigest(
        key=key.public_key.g2, digest=DIGESTS[digest], signature=key.sign(DIGESTS[digest])
    )


def forged(one: SignedDigest, kind: str) -> SignedDigest:
    """Return `one` with a signature that is well formed and wrong in one way."""
    x, y = one.signature.point.coordinates
    match kind:
        case "negated":
            signature = Signature.from_coordinates(x, FIELD_MODULUS - y)
        case "doubled":
            signature = Signature.combine([one.signature], [2])
        case "shifted":
            signature = Signature.combine([one.signature, KEYS[39].sign(one.digest)])
        case "another digest":
            signature = one.signature
            return SignedDigest(
                key=one.key, digest=Hash32(keccak256(one.digest)), signature=signature
            )
        case _:
            return SignedDigest(
                key=KEYS[39].public_key.g2, digest=one.digest, signature=one.signature
            )
    return SignedDigest(key=one.key, digest=one.digest, signature=signature)


KINDS = ["negated", "doubled", "shifted", "another digest", "another key"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_signature_does_not_verify(kind: str) -> None:
    """Malleated points, another digest, another key: none passes, alone or in a batch."""
    good = signed(3, 0)
    bad = forged(good, kind)
    assert good.signature.verify(good.key, good.digest)
    assert not bad.signature.verify(bad.key, bad.digest)
    assert verify_batch([bad]) == (False,)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_batch_finds_just_the_bad_ones(data: st.DataObject) -> None:
    """Whatever is bad among many signers and digests, the verdicts are those of one by one."""
    count = data.draw(st.integers(0, 39))
    spoiled = data.draw(st.dictionaries(st.integers(0, 38), st.sampled_from(KINDS), max_size=39))
    batch = [signed(n, data.draw(st.integers(0, 3))) for n in range(count)]
    batch = [forged(one, spoiled[n]) if n in spoiled else one for n, one in enumerate(batch)]
    assert verify_batch(batch) == tuple(n not in spoiled for n in range(count))
    assert all(
        one.signature.verify(one.key, one.digest) == (n not in spoiled)
        for n, one in enumerate(batch[:3])
    )


def test_errors_that_cancel_are_found() -> None:
    """Two signers who add and take away the same point pass as a sum, not as a batch."""
    first, second = signed(1, 0), signed(2, 0)
    shift = KEYS[5].sign(DIGESTS[1])
    pair = [
        SignedDigest(key=one.key, digest=one.digest, signature=signature)
        for one, signature in (
            (first, Signature.combine([first.signature, shift])),
            (second, Signature.combine([second.signature, shift], [1, -1])),
        )
    ]
    total = Signature.combine([one.signature for one in pair])
    assert total.verify(G2Point.combine([one.key for one in pair]), DIGESTS[0])
    assert verify_batch(pair) == (False, False)
    assert verify_batch([signed(0, 0), *pair, signed(3, 0)]) == (True, False, False, True)


def test_the_same_submission_many_times_is_judged_each_time() -> None:
    """Equal entries, good or bad, get equal verdicts."""
    good, bad = signed(0, 0), forged(signed(1, 0), "doubled")
    assert verify_batch([good, bad] * 40) == (True, False) * 40


def aggregate(signers: list[int], quorums: list[int]) -> tuple[G1Point, G2Point, Signature]:
    keys = [KEYS[n] for n in signers]
    return (
        G1Point.combine([key.public_key.g1 for key in keys], quorums),
        G2Point.combine([key.public_key.g2 for key in keys], quorums),
        Signature.combine([key.sign(DIGESTS[0]) for key in keys], quorums),
    )


@settings(max_examples=25, deadline=None)
@given(
    quorums=st.lists(st.integers(0, 3), min_size=2, max_size=12).filter(any),
    absent=st.sets(st.integers(0, 11)),
)
def test_the_contract_s_key_is_the_quorums_less_who_did_not_sign(
    quorums: list[int], absent: set[int]
) -> None:
    """The quorums' apks less the absent keys, each k times, is the key of those who signed."""
    signers = [n for n, times in enumerate(quorums) if n not in absent and times]
    missing = [n for n in range(len(quorums)) if n in absent]
    total = G1Point.combine([KEYS[n].public_key.g1 for n in range(len(quorums))], quorums)
    apk = G1Point.combine(
        [total, *(KEYS[n].public_key.g1 for n in missing)], [1, *(-quorums[n] for n in missing)]
    )
    if not signers:
        assert apk.is_infinity
        return
    own, apk_g2, signature = aggregate(signers, [quorums[n] for n in signers])
    assert own == apk
    assert verify_aggregate(digest=DIGESTS[0], apk=apk, apk_g2=apk_g2, signature=signature)


def test_an_operator_in_two_quorums_counted_once_does_not_hold() -> None:
    """The key in G1 counts it twice: signature and G2 key must too."""
    apk, apk_g2, signature = aggregate([0, 1], [2, 1])
    once, once_g2, once_signature = aggregate([0, 1], [1, 1])
    for broken in (
        (apk, apk_g2, once_signature),
        (apk, once_g2, signature),
        (once, apk_g2, signature),
        (apk, once_g2, once_signature),
    ):
        assert not verify_aggregate(
            digest=DIGESTS[0], apk=broken[0], apk_g2=broken[1], signature=broken[2]
        )
    assert verify_aggregate(digest=DIGESTS[0], apk=apk, apk_g2=apk_g2, signature=signature)


def test_nobody_s_signature_is_no_confirmation() -> None:
    """An apk of nobody is refused, where the contract's equation would hold for infinities."""
    _, apk_g2, signature = aggregate([0], [1])
    with pytest.raises(Bn254Error, match="infinity"):
        verify_aggregate(
            digest=DIGESTS[0], apk=G1Point.infinity(), apk_g2=apk_g2, signature=signature
        )


def test_a_key_made_against_another_does_not_pass_without_its_g2_form() -> None:
    """A rogue key that takes the victim's away has no form in G2 that anybody could make."""
    victim, attacker = KEYS[0].public_key, KEYS[1]
    rogue = G1Point.combine([attacker.public_key.g1, victim.g1], [1, -1])
    apk = G1Point.combine([victim.g1, rogue])
    assert apk == attacker.public_key.g1
    with pytest.raises(Bn254Error, match="one secret"):
        type(victim)(g1=rogue, g2=attacker.public_key.g2)
