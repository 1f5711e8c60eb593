"""Nitro documents: what good ones say, and bytes of all kinds."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.attestation import cbor
from coprove.attestation.cose import parse_sign1
from coprove.attestation.ecdsa import P384_ORDER
from coprove.attestation.errors import EvidenceFormatError, EvidenceRejectedError, Rejection
from coprove.attestation.nitro import NITRO_ROOT, NITRO_ROOT_SHA256, parse_document, verify_document
from coprove.attestation.platform import Platform
from coprove.attestation.simulation.nitro import sign_document
from coprove.attestation.x509 import check_names, check_signatures
from tests.unit.attestation.nitro.enclaves import AT, AWS, ENCLAVE, PCRS, Exhibit

GOOD = Exhibit()
REFUSALS = (EvidenceFormatError, EvidenceRejectedError)


def test_what_a_simulated_document_says() -> None:
    claims = GOOD.verify(at=AT + 7)
    assert claims.platform is Platform.AWS_NITRO
    assert claims.measurement == PCRS[0] + PCRS[1] + PCRS[2]
    assert claims.report_data == ENCLAVE.user_data
    assert (claims.debug, claims.simulated, claims.signer) == (False, True, None)
    assert claims.valid_until == AT + 10_800
    assert claims.attributes["pcr3"] == bytes(48).hex()
    assert claims.attributes["nonce"] is None
    assert len(claims.collateral) == 5


def test_optional_members_may_be_null_or_absent() -> None:
    """The security module writes null; AWS's text says that they may be missing."""
    optional = ("public_key", "nonce", "user_data")
    for exhibit in (
        Exhibit(without=optional),
        Exhibit(members=dict.fromkeys(optional)),
    ):
        assert exhibit.verify().report_data == bytes(64)
    claims = Exhibit(members={"user_data": b"\x01", "nonce": b"\x02", "public_key": b"\x03"})
    assert claims.verify().report_data == b"\x01".ljust(64, b"\0")
    assert claims.verify().attributes["nonce"] == "02"


def test_the_signer_of_an_image_is_pcr8() -> None:
    claims = Exhibit(members={"pcrs": PCRS | {8: b"\x08" * 48}}).verify()
    assert claims.signer == b"\x08" * 48


def test_the_pinned_root_is_aws_own() -> None:
    assert NITRO_ROOT.sha256 == NITRO_ROOT_SHA256
    assert NITRO_ROOT.name == "aws.nitro-enclaves"
    check_names([NITRO_ROOT])
    check_signatures([NITRO_ROOT])


def test_a_tag_and_a_map_of_indefinite_length_are_read_as_aws_writes_them() -> None:
    tagged = b"\xd2" + GOOD.document
    found = verify_document(tagged, at=AT, root=AWS.root)
    assert found == GOOD.verify()
    members = AWS.members(ENCLAVE, at=AT)
    body = b"".join(cbor.encode(name) + cbor.encode(value) for name, value in members.items())
    document = sign_document(b"\xbf" + body + b"\xff", AWS.key)
    assert verify_document(document, at=AT, root=AWS.root).report_data == ENCLAVE.user_data


def test_no_byte_of_a_document_can_change() -> None:
    document = GOOD.document
    for at in range(len(document)):
        changed = bytearray(document)
        changed[at] ^= 1 << at % 8
        with pytest.raises(REFUSALS):
            verify_document(bytes(changed), at=AT, root=AWS.root)


def test_nothing_may_follow_or_be_cut_off() -> None:
    document = GOOD.document
    for data in (document + b"\0", document + document, document[:-1], document[1:], b""):
        with pytest.raises(EvidenceFormatError):
            verify_document(data, at=AT, root=AWS.root)


def test_a_copy_with_the_other_signature_has_the_same_replay_key() -> None:
    """ECDSA has two signatures for one text: a register of seen documents must know both."""
    document = GOOD.document
    s = int.from_bytes(document[-48:], "big")
    copy = document[:-48] + (P384_ORDER - s).to_bytes(48, "big")
    assert verify_document(copy, at=AT, root=AWS.root) == verify_document(
        document, at=AT, root=AWS.root
    )


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (P384_ORDER, 1), (1, P384_ORDER)])
def test_r_and_s_lie_below_the_order(r: int, s: int) -> None:
    document = GOOD.document[:-96] + r.to_bytes(48, "big") + s.to_bytes(48, "big")
    with pytest.raises(EvidenceRejectedError, match="group's order") as refused:
        verify_document(document, at=AT, root=AWS.root)
    assert refused.value.reason is Rejection.SIGNATURE


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_typed_error(data: bytes) -> None:
    with pytest.raises(EvidenceFormatError):
        parse_document(data)


@given(st.integers(0, 1 << 16), st.binary(max_size=6), st.integers(0, 6))
def test_a_spoiled_payload_never_fails_in_another_way(at: int, patch: bytes, cut: int) -> None:
    payload = bytearray(GOOD.payload)
    at %= len(payload)
    payload[at : at + cut] = patch
    try:
        verify_document(sign_document(bytes(payload), AWS.key), at=AT, root=AWS.root)
    except REFUSALS:
        return


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.binary(max_size=50)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers(-30, 300) | st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(sorted(AWS.members(ENCLAVE, at=AT))) | st.text(max_size=5),
        VALUES,
        max_size=4,
    )
)
def test_members_of_any_type_never_fail_in_another_way(members: dict[str, Any]) -> None:
    try:
        Exhibit(members=members).verify()
    except REFUSALS:
        return


