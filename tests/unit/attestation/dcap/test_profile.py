"""Intel's profile of certificates, CRLs and the PCK extension; what claims take from them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import dcap_qvl
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from coprove.attestation import EvidenceFormatError, EvidenceRejectedError, Rejection
from coprove.attestation.dcap import (
    Certificate,
    RootCertificate,
    parse_crl,
    parse_pck,
    verify_collateral,
    verify_quote,
)
from coprove.attestation.dcap.certificates import parse_certificate, parse_pem_chain
from coprove.attestation.dcap.chains import PCK_CHAIN, Chain, check_chain
from coprove.attestation.simulation import CollateralSpec, PlatformSpec, derive_key, pem
from tests.unit.attestation.dcap.adversarial import DAY, PLATFORM, forgery, intel

VENDOR = intel()
LEAF, AUTHORITY, ROOT = parse_pem_chain(VENDOR.pck_chain(PLATFORM).encode(), "chain")
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def certificate(
    *,
    names: tuple[str, ...] = ("leaf",),
    critical: bool = True,
    usage: bool = True,
    more: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    key: Any = None,
    digest: Any = None,
) -> bytes:
    """Return a certificate in the profile but for what is given."""
    issuer = derive_key("profile", "issuer")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text) for text in names])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key((key or issuer).public_key())
        .serial_number(7)
        .not_valid_before(datetime(2025, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2026, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=critical)
    )
    if usage:
        builder = builder.add_extension(USAGE, critical=True)
    for extension, is_critical in more:
        builder = builder.add_extension(extension, critical=is_critical)
    made = builder.sign(issuer, digest or hashes.SHA256())
    return made.public_bytes(Encoding.DER)


def test_what_the_profile_leaves_open_is_read() -> None:
    """So what is refused below is refused for what is given."""
    parsed = parse_certificate(certificate(more=((UNKNOWN, False),)), "leaf")
    assert (parsed.common_name, parsed.serial, parsed.signs_data) == ("leaf", 7, True)


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (lambda: certificate(more=((UNKNOWN, True),)), "extensions"),
        (lambda: certificate(critical=False), "BasicConstraints"),
        (lambda: certificate(usage=False), "KeyUsage"),
        (lambda: certificate(names=()), "subject"),
        (lambda: certificate(names=("leaf", "Intel SGX PCK Certificate")), "subject"),
        (lambda: certificate(key=derive_key("profile", "large", ec.SECP384R1())), "key"),
        (lambda: certificate(digest=hashes.SHA384()), "algorithm"),
    ],
)
def test_certificates_outside_the_profile_are_refused(made: Callable[[], bytes], what: str) -> None:
    """By the name of what is wrong."""
    with pytest.raises(EvidenceFormatError) as error:
        parse_certificate(made(), "leaf")
    assert error.value.what == f"leaf: {what}"


@pytest.mark.parametrize("serial", [b"\x00", b"\xff"], ids=["zero", "negative"])
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_serials_are_above_zero(serial: bytes) -> None:
    """Also while the X.509 library only warns of others."""
    der = certificate().replace(b"\x02\x01\x07", b"\x02\x01" + serial, 1)
    with pytest.raises(EvidenceFormatError) as error:
        parse_certificate(der, "leaf")
    assert error.value.what == "leaf: serial"


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        (0, {"signs_data": False}),
        (0, {"signs_certificates": True}),
        (0, {"is_ca": True}),
        (1, {"signs_crls": False}),
        (1, {"signs_certificates": False}),
        (1, {"is_ca": False}),
        (2, {"path_length": 0}),
    ],
)
def test_rights_of_certificates_are_those_of_their_place(
    place: int, changes: dict[str, Any]
) -> None:
    """An end entity signs data and nothing else; a CA signs certificates and CRLs."""

    def check(certificates: list[Certificate]) -> None:
        check_chain(
            Chain(
                name="PCK chain",
                certificates=tuple(certificates),
                common_names=PCK_CHAIN,
                root=VENDOR.root,
                at=VENDOR.start,
            )
        )

    chain = [LEAF, AUTHORITY, ROOT]
    check(chain)
    chain[place] = replace(chain[place], **changes)
    with pytest.raises(EvidenceRejectedError) as refusal:
        check(chain)
    assert refusal.value.reason is Rejection.CHAIN


def entry(arcs: str, value: str) -> bytes:
    oid = bytes.fromhex("2a864886f84d010d01" + arcs)
    body = bytes([6, len(oid)]) + oid + bytes.fromhex(value)
    return bytes([0x30, len(body)]) + body


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (entry("0201", "020105"), entry("0201", "020104")),
        (entry("0201", "020105"), entry("0202", "020105")),
        (entry("0210", "020105"), entry("0213", "020105")),
        (bytes.fromhex("060a2a864886f84d010d0106"), bytes.fromhex("060a2a864886f84d010d0101")),
        (entry("0211", "02010d"), entry("0211", "04010d")),
    ],
    ids=["not-cpusvn", "twice-and-missing", "missing", "ppid-twice", "another-type"],
)
def test_a_pck_extension_that_contradicts_itself_is_refused(old: bytes, new: bytes) -> None:
    """CPUSVN is the sixteen components; every field is there once."""
    extension = LEAF.sgx_extension or b""
    assert extension.count(old) == 1
    parse_pck(LEAF)
    with pytest.raises(EvidenceFormatError):
        parse_pck(replace(LEAF, sgx_extension=extension.replace(old, new)))


@pytest.mark.parametrize("critical", [False, True])
def test_a_crl_that_may_not_be_complete_is_refused(critical: bool) -> None:
    """Delta and indirect CRLs say so in extensions; none but the issuer's key and a number may."""
    issuer = VENDOR.platform_ca
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(datetime(2025, 1, 1, tzinfo=UTC))
        .next_update(datetime(2026, 1, 1, tzinfo=UTC))
    )
    whole = builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)
    delta = builder.add_extension(x509.DeltaCRLIndicator(1), critical=critical)
    parse_crl(whole, "CRL")
    with pytest.raises(EvidenceFormatError):
        parse_crl(delta.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER), "CRL")


