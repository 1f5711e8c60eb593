"""A certificate table from the files that AMD's service serves."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.attestation.errors import EvidenceFormatError
from coprove.attestation.snp import (
    Endorsements,
    collect_endorsements,
    encode_endorsements,
    read_certificates,
)
from tests.unit.attestation.snp.guests import AMD, Exhibit

VCEK, ASK, ARK = AMD.issue_vcek(), AMD.ask.certificate, AMD.ark.certificate
CRL = AMD.ark.revoke(())
ALL = encode_endorsements(Endorsements(vcek=VCEK, ask=ASK, ark=ARK, crl=CRL))


def pem(*ders: bytes, label: str = "CERTIFICATE") -> bytes:
    """Return certificates in PEM."""
    head, tail = f"-----BEGIN {label}-----\n".encode(), f"-----END {label}-----\n".encode()
    return b"".join(head + base64.encodebytes(der) + tail for der in ders)


@pytest.mark.parametrize(
    "files",
    [
        [VCEK, ASK, ARK, CRL],
        [CRL, ARK, ASK, VCEK],
        [VCEK, pem(ASK, ARK), pem(CRL, label="X509 CRL")],
        [pem(VCEK, ASK, ARK), CRL],
        [pem(VCEK, ASK, ARK, ARK), CRL, VCEK],
        [ALL],
    ],
    ids=["der", "other order", "as served", "one PEM", "some twice", "a table"],
)
def test_files_in_any_form_and_order_make_the_same_table(files: list[bytes]) -> None:
    assert collect_endorsements(files) == ALL


def test_what_is_no_certificate_of_amds_is_refused() -> None:
    other = Exhibit().report
    for files in (
        [VCEK, other],
        [ALL, VCEK],
        [VCEK, AMD.issue_vcek()[:-1]],
        [pem(b"\x30\x00")],
        [b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"],
    ):
        with pytest.raises(EvidenceFormatError):
            collect_endorsements(files)


def test_two_of_a_kind_are_refused() -> None:
    fresh = AMD.ark.revoke((1,))
    with pytest.raises(EvidenceFormatError, match="one crl"):
        collect_endorsements([CRL, fresh])


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=3))
def test_any_files_are_collected_or_refused_with_a_typed_error(files: list[bytes]) -> None:
    try:
        collect_endorsements(files)
    except EvidenceFormatError:
        return
    assert len(files) == 1
    assert not read_certificates(files[0])