@given(VALUES)
def test_what_is_encoded_is_decoded(value: Any) -> None:
    try:
        assert cbor.decode(cbor.encode(value), "value") == value
    except EvidenceFormatError as error:
        assert "depth" in str(error.expected)  # noqa: PT017 - the value may be too deep


@given(st.binary(max_size=60), st.booleans(), st.booleans())
def test_the_walk_lets_pass_only_what_the_library_reads(
    data: bytes, indefinite: bool, long_forms: bool
) -> None:
    """What passes, the library read to its last byte: it writes it as long again or shorter."""
    try:
        value = cbor.decode(data, "bytes", indefinite_maps=indefinite, long_forms=long_forms)
    except EvidenceFormatError:
        return
    again = cbor2.dumps(value)
    assert len(again) <= len(data)
    if not indefinite and not long_forms:
        assert again == data


REFUSED = {
    "key twice": "a201000100",
    "key twice in another form": "a2180100 0100",
    "integer in two bytes": "1817",
    "integer in three bytes": "1900ff",
    "integer in five bytes": "1a0000ffff",
    "integer in nine bytes": "1b00000000ffffffff",
    "length in two bytes": "580100",
    "indefinite bytes": "5f4100ff",
    "indefinite text": "7f6161ff",
    "indefinite list": "9f00ff",
    "indefinite map": "bf0000ff",
    "break": "ff",
    "reserved length": "1c",
    "float": "f90000",
    "double": "fb0000000000000000",
    "undefined": "f7",
    "simple value": "f820",
    "unknown tag": "c100",
    "key of bytes": "a1410000",
    "key of list": "a18000",
    "text that is no UTF-8": "61ff",
    "more bytes than there are": "5903e800",
    "more members than there are": "9b00000000ffffffff00",
    "more pairs than there are": "bb00000000ffffffff0000",
    "too deep": "81" * 12 + "00",
    "something behind": "0000",
    "nothing": "",
    "huge": "00" * 200_000,
    "many": "9a00002000" + "00" * 0x2000,
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_cbor_that_is_not_strict_is_refused(text: str) -> None:
    with pytest.raises(EvidenceFormatError):
        cbor.decode(bytes.fromhex(text), "bytes")


def test_forms_that_a_producer_may_use_must_be_asked_for() -> None:
    assert cbor.decode(bytes.fromhex("1817"), "bytes", long_forms=True) == 23
    assert cbor.decode(bytes.fromhex("bf0000ff"), "bytes", indefinite_maps=True) == {0: 0}
    assert cbor.decode(bytes.fromhex("d200"), "bytes", tags=(18,)) == cbor2.CBORTag(18, 0)
    with pytest.raises(EvidenceFormatError, match="each key once"):
        cbor.decode(bytes.fromhex("a2180100 0100"), "bytes", long_forms=True)


SIGN1 = {
    "no tag": "8443a10126a041005840" + "00" * 64,
    "three parts": "d28343a10126a04100",
    "a map": "d2a0",
    "another tag": "d18443a10126a041005840" + "00" * 64,
    "tag twice": "d2d28443a10126a041005840" + "00" * 64,
    "detached payload": "d28443a10126a0f65840" + "00" * 64,
    "no algorithm": "d28441a0a041005840" + "00" * 64,
    "empty headers": "d28440a041005840" + "00" * 64,
    "algorithm by name": "d28446a1016345533 2a041005840".replace(" ", "") + "00" * 64,
    "RSA": "d28444a1013824a041005840" + "00" * 64,
    "critical header": "d28446a201260281 04a041005840".replace(" ", "") + "00" * 64,
    "unsigned algorithm": "d28443a10126a1012641005840" + "00" * 64,
    "key id twice": "d28447a2012604 4101a10441024100 5840".replace(" ", "") + "00" * 64,
    "key id of text": "d28443a10126a1046161 41005840".replace(" ", "") + "00" * 64,
    "short signature": "d28443a10126a04100583f" + "00" * 63,
    "long signature": "d28443a10126a041005841" + "00" * 65,
    "headers of an integer": "d2844101a041005840" + "00" * 64,
}


@pytest.mark.parametrize("text", SIGN1.values(), ids=SIGN1.keys())
def test_a_cose_sign1_that_is_not_strictly_one_is_refused(text: str) -> None:
    with pytest.raises(EvidenceFormatError):
        parse_sign1(bytes.fromhex(text), "message")


def test_a_cose_sign1_is_read_with_its_key_id_from_either_map() -> None:
    for text in ("d28443a10126a1044107 41005840", "d28446a201260441 07a041005840"):
        found = parse_sign1(bytes.fromhex(text.replace(" ", "")) + bytes(64), "message")
        assert (found.algorithm.name, found.key_id, found.payload) == ("ES256", b"\x07", b"\0")
        assert found.integers == (0, 0)