def test_a_root_signs_itself() -> None:
    """Any other certificate is none, whatever its rights."""
    with pytest.raises(EvidenceFormatError, match="self-signed"):
        RootCertificate.from_der(AUTHORITY.der)


def test_a_crl_of_a_namesake_is_not_the_platforms() -> None:
    """Two CAs may have one name: the list must be of the one whose key signed the leaf."""
    made = forgery(VENDOR)
    collateral = verify_collateral(made.collateral, at=made.at, root=VENDOR.root)
    other = derive_key("profile", "namesake").public_key()
    namesake = replace(collateral, pck_ca=replace(collateral.pck_ca, public_key=other))
    with pytest.raises(EvidenceRejectedError) as refusal:
        verify_quote(made.quote, namesake, at=made.at, root=VENDOR.root)
    assert refusal.value.reason is Rejection.COLLATERAL


def test_a_quoting_enclave_is_initialised_whatever_its_identity_masks() -> None:
    """INIT and DEBUG count even where the mask leaves them out."""

    def edit(document: dict[str, Any]) -> None:
        document.update(attributes="00" * 16, attributesMask="00" * 16)

    for flags in (0x14, 0x17):
        attributes = flags.to_bytes(8, "little") + bytes(8)
        made = forgery(
            VENDOR,
            spec=CollateralSpec(edit_qe_identity=edit),
            edit_qe_report=lambda report, value=attributes: replace(report, attributes=value),
        )
        with pytest.raises(EvidenceRejectedError) as refusal:
            made.verify()
        assert refusal.value.reason is Rejection.QUOTING_ENCLAVE


def test_claims_hold_no_longer_than_the_platforms_certificate() -> None:
    """Its dates bound them as the collateral's do."""
    first, last = VENDOR.start + 100, VENDOR.start + 2 * DAY
    leaf = VENDOR.platform_ca.issue(
        f"pck {PLATFORM.label}",
        "Intel SGX PCK Certificate",
        (first, last),
        extensions=VENDOR.pck_extensions(PlatformSpec()),
    )
    chain = pem(item.certificate for item in (leaf, VENDOR.platform_ca, VENDOR.root_authority))
    claims = forgery(VENDOR, chain=chain).verify()
    assert (claims.valid_from, claims.valid_until) == (first, last)


@pytest.mark.parametrize("document", ["edit_tcb_info", "edit_qe_identity"])
def test_the_lower_evaluation_number_counts(document: str) -> None:
    """An old QE identity beside a new TCB info is old collateral, and the other way round."""

    def edit(members: dict[str, Any]) -> None:
        members["tcbEvaluationDataNumber"] = 16

    spec = CollateralSpec(**{document: edit})  # type: ignore[arg-type]
    claims = forgery(VENDOR, spec=spec).verify()
    assert claims.attributes["tcb-evaluation-data-number"] == 16


@pytest.mark.parametrize(
    "report",
    [
        SimpleNamespace(status="OutOfDate", advisory_ids=[]),
        SimpleNamespace(status="Splendid", advisory_ids=[]),
        SimpleNamespace(status="TDRelaunchAdvised", advisory_ids=[]),
        SimpleNamespace(status="UpToDate", advisory_ids=["INTEL-SA-00615"]),
    ],
    ids=["worse", "unknown", "relaunch", "advisory"],
)
def test_a_worse_second_opinion_counts(
    report: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status and advisories must be known to both."""
    made = forgery(VENDOR)
    made.verify()
    monkeypatch.setattr(dcap_qvl, "verify_with_root_ca", lambda *_arguments: report)
    with pytest.raises(EvidenceRejectedError, match="dcap-qvl finds") as refusal:
        made.verify()
    assert refusal.value.reason is Rejection.TCB_STATUS
