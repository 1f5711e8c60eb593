"""SEV-SNP reports: the recorded one of a real Milan processor, and bytes of all kinds."""

from __future__ import annotations

import base64
import re
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.attestation.claims import TcbStatus
from coprove.attestation.ecdsa import P384_ORDER
from coprove.attestation.errors import EvidenceFormatError, EvidenceRejectedError, Rejection
from coprove.attestation.platform import Platform
from coprove.attestation.snp import (
    AMD_ROOT_SHA256,
    AMD_ROOTS,
    Endorsements,
    Product,
    encode_endorsements,
    parse_endorsements,
    parse_report,
    verify_report,
)
from coprove.attestation.snp.roots import AMD_INTERMEDIATES
from coprove.attestation.x509 import (
    check_authorities,
    check_names,
    check_signatures,
    check_validity,
    parse_certificate,
    parse_revocation_list,
)
from tests.unit.attestation.snp.guests import AMD, AT, GUEST, Exhibit, edited
from tests.vectors import vectors_dir

GOOD = Exhibit()
REFUSALS = (EvidenceFormatError, EvidenceRejectedError)
RECORDED_AT = 1_700_000_000


def recorded() -> tuple[bytes, bytes]:
    """Return the recorded report and a table of its certificates."""
    folder = vectors_dir("attestation/snp_milan_debug")
    text = (folder / "milan.testcer").read_text()
    ask, ark = (
        base64.b64decode(body)
        for body in re.findall(r"BEGIN CERTIFICATE-----([^-]+)-----END", text)
    )
    vcek = (folder / "vcek.testcer").read_bytes()
    table = encode_endorsements(Endorsements(vcek=vcek, ask=ask, ark=ark))
    return (folder / "attestation.bin").read_bytes(), table


def test_the_recorded_report_is_genuine_and_says_that_it_may_be_debugged() -> None:
    report, table = recorded()
    claims = verify_report(report, table, at=RECORDED_AT)
    assert claims.platform is Platform.AMD_SEV_SNP
    assert claims.debug
    assert claims.report_data == bytes([1, 2, 3, 4, 5]).ljust(64, b"\0")
    assert claims.measurement.hex().startswith("b07af9620f3b839b")
    assert claims.tcb_status is TcbStatus.OK
    assert not claims.simulated
    assert claims.attributes["product"] == "Milan-B0"
    assert claims.attributes["vmpl"] == 0
    assert claims.attributes["tcb-microcode"] == 0x44
    assert (claims.valid_from, claims.valid_until) == (1663980928, 1884905728)
    assert claims.collateral[0].startswith("SEV-VCEK sha256:0d057f9b6e29a69e")


def test_amds_own_certificates_need_not_be_given() -> None:
    report, table = recorded()
    alone = encode_endorsements(Endorsements(vcek=parse_endorsements(table).vcek))
    at = RECORDED_AT
    assert verify_report(report, alone, at=at) == verify_report(report, table, at=at)


def test_no_byte_of_the_recorded_report_can_change() -> None:
    """What no rule of the format refuses, the signature does."""
    report, table = recorded()
    for at in range(len(report)):
        changed = bytearray(report)
        changed[at] ^= 1 << at % 8
        with pytest.raises(REFUSALS):
            verify_report(bytes(changed), table, at=RECORDED_AT)


def test_no_byte_of_the_recorded_key_can_change() -> None:
    """Nor of the VCEK certificate, signature included."""
    report, table = recorded()
    vcek = parse_endorsements(table).vcek
    assert vcek is not None
    for at in range(len(vcek)):
        changed = bytearray(vcek)
        changed[at] ^= 1 << at % 8
        altered = encode_endorsements(Endorsements(vcek=bytes(changed)))
        with pytest.raises(REFUSALS):
            verify_report(report, altered, at=RECORDED_AT)


