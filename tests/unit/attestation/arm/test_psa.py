"""PSA tokens: the one of RFC 9783, simulated ones, attacks on them, and bytes of all kinds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from coprove.attestation.arm import ArmKey, parse_psa_token, verify, verify_psa_token
from coprove.attestation.ecdsa import P256_ORDER
from coprove.attestation.errors import (
    EvidenceFormatError,
    EvidenceRejectedError,
    PolicyError,
    Rejection,
)
from coprove.attestation.platform import Platform
from coprove.attestation.simulation.arm import FirmwareState, SimulatedArm, sign_token
from tests.unit.attestation.arm.devices import (
    ARM,
    AT,
    COMPONENTS,
    KEYS,
    REPORT_DATA,
    psa,
    verify_psa,
)
from tests.unit.attestation.tables import take_out

REFUSALS = (EvidenceFormatError, EvidenceRejectedError)
OTHER = SimulatedArm.from_seed("someone else's")
EXAMPLE = bytes.fromhex(
    "d28443a10126a0590100a81901005821010202020202020202020202020202020202020202020202020202020202"
    "02020219095c582000000000000000000000000000000000000000000000000000000000000000000a5820010101"
    "010101010101010101010101010101010101010101010101010101010119095a1a7fffffff19095b193000190109"
    "78217461673a7073616365727469666965642e6f72672c323032333a7073612374666d19010c4800000000000000"
    "0019095f81a305582004040404040404040404040404040404040404040404040404040404040404040258200303"
    "030303030303030303030303030303030303030303030303030303030303016450526f545840786e937a4c42667a"
    "f3847399319ca95c7e7dbabdc9b50fdb8de3f6bff4ab82ff80c42140e2a488000219e3e10663193da69c75f52b79"
    "8ea10b2f7041a90e8e5a"
)
"""The example of RFC 9783, appendix A, with the public key of its signer."""
EXAMPLE_KEY = ArmKey(
    public_key=bytes.fromhex(
        "044e5e22099e3bceb45b446d1355fd1dc3b545947b6fd7c1c89d886798c3726e8f80d70b840b256aac34a62ede"
        "1043364f044095f003474b91e0182092afb13f2e"
    )
)


def test_the_example_of_the_rfc_is_genuine() -> None:
    claims = verify_psa_token(EXAMPLE, at=AT, keys=[EXAMPLE_KEY])
    assert claims.platform is Platform.ARM_TRUSTZONE
    assert claims.measurement == b"\x03" * 32
    assert claims.report_data == (b"\x01" * 32).ljust(64, b"\0")
    assert claims.signer == b"\x04" * 32
    assert (claims.debug, claims.simulated) == (False, False)
    assert claims.attributes["client-id"] == 0x7FFFFFFF
    assert claims.attributes["boot-seed"] == "0" * 16


def test_no_byte_of_the_example_can_change() -> None:
    for at in range(len(EXAMPLE)):
        changed = bytearray(EXAMPLE)
        changed[at] ^= 1 << at % 8
        with pytest.raises(REFUSALS):
            verify_psa_token(bytes(changed), at=AT, keys=[EXAMPLE_KEY])


def test_nothing_may_follow_or_be_cut_off() -> None:
    for data in (EXAMPLE + b"\0", EXAMPLE * 2, EXAMPLE[:-1], EXAMPLE[1:], b""):
        with pytest.raises(EvidenceFormatError):
            verify_psa_token(data, at=AT, keys=[EXAMPLE_KEY])


def test_what_a_simulated_token_says() -> None:
    claims = verify_psa(psa())
    assert claims.simulated
    assert claims.measurement == COMPONENTS[0][1] + COMPONENTS[1][1]
    assert claims.report_data == REPORT_DATA
    assert claims.attributes["secure-client"] is True
    assert claims.attributes["components"] == "BL, SPE"
    assert claims.collateral[0].startswith("key simulation sha256:")


def test_a_simulated_token_stays_one_when_its_key_is_trusted_as_real() -> None:
    """The implementation id is signed: no list of keys turns a simulation into a device."""
    claims = verify_psa_token(psa(), at=AT, keys=[replace(ARM.key, simulated=False)])
    assert claims.simulated
    claims = verify_psa_token(psa({2396: bytes(32)}), at=AT, keys=KEYS)
    assert claims.simulated


def test_a_client_of_the_normal_world_is_told_apart() -> None:
    for client_id in (0, -1, -(1 << 31)):
        assert verify_psa(psa(client_id=client_id)).attributes["secure-client"] is False


@pytest.mark.parametrize(
    ("state", "debug"), [(0x3000, False), (0x30FF, False), (0x4000, True), (0x50AA, True)]
)
def test_debug_states_are_claims_for_a_policy(state: int, debug: bool) -> None:
    assert verify_psa(psa({2395: state})).debug is debug


def test_claims_that_the_rfc_does_not_have_are_ignored_and_listed() -> None:
    claims = verify_psa(psa({-75000: "x", 99999: b"y", 2398: "0604565272829-10010", 2400: "v"}))
    assert claims.attributes["unknown-claims"] == "-75000, 99999"
    assert claims.attributes["certification"] == "0604565272829-10010"


def test_longer_forms_are_read_as_the_rfc_demands() -> None:
    """A device may write integers and lengths in more bytes than they need."""
    token = bytearray(EXAMPLE)
    token[2:3] = b"\x58\x03"
    long_payload = bytes(token)
    assert parse_psa_token(long_payload).nonce == b"\x01" * 32


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What is presented, which check stops it, and with which reason."""

    what: str
    check: str
    reason: Rejection
    token: bytes
    keys: tuple[ArmKey, ...] = KEYS


