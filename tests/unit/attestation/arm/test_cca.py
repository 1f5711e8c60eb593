"""CCA tokens: simulated ones, attacks on them, and bytes of all kinds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.attestation import cbor
from coprove.attestation.arm import parse_cca_token, verify, verify_cca_token
from coprove.attestation.ecdsa import P256_ORDER, P384_ORDER
from coprove.attestation.errors import EvidenceFormatError, EvidenceRejectedError, Rejection
from coprove.attestation.platform import Platform
from coprove.attestation.simulation.arm import RealmState, SimulatedArm, sign_token
from coprove.attestation.simulation.pki import raw_public_key
from tests.unit.attestation.arm.devices import ARM, AT, KEYS, REPORT_DATA, RIM, cca, verify_cca
from tests.unit.attestation.tables import take_out

REFUSALS = (EvidenceFormatError, EvidenceRejectedError)
OTHER = SimulatedArm.from_seed("someone else's")
PLATFORM, REALM = 44234, 44241
STATE = RealmState(report_data=REPORT_DATA, initial_measurement=RIM)


def parts(token: bytes) -> dict[int, bytes]:
    """Return the two tokens of a pair."""
    return dict(cbor2.loads(token).value)


def pair(platform: bytes, realm: bytes, tag: int = 399) -> bytes:
    """Return two tokens as a pair."""
    return cbor.encode(cbor2.CBORTag(tag, {PLATFORM: platform, REALM: realm}))


def test_what_a_simulated_token_says() -> None:
    claims = verify_cca(cca())
    assert claims.platform is Platform.ARM_CCA
    assert claims.measurement == RIM + bytes(128)
    assert claims.report_data == REPORT_DATA
    assert (claims.debug, claims.simulated) == (False, True)
    assert claims.attributes["lifecycle"] == "secured"
    assert claims.attributes["components"] == "BL 1.0.0, RMM 1.0.0"
    expected = hashlib.sha256(
        hashlib.sha256(b"BL").digest() + hashlib.sha256(b"RMM").digest()
    ).hexdigest()
    assert claims.attributes["platform-sha256"] == expected


def test_extended_measurements_are_part_of_the_measurement() -> None:
    extended = replace(STATE, extensible_measurements=(b"\x09" * 32, *(bytes(32),) * 3))
    claims = verify_cca(ARM.cca_token(extended))
    assert claims.measurement == RIM + b"\x09" * 32 + bytes(96)


def test_a_pair_in_wrappers_is_read_too() -> None:
    tokens = {key: [263, value] for key, value in parts(cca()).items()}
    wrapped = cbor.encode(cbor2.CBORTag(907, tokens))
    assert verify_cca(wrapped) == verify_cca(cca())
    for bad in ([264, b""], [263], 1, [263, 1]):
        with pytest.raises(EvidenceFormatError):
            verify_cca(cbor.encode(cbor2.CBORTag(907, {**tokens, REALM: bad})))


def test_a_bare_point_is_read_as_firmware_without_a_profile_writes_it() -> None:
    point = b"\x04" + raw_public_key(ARM.realm_key)
    realm = parts(cca({44237: point, 44240: "sha-512"}))[REALM]
    claims = cbor2.loads(cbor2.loads(realm).value[2])
    del claims[265]
    platform = parts(cca(platform={10: hashlib.sha512(point).digest()}))[PLATFORM]
    assert verify_cca(pair(platform, sign_token(claims, ARM.realm_key))).measurement[:32] == RIM


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What is presented, which checks stop it, and with which reason."""

    what: str
    check: str
    reason: Rejection
    token: bytes


GOOD = parts(cca())
ELSE = parts(OTHER.cca_token(STATE))
OTHER_REALM_KEY = replace(ARM, realm_key=OTHER.realm_key)