def test_the_recorded_report_holds_only_while_its_key_does() -> None:
    report, table = recorded()
    for at in (1663980927, 1884905729):
        with pytest.raises(EvidenceRejectedError, match="SEV-VCEK holds from"):
            verify_report(report, table, at=at)


def test_the_pinned_roots_are_amds_and_their_intermediates_hold() -> None:
    assert {root.sha256 for root in AMD_ROOTS} == set(AMD_ROOT_SHA256.values())
    assert [root.name for root in AMD_ROOTS] == [f"ARK-{product}" for product in Product]
    assert len(AMD_INTERMEDIATES) == 2 * len(AMD_ROOTS)
    for number, intermediate in enumerate(AMD_INTERMEDIATES):
        root = AMD_ROOTS[number // 2]
        kind = "SEV-VLEK-" if number % 2 else "SEV-"
        assert intermediate.name == root.name.replace("ARK-", kind)
        check_names([intermediate, root])
        check_signatures([intermediate, root])
        check_validity([intermediate, root], AT)
        check_authorities([parse_certificate(AMD.issue_vcek()), intermediate, root])


@pytest.mark.parametrize(
    ("r", "s"), [(0, 1), (1, 0), (P384_ORDER, 1), (1, P384_ORDER), (2**575, 1)]
)
def test_r_and_s_lie_below_the_order(r: int, s: int) -> None:
    report = bytearray(GOOD.report)
    report[0x2A0:0x330] = r.to_bytes(72, "little") + s.to_bytes(72, "little")
    with pytest.raises(EvidenceRejectedError, match="group's order") as refused:
        verify_report(bytes(report), GOOD.endorsements, at=AT, roots=(AMD.root,))
    assert refused.value.reason is Rejection.SIGNATURE


def test_a_copy_with_the_other_signature_has_the_same_replay_key() -> None:
    """ECDSA has two signatures for one text: a register of seen reports must know both."""
    report = bytearray(GOOD.report)
    s = int.from_bytes(report[0x2E8:0x330], "little")
    report[0x2E8:0x330] = (P384_ORDER - s).to_bytes(72, "little")
    copy = verify_report(bytes(report), GOOD.endorsements, at=AT, roots=(AMD.root,))
    assert bytes(report) != GOOD.report
    assert copy == GOOD.verify()


def test_what_a_simulated_report_says() -> None:
    claims = GOOD.verify()
    assert claims.simulated
    assert claims.report_data == GUEST.report_data
    assert claims.measurement == GUEST.measurement
    assert (claims.debug, claims.security_version, claims.signer) == (False, 0, None)
    assert claims.attributes["migration-allowed"] is False
    assert claims.attributes["smt"] is True
    assert [check.name for check in claims.checks][-1] == "signature"


def test_a_report_for_amds_roots_only_is_refused_when_simulated() -> None:
    with pytest.raises(EvidenceRejectedError) as refused:
        verify_report(GOOD.report, GOOD.endorsements, at=AT)
    assert refused.value.reason is Rejection.ROOT


def test_debug_vmpl_author_and_version_are_in_the_claims() -> None:
    policy = (GUEST.policy | 1 << 19).to_bytes(8, "little")
    author = bytes(range(48))
    body = edited({0x04: b"\x07", 0x08: policy, 0x30: b"\x02", 0x48: b"\x01", 0x110: author})
    claims = Exhibit(body=body).verify()
    assert claims.debug
    assert claims.attributes["vmpl"] == 2
    assert claims.signer == author
    assert claims.security_version == 7


def test_a_platform_that_signs_with_an_older_key_than_it_is_committed_to_is_out_of_date() -> None:
    newer = bytes([4, 0, 0, 0, 0, 0, 24, 220])
    claims = Exhibit(body=edited({0x38: newer, 0x1E0: newer})).verify()
    assert claims.tcb_status is TcbStatus.OUT_OF_DATE


def test_a_revocation_list_bounds_validity() -> None:
    claims = Exhibit(crl=AMD.ark.revoke((77,), valid=(AT - 10, AT + 10))).verify()
    assert (claims.valid_from, claims.valid_until) == (AT - 10, AT + 10)
    assert claims.attributes["revocation-checked"] is True
    assert any(name.startswith("crl sha256:") for name in claims.collateral)


@given(st.binary(min_size=1184, max_size=1184) | st.binary(max_size=64))
def test_any_bytes_parse_or_are_refused_with_a_typed_error(data: bytes) -> None:
    with pytest.raises(EvidenceFormatError):
        parse_report(data)


@given(st.dictionaries(st.integers(0, 0x29F), st.binary(min_size=1, max_size=1), max_size=6))
def test_any_signed_report_is_accepted_as_it_stands_or_refused_with_a_typed_error(
    changes: dict[int, bytes],
) -> None:
    body = edited(changes)
    try:
        claims = Exhibit(body=body).verify()
    except REFUSALS:
        return
    assert claims.report_data + claims.measurement == body[0x50:0xC0]


@given(st.binary(max_size=400))
def test_any_certificate_table_parses_or_is_refused_with_a_typed_error(data: bytes) -> None:
    try:
        found = parse_endorsements(data)
    except EvidenceFormatError:
        return
    assert parse_endorsements(encode_endorsements(found)) == found


@given(
    st.builds(
        Endorsements,
        **{
            field.name: st.none() | st.binary(min_size=1, max_size=40)
            for field in fields(Endorsements)
        },
    ),
    st.integers(0, 64),
)
def test_certificate_tables_survive_writing_and_reading(given_: Endorsements, zeros: int) -> None:
    assert parse_endorsements(encode_endorsements(given_) + bytes(zeros)) == given_


@given(st.integers(0, 5000), st.binary(min_size=1, max_size=4), st.booleans())
def test_a_spoiled_certificate_table_never_fails_in_another_way(
    at: int, patch: bytes, cut: bool
) -> None:
    table = bytearray(GOOD.endorsements)
    at %= len(table)
    table[at : at + len(patch)] = b"" if cut else patch
    try:
        verify_report(GOOD.report, bytes(table), at=AT, roots=(AMD.root,))
    except REFUSALS:
        return


def test_tables_with_overlap_gaps_outside_or_doubles_are_refused() -> None:
    table = bytearray(GOOD.endorsements)
    doubled = table[:24] + table
    for bad in (
        table[:16] + (24).to_bytes(4, "little") + table[20:],
        table[:20] + (2**32 - 1).to_bytes(4, "little") + table[24:],
        table[:20] + bytes(4) + table[24:],
        table + b"\x01",
        doubled,
        bytes(range(1, 25)) * 20,
        b"\x01",
        bytes(300_000),
    ):
        with pytest.raises(EvidenceFormatError, match="SNP certificate table"):
            parse_endorsements(bytes(bad))


@given(st.integers(0, 1200), st.integers(0, 255))
def test_a_spoiled_certificate_parses_or_is_refused_with_a_typed_error(at: int, to: int) -> None:
    der = bytearray(AMD.issue_vcek())
    der[at % len(der)] = to
    try:
        certificate = parse_certificate(bytes(der))
        check_names([certificate])
        check_authorities([certificate])
        check_signatures([certificate])
    except REFUSALS:
        return


@given(st.integers(0, 600), st.integers(0, 255))
def test_a_spoiled_revocation_list_parses_or_is_refused_with_a_typed_error(
    at: int, to: int
) -> None:
    der = bytearray(AMD.ark.revoke((5, 6)))
    der[at % len(der)] = to
    try:
        parse_revocation_list(bytes(der))
    except EvidenceFormatError:
        return


@given(st.binary(max_size=200))
def test_any_bytes_as_a_certificate_are_refused(data: bytes) -> None:
    with pytest.raises(EvidenceFormatError):
        parse_certificate(data)
    with pytest.raises(EvidenceFormatError):
        parse_revocation_list(data)