def forged() -> bytes:
    """Return a token of the device signed with another key."""
    return replace(ARM, attestation_key=OTHER.attestation_key).psa_token(
        _state(256, ARM.instance_id)
    )


def _state(key: int, value: Any) -> FirmwareState:
    return FirmwareState(report_data=REPORT_DATA, components=COMPONENTS, claims={key: value})


ATTACKS = [
    Attack(
        what="no key is trusted",
        check="trusted-key signature",
        reason=Rejection.ROOT,
        token=psa(),
        keys=(),
    ),
    Attack(
        what="the key is another device's",
        check="trusted-key signature",
        reason=Rejection.ROOT,
        token=psa(),
        keys=(replace(ARM.key, key_id=b"\x01" + bytes(32)),),
    ),
    Attack(
        what="the key is not trusted any more",
        check="trusted-key signature",
        reason=Rejection.ROOT,
        token=psa(),
        keys=(replace(ARM.key, valid_until=AT - 1),),
    ),
    Attack(
        what="the key is not trusted yet",
        check="trusted-key signature",
        reason=Rejection.ROOT,
        token=psa(),
        keys=(replace(ARM.key, valid_from=AT + 1),),
    ),
    Attack(
        what="signed with another key",
        check="signature",
        reason=Rejection.SIGNATURE,
        token=forged(),
    ),
    *(
        Attack(
            what=f"lifecycle 0x{state:04x}",
            check="lifecycle",
            reason=Rejection.DEBUG,
            token=psa({2395: state}),
        )
        for state in (0x0000, 0x1000, 0x2000, 0x6000)
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what)
def test_each_check_stops_its_attack_and_nothing_else_does(
    attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the check taken out the attack passes; who trusts no key also finds no signature."""
    with pytest.raises(EvidenceRejectedError) as refused:
        verify_psa_token(attack.token, at=AT, keys=attack.keys)
    assert refused.value.reason is attack.reason
    take_out(monkeypatch, verify, "PSA_CHECKS", *attack.check.split())
    verify_psa_token(attack.token, at=AT, keys=attack.keys)


def test_every_check_has_its_attack() -> None:
    """The range of r and s is the exception: the library refuses what it refuses, too."""
    named = {check for attack in ATTACKS for check in attack.check.split()}
    assert named == set(verify.PSA_CHECKS) - {"signature-range"}


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (P256_ORDER, 1), (1, P256_ORDER)])
def test_r_and_s_lie_below_the_order(r: int, s: int) -> None:
    token = psa()[:-64] + r.to_bytes(32, "big") + s.to_bytes(32, "big")
    with pytest.raises(EvidenceRejectedError, match="group's order") as refused:
        verify_psa(token)
    assert refused.value.reason is Rejection.SIGNATURE


def test_a_copy_with_the_other_signature_or_key_id_has_the_same_replay_key() -> None:
    token = psa()
    s = int.from_bytes(token[-32:], "big")
    copy = token[:-32] + (P256_ORDER - s).to_bytes(32, "big")
    assert verify_psa(copy) == verify_psa(token)
    head = bytes.fromhex("d28443a10126a0")
    assert token.startswith(head)
    named = bytes.fromhex("d28443a10126a10441aa") + token[len(head) :]
    assert verify_psa(named) == verify_psa(token)


def test_a_key_id_chooses_the_key() -> None:
    head = bytes.fromhex("d28443a10126a0")
    named = bytes.fromhex("d28443a10126a10441aa") + psa()[len(head) :]
    wanted = replace(ARM.key, key_id=b"\xaa")
    assert verify_psa_token(named, at=AT, keys=[OTHER.key, wanted]).simulated
    by_instance = replace(ARM.key, key_id=ARM.instance_id)
    assert verify_psa_token(psa(), at=AT, keys=[by_instance]).simulated
    with pytest.raises(EvidenceRejectedError, match="key id 0xaa"):
        verify_psa_token(named, at=AT, keys=[replace(ARM.key, key_id=b"\xab")])


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_larger_curves_are_verified_too(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    numbers = key.public_key().public_numbers()
    size = (curve.key_size + 7) // 8
    point = b"\x04" + numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")
    claims = parse_psa_token(psa())
    token = sign_token(
        {
            10: claims.nonce,
            256: claims.instance_id,
            265: claims.profile,
            2394: 1,
            2395: 0x3000,
            2396: claims.implementation_id,
            2399: [{2: bytes(64), 5: bytes(64)}],
        },
        key,
    )
    trusted = ArmKey(public_key=point)
    assert verify_psa_token(token, at=AT, keys=[ARM.key, trusted]).measurement == bytes(64)
    with pytest.raises(EvidenceRejectedError, match="no trusted key"):
        verify_psa(token)


@pytest.mark.parametrize("point", [b"", bytes(65), b"\x04" + bytes(64), b"\x02" + bytes(32)])
def test_a_trusted_key_that_is_none_is_an_error_of_the_policy(point: bytes) -> None:
    with pytest.raises(PolicyError, match="SEC 1 point"):
        verify_psa_token(psa(), at=AT, keys=[ArmKey(public_key=point)])


WRONG: dict[str, dict[int, Any]] = {
    "nonce of another size": {10: bytes(33)},
    "list of nonces": {10: [bytes(32)]},
    "instance id of another size": {256: bytes(32)},
    "instance id of another type": {256: b"\x02" + bytes(32)},
    "another profile": {265: "PSA_IOT_PROFILE_1"},
    "client id beyond 32 bits": {2394: 1 << 31},
    "client id true": {2394: True},
    "lifecycle nobody defined": {2395: 0x7000},
    "negative lifecycle": {2395: -1},
    "implementation id of another size": {2396: bytes(31)},
    "certification": {2398: "0604565272829"},
    "no components": {2399: []},
    "too many components": {2399: [{2: bytes(32), 5: bytes(32)}] * 65},
    "component that is none": {2399: [1]},
    "component without measurement": {2399: [{5: bytes(32)}]},
    "component without signer": {2399: [{2: bytes(32)}]},
    "component of another size": {2399: [{2: bytes(20), 5: bytes(32)}]},
    "component with a role in bytes": {2399: [{1: b"BL", 2: bytes(32), 5: bytes(32)}]},
    "verification service in bytes": {2400: b"x"},
    "short boot seed": {268: bytes(7)},
    "long boot seed": {268: bytes(33)},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG.keys())
def test_claims_are_of_the_rfcs_types_and_sizes(claims: dict[int, Any]) -> None:
    with pytest.raises(EvidenceFormatError):
        verify_psa(psa(claims))


def test_the_older_profile_has_its_boot_seed_elsewhere() -> None:
    old = {265: "http://arm.com/psa/2.0.0", 2397: bytes(32)}
    assert verify_psa(psa(old)).attributes["boot-seed"] == "00" * 32
    with pytest.raises(EvidenceFormatError, match="boot seed"):
        verify_psa(psa({**old, 2397: bytes(7)}))


def test_a_payload_that_is_no_map_is_refused() -> None:
    for payload in ("4100", "80", "f6"):
        token = bytes.fromhex(f"d28443a10126a04{len(payload) // 2}{payload}5840") + bytes(64)
        with pytest.raises(EvidenceFormatError):
            parse_psa_token(token)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_typed_error(data: bytes) -> None:
    with pytest.raises(EvidenceFormatError):
        parse_psa_token(data)


@given(st.integers(0, 400), st.binary(max_size=5), st.integers(0, 5))
def test_a_spoiled_token_never_fails_in_another_way(at: int, patch: bytes, cut: int) -> None:
    token = bytearray(EXAMPLE)
    token[at : at + cut] = patch
    try:
        verify_psa_token(bytes(token), at=AT, keys=[EXAMPLE_KEY])
    except REFUSALS:
        return


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.binary(max_size=66)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.integers(0, 8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from([10, 256, 265, 268, *range(2394, 2401)]), VALUES, max_size=3)
)
def test_claims_of_any_type_never_fail_in_another_way(claims: dict[int, Any]) -> None:
    try:
        verify_psa(psa(claims))
    except REFUSALS:
        return