ATTACKS = [
    Attack(
        what="platform token of a device that nobody trusts",
        check="signature",
        reason=Rejection.SIGNATURE,
        token=pair(
            parts(
                replace(ARM, attestation_key=OTHER.attestation_key).cca_token(
                    replace(STATE, platform_claims={256: ARM.instance_id})
                )
            )[PLATFORM],
            GOOD[REALM],
        ),
    ),
    Attack(
        what="realm token of another realm manager",
        check="realm-binding",
        reason=Rejection.BINDING,
        token=pair(GOOD[PLATFORM], ELSE[REALM]),
    ),
    Attack(
        what="realm key hashed with an algorithm nobody knows",
        check="realm-binding",
        reason=Rejection.BINDING,
        token=cca({44240: "md5"}),
    ),
    Attack(
        what="realm token signed with another key than it names",
        check="realm-signature",
        reason=Rejection.SIGNATURE,
        token=pair(
            GOOD[PLATFORM],
            parts(
                OTHER_REALM_KEY.cca_token(replace(STATE, claims={44237: ARM.realm_public_key()}))
            )[REALM],
        ),
    ),
    Attack(
        what="measurements that are no hashes of the algorithm",
        check="realm-hash",
        reason=Rejection.MEASUREMENT,
        token=cca({44236: "sha-512"}),
    ),
    Attack(
        what="measurements under an algorithm nobody knows",
        check="realm-hash",
        reason=Rejection.MEASUREMENT,
        token=cca({44236: "sha-1"}),
    ),
    Attack(
        what="measurements of different lengths",
        check="realm-hash",
        reason=Rejection.MEASUREMENT,
        token=cca({44239: [bytes(32)] * 3 + [bytes(64)]}),
    ),
    *(
        Attack(
            what=f"platform lifecycle 0x{state:04x}",
            check="lifecycle",
            reason=Rejection.DEBUG,
            token=cca(platform={2395: state}),
        )
        for state in (0x0000, 0x1000, 0x2000, 0x6000)
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what)
def test_each_check_stops_its_attack_and_nothing_else_does(
    attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the check taken out, the attack passes: no other check hides that it is missing."""
    with pytest.raises(EvidenceRejectedError) as refused:
        verify_cca(attack.token)
    assert refused.value.reason is attack.reason
    take_out(monkeypatch, verify, "CCA_CHECKS", attack.check)
    verify_cca(attack.token)


def test_without_a_trusted_key_there_is_no_signature_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(EvidenceRejectedError) as refused:
        verify_cca_token(cca(), at=AT, keys=[])
    assert refused.value.reason is Rejection.ROOT
    take_out(monkeypatch, verify, "CCA_CHECKS", "trusted-key", "signature")
    assert verify_cca_token(cca(), at=AT, keys=[]).simulated


def test_every_check_has_its_attack() -> None:
    """The ranges of r and s are the exception: the library refuses what they refuse, too."""
    named = {attack.check for attack in ATTACKS} | {"trusted-key"}
    assert named == set(verify.CCA_CHECKS) - {"signature-range", "realm-signature-range"}


@pytest.mark.parametrize("part", [PLATFORM, REALM])
def test_r_and_s_lie_below_the_order(part: int) -> None:
    size, order = (32, P256_ORDER) if part == PLATFORM else (48, P384_ORDER)
    for r, s in ((0, 1), (1, 0), (order, 1), (1, order)):
        signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")
        tokens = {**GOOD, part: GOOD[part][: -2 * size] + signature}
        with pytest.raises(EvidenceRejectedError, match="group's order"):
            verify_cca(pair(tokens[PLATFORM], tokens[REALM]))


def test_copies_with_the_other_signatures_have_the_same_replay_key() -> None:
    platform, realm = GOOD[PLATFORM], GOOD[REALM]
    low = (P256_ORDER - int.from_bytes(platform[-32:], "big")).to_bytes(32, "big")
    high = (P384_ORDER - int.from_bytes(realm[-48:], "big")).to_bytes(48, "big")
    copy = pair(platform[:-32] + low, realm[:-48] + high)
    assert verify_cca(copy) == verify_cca(cca())


@pytest.mark.parametrize(("state", "debug"), [(0x3000, False), (0x4000, True), (0x5000, True)])
def test_debug_states_are_claims_for_a_policy(state: int, debug: bool) -> None:
    assert verify_cca(cca(platform={2395: state})).debug is debug


def test_no_byte_of_a_token_can_change() -> None:
    token = cca()
    for at in range(len(token)):
        changed = bytearray(token)
        changed[at] ^= 1 << at % 8
        with pytest.raises(REFUSALS):
            verify_cca(bytes(changed))


WRONG: dict[str, tuple[dict[int, Any], dict[int, Any]]] = {
    "realm challenge of another size": ({10: bytes(32)}, {}),
    "another realm profile": ({265: "tag:arm.com,2023:realm#2.0.0"}, {}),
    "personalization value of another size": ({44235: bytes(32)}, {}),
    "hash by number": ({44236: 1}, {}),
    "key that is none": ({44237: b"\xa0"}, {}),
    "key with text": ({44237: cbor.encode({1: 2, -1: 2, -2: "x", -3: "y"})}, {}),
    "key off its curve": ({44237: cbor.encode({1: 2, -1: 2, -2: bytes(48), -3: bytes(48)})}, {}),
    "key of another curve": ({44237: cbor.encode({1: 2, -1: 1, -2: bytes(48), -3: bytes(48)})}, {}),
    "key that is no map": ({44237: b"\x00"}, {}),
    "initial measurement of another size": ({44238: bytes(20)}, {}),
    "three extensible measurements": ({44239: [bytes(32)] * 3}, {}),
    "five extensible measurements": ({44239: [bytes(32)] * 5}, {}),
    "extensible measurement of text": ({44239: [bytes(32)] * 3 + ["x" * 32]}, {}),
    "key hash missing": ({44240: None}, {}),
    "platform challenge of another size": ({}, {10: bytes(16)}),
    "another platform profile": ({}, {265: "x"}),
    "platform configuration of text": ({}, {2401: "x"}),
    "platform hash of bytes": ({}, {2402: b"sha-256"}),
    "platform without components": ({}, {2399: []}),
    "implementation id of another size": ({}, {2396: bytes(33)}),
    "instance id of another type": ({}, {256: bytes(33)}),
}


@pytest.mark.parametrize(("realm", "platform"), WRONG.values(), ids=WRONG.keys())
def test_claims_are_of_the_right_types_and_sizes(
    realm: dict[int, Any], platform: dict[int, Any]
) -> None:
    with pytest.raises(EvidenceFormatError):
        verify_cca(cca(realm, platform))


def test_only_a_tagged_pair_is_a_token() -> None:
    tokens = {PLATFORM: GOOD[PLATFORM], REALM: GOOD[REALM]}
    for data in (
        cbor.encode(tokens),
        cbor.encode(cbor2.CBORTag(400, tokens)),
        cbor.encode(cbor2.CBORTag(399, {PLATFORM: GOOD[PLATFORM]})),
        cbor.encode(cbor2.CBORTag(399, {**tokens, 1: b""})),
        cbor.encode(cbor2.CBORTag(399, [GOOD[PLATFORM], GOOD[REALM]])),
        cbor.encode(cbor2.CBORTag(399, {PLATFORM: 1, REALM: GOOD[REALM]})),
        pair(GOOD[REALM], GOOD[PLATFORM]),
        cca() + b"\0",
        GOOD[REALM],
    ):
        with pytest.raises(EvidenceFormatError):
            verify_cca(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_typed_error(data: bytes) -> None:
    with pytest.raises(EvidenceFormatError):
        parse_cca_token(data)


@given(st.integers(0, 1500), st.binary(max_size=5), st.integers(0, 5))
def test_a_spoiled_token_never_fails_in_another_way(at: int, patch: bytes, cut: int) -> None:
    token = bytearray(cca())
    token[at : at + cut] = patch
    try:
        verify_cca_token(bytes(token), at=AT, keys=KEYS)
    except REFUSALS:
        return


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-9, 2**64 - 1)
    | st.binary(max_size=66)
    | st.text(max_size=9)
    | st.lists(st.binary(max_size=64), max_size=5)
    | st.dictionaries(st.integers(-3, 3), st.integers(0, 3) | st.binary(max_size=64)).map(
        cbor.encode
    )
)


@given(
    st.dictionaries(st.sampled_from([10, 265, *range(44235, 44242)]), VALUES, max_size=3),
    st.dictionaries(st.sampled_from([10, 256, 265, *range(2395, 2403)]), VALUES, max_size=2),
)
def test_claims_of_any_type_never_fail_in_another_way(
    realm: dict[int, Any], platform: dict[int, Any]
) -> None:
    try:
        verify_cca(cca(realm, platform))
    except REFUSALS:
        return
