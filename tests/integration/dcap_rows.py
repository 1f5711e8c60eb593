"""The adversarial list on chain: each row a forgery, the error that it meets, and what raises it.

Most forgeries are those of the list off chain, so that both verifiers are shown the same.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from struct import pack
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from coprove.attestation.dcap.stripped import encode_evidence, platform_id
from coprove.attestation.simulation import (
    CollateralSpec,
    LevelSpec,
    PlatformSpec,
    SimulatedIntel,
    td_report,
)
from coprove.attestation.simulation.pki import issue_crl, raw_signature
from tests.integration.dcap_chain import Document, Presented, presented
from tests.unit.attestation.dcap import adversarial

__all__ = ["ACCEPTED", "NOT_ON_CHAIN", "ROWS", "Row", "in_order"]

ACCEPTED = "accepted"
DAY = 86_400
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SIGNATURE = 48 + 384 + 4
QE_SIGNATURE = SIGNATURE + 512
LINKS = ("WrongIssuer", "WrongKeyIdentifier", "SignatureInvalid")

NOT_ON_CHAIN = {
    "17 short chain": "chains are built by registration, not presented",
    "17 extra certificate": "chains are built by registration, not presented",
    "21 CRL chain of another root": "a CA is registered under the contract's root alone",
    "30 one byte more signature data": "shown on the stripped quote",
    "30 one byte less signature data": "shown on the stripped quote",
    "30 huge signature data": "shown on the stripped quote",
    "30 truncated": "shown on the stripped quote",
    "30 another size of outer certification data": "a stripped quote has none",
    "32 another kind of certification data": "a stripped quote has none",
    "32 another kind of outer certification data": "a stripped quote has none",
    "33 trailing bytes": "shown on the stripped quote",
    "8 re-serialised TCB info": "shown without white space, which the contract refuses anyhow",
}
"""Rows of the list off chain that the contracts do not see as they are there, with the reason."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A forgery and what stops it on chain."""

    name: str
    make: Callable[[], Presented]
    error: str
    """What it is refused with."""
    guards: tuple[str, ...] = ()
    """Errors whose checks must all be taken out to have it accepted; `error` alone when empty."""
    lookups: tuple[str, ...] = ()
    """Keys that must be taken out beside or instead."""
    without: str = ACCEPTED
    """What it meets without them."""


def in_order(*, tdx: bool = False) -> Presented:
    """Return evidence with nothing forged."""
    return of(adversarial.forgery(adversarial.intel(), body=td_report() if tdx else None))


def of(forgery: adversarial.Forgery) -> Presented:
    """Return a forgery off chain as it is presented on chain."""
    root = forgery.root.der
    return presented(forgery.quote, forgery.collateral, root=root, at=forgery.at)


def listed(
    name: str, error: str, *guards: str, lookups: tuple[str, ...] = (), without: str = ACCEPTED
) -> Row:
    """Return the row of a forgery of the list off chain."""
    row = next(row for row in adversarial.ROWS if row.name == name)
    return Row(
        name=name,
        make=lambda: of(row.make(adversarial.intel())),
        error=error,
        guards=guards,
        lookups=lookups,
        without=without,
    )


def stripped(change: Callable[[bytes], bytes]) -> Callable[[], Presented]:
    """Return a maker of evidence whose stripped quote is changed."""

    def make() -> Presented:
        it = in_order()
        return replace(it, quote=change(it.quote))

    return make


def sized(change: Callable[[int], int]) -> Callable[[], Presented]:
    def resize(quote: bytes) -> bytes:
        size = int.from_bytes(quote[SIGNATURE - 4 : SIGNATURE], "little")
        return quote[: SIGNATURE - 4] + pack("<I", change(size)) + quote[SIGNATURE:]

    return stripped(resize)


def other_s(at: int) -> Callable[[], Presented]:
    def malleate(quote: bytes) -> bytes:
        s = int.from_bytes(quote[at + 32 : at + 64], "big")
        return quote[: at + 32] + (ORDER - s).to_bytes(32, "big") + quote[at + 64 :]

    return stripped(malleate)


def enveloped(change: Callable[[bytes], bytes]) -> Callable[[], Presented]:
    def make() -> Presented:
        it = in_order()
        evidence = encode_evidence(platform_id(it.platform), it.quote)
        return replace(it, evidence=change(evidence))

    return make


def reordered_tcb_info() -> Presented:
    """The same document in another order of its members, with the signature of the first."""
    it = in_order()
    document = it.tcb_infos[0]
    text = json.dumps(json.loads(document.text), separators=(",", ":"), sort_keys=True)
    return replace(it, tcb_infos=(replace(document, text=text.encode()),))


def document_of(vendor: SimulatedIntel, text: bytes) -> Document:
    signer = vendor.tcb_signer
    signature = raw_signature(signer.key, text)
    return Document(text=text, signature=signature, signer=in_order().tcb_infos[0].signer)


def rolled_back(name: str, edit: dict[str, Any]) -> Callable[[], Presented]:
    """Return a maker that registers a document and then an older one."""

    def make() -> Presented:
        it = in_order()
        documents: tuple[Document, ...] = getattr(it, name)
        members = json.loads(documents[0].text) | edit
        text = json.dumps(members, separators=(",", ":")).encode()
        values: dict[str, Any] = {name: (*documents, document_of(adversarial.intel(), text))}
        return replace(it, **values)

    return make


def older_crl() -> Presented:
    vendor, it = adversarial.intel(), in_order()
    crl = issue_crl(vendor.platform_ca, (vendor.start - DAY, vendor.start + 30 * DAY))
    return replace(it, later=((it.ca, crl),))


def revoked_later() -> Presented:
    """A platform that was registered before its CA revoked it."""
    vendor, it = adversarial.intel(), in_order()
    serial = vendor.pck(PlatformSpec()).certificate.serial_number
    crl = issue_crl(vendor.platform_ca, (vendor.start + 1, vendor.start + 30 * DAY), (serial,))
    return replace(it, later=((it.ca, crl),))


def signer_revoked_later() -> Presented:
    vendor, it = adversarial.intel(), in_order()
    serial = vendor.tcb_signer.certificate.serial_number
    crl = issue_crl(vendor.root_authority, (vendor.start + 1, vendor.start + 30 * DAY), (serial,))
    return replace(it, later=((it.root, crl),))


def module_too_old() -> Presented:
    body = td_report(tee_tcb_svn=bytes((0, 1, 2, *(0,) * 13)))
    return of(adversarial.forgery(adversarial.intel(), body=body))


def two_levels_alike() -> Presented:
    spec = CollateralSpec(levels=(LevelSpec(), LevelSpec()))
    return of(adversarial.forgery(adversarial.intel(), spec=spec))


def twin(certificate: bytes) -> bytes:
    """Return the certificate with n - s in place of s: another encoding, as well signed."""
    loaded = x509.load_der_x509_certificate(certificate)
    r, s = decode_dss_signature(loaded.signature)
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    bits = b"\x00" + encode_dss_signature(r, ORDER - s)
    content = loaded.tbs_certificate_bytes + algorithm + bytes((3, len(bits))) + bits
    return b"\x30\x82" + len(content).to_bytes(2, "big") + content


def twin_platform_revoked() -> Presented:
    """The platform is registered in its second encoding before its CA revokes it."""
    it = revoked_later()
    return replace(it, platform=twin(it.platform))


def twin_ca_revoked(*, first: bool) -> Callable[[], Presented]:
    """Both encodings of the CA are registered, one of them issues, then the root revokes it."""

    def make() -> Presented:
        vendor, it = adversarial.intel(), in_order()
        serial = vendor.platform_ca.certificate.serial_number
        period = vendor.start + 1, vendor.start + 30 * DAY
        crl = issue_crl(vendor.root_authority, period, (serial,))
        issuer, other = (it.ca, twin(it.ca)) if first else (twin(it.ca), it.ca)
        return replace(it, ca=issuer, issuer=other, later=((it.root, crl),))

    return make


SHUFFLED = CollateralSpec(
    levels=(LevelSpec(components=(2,) * 16, status="OutOfDate"), LevelSpec()),
)
"""The worse level first, of which an up-to-date platform has the versions too."""


def shuffled() -> Presented:
    return of(adversarial.forgery(adversarial.intel(), spec=SHUFFLED))


ROWS = (
    listed("1 debug enclave", "EnclaveInDebugMode"),
    listed("2 debug TD", "TdInDebugMode"),
    listed("3 debug QE", "QeModeWrong", "QeModeWrong", "QeAttributesWrong"),
    listed("4 enclave not initialised", "EnclaveNotInitialized"),
    listed("5 SEPT_VE_DISABLE not set", "SeptVeNotDisabled"),
    listed("5 reserved TD attribute", "TdAttributesReserved"),
    listed("6 unsigned TCB info", "SignatureInvalid"),
    listed("6 unsigned QE identity", "SignatureInvalid"),
    listed(
        "7 TCB info signed by a PCK",
        "WrongName",
        *("WrongName", "WrongPurpose", *LINKS, "UnknownAuthority"),
    ),
    listed(
        "7 QE identity signed by a PCK",
        "WrongName",
        *("WrongName", "WrongPurpose", *LINKS, "UnknownAuthority"),
    ),
    Row(name="8 reordered TCB info", make=reordered_tcb_info, error="SignatureInvalid"),
    listed("9 expired TCB info", "DocumentNotCurrent"),
    listed("9 TCB info of the future", "DocumentNotCurrent"),
    listed("10 expired QE identity", "DocumentNotCurrent"),
    listed("10 QE identity of the future", "DocumentNotCurrent"),
    listed(
        "11 TD_QE identity for an enclave",
        "UnknownQeIdentity",
        lookups=("[identity.isTdx]",),
    ),
    listed("12 QE of another signer", "QeSignerWrong"),
    listed("12 another product of the QE's signer", "QeProductWrong"),
    listed("12 QE with another MISCSELECT", "QeMiscSelectWrong"),
    Row(
        name="12 QE with other attributes",
        make=lambda: of(adversarial.of_qe(attributes=pack("<QQ", 0x35, 0xE7))(adversarial.intel())),
        error="QeAttributesWrong",
    ),
    listed("13 QE of version 0", "QeVersionUnrecognized"),
    listed("13 QE of a revoked version", "TcbRevoked"),
    listed("14 attestation key that the QE did not make", "QeBindingWrong"),
    listed("15 something behind the QE's hash", "QeReportDataTail"),
    listed("16 root of the same name", "WrongKeyIdentifier", *LINKS[1:]),
    listed("17 reordered chain", "UnknownAuthority", "UnknownAuthority", *LINKS),
    listed("18 CA as leaf", "WrongPurpose"),
    listed("18 leaf as CA", "WrongPurpose"),
    listed("19 revoked platform", "CertificateRevoked"),
    listed("19 revoked CA", "CertificateRevoked"),
    listed("19 revoked signer", "CertificateRevoked"),
    listed("19 revoked signer of the QE identity", "CertificateRevoked"),
    listed("19 revoked root", "CertificateRevoked"),
    Row(name="19 platform revoked later", make=revoked_later, error="CertificateRevoked"),
    Row(name="19 signer revoked later", make=signer_revoked_later, error="CertificateRevoked"),
    Row(
        name="19 twin of a revoked platform", make=twin_platform_revoked, error="CertificateRevoked"
    ),
    Row(name="19 twin of a CA", make=twin_ca_revoked(first=True), error="CertificateRevoked"),
    Row(name="19 CA with a twin", make=twin_ca_revoked(first=False), error="CertificateRevoked"),
    listed("20 root CRL as PCK CRL", "WrongIssuer", *LINKS),
    listed("20 CRL of another CA", "CrlNotCurrent"),
    listed("21 expired CRL", "CrlNotCurrent"),
    listed("21 expired root CRL", "CrlNotCurrent"),
    listed("21 CRL of the future", "CrlNotCurrent"),
    listed("21 CRL by an attacker", "SignatureInvalid"),
    listed("22 leaf without key identifiers", "WrongKeyIdentifier"),
    listed(
        "23 TCB info of another FMSPC",
        "UnknownTcbInfo",
        lookups=("abi.encodePacked(fmspc,",),
    ),
    listed("24 TCB info of another PCEID", "UnknownTcbInfo", lookups=(" pceId, isTdx)",)),
    # Without the key the document is found, and has no TDX modules: the call runs out of its bytes.
    listed("25 SGX TCB info for a TD", "UnknownTcbInfo", lookups=(" isTdx))",), without="Panic"),
    listed("26 fifteen components", "ComponentCountInvalid"),
    listed("27 unknown status", "UnknownTcbStatus", "UnknownTcbStatus", "TcbRevoked"),
    Row(name="28 two levels alike", make=two_levels_alike, error="TcbInfoInvalid"),
    listed("29 revoked TCB level", "TcbRevoked"),
    listed("29 no TCB level", "TcbUnrecognized"),
    Row(
        name="30 one byte more signature data",
        make=sized(lambda size: size + 1),
        error="SignatureSizeWrong",
    ),
    Row(
        name="30 one byte less signature data",
        make=sized(lambda size: size - 1),
        error="SignatureSizeWrong",
    ),
    Row(
        name="30 huge signature data",
        make=sized(lambda _size: 0xFFFF_FFFF),
        error="SignatureSizeWrong",
    ),
    Row(
        name="30 truncated",
        make=stripped(lambda quote: quote[:-1]),
        error="QuoteSizeWrong",
        guards=("QuoteSizeWrong", "QeBindingWrong"),
    ),
    listed("30 another size of the body", "BodyTypeWrong"),
    listed(
        "30 another size of QE authentication data",
        "QuoteSizeWrong",
        *("QuoteSizeWrong", "SignatureSizeWrong", "QeBindingWrong"),
    ),
    Row(
        name="31 version 6",
        make=stripped(lambda quote: b"\x06" + quote[1:]),
        error="QuoteVersionUnknown",
        guards=("QuoteVersionUnknown", "QuoteSignatureInvalid"),
    ),
    Row(
        name="30 nothing but a header",
        make=stripped(lambda quote: quote[:48]),
        error="QuoteTooShort",
        without="QuoteSizeWrong",
    ),
    listed("31 version 3 for a TD", "TeeTypeWrong", without="QuoteSizeWrong"),
    listed("31 another key type", "KeyTypeUnknown"),
    listed("31 another vendor", "VendorUnknown"),
    Row(
        name="33 trailing bytes in the quote",
        make=stripped(lambda quote: quote + b"\x00"),
        error="QuoteSizeWrong",
    ),
    Row(
        name="33 trailing bytes in the evidence",
        make=enveloped(lambda evidence: evidence + bytes(32)),
        error="EvidenceMalformed",
    ),
    Row(
        name="33 another offset in the evidence",
        make=enveloped(lambda evidence: evidence[:63] + b"\x60" + evidence[64:]),
        error="EvidenceMalformed",
    ),
    Row(name="34 n - s in the quote", make=other_s(SIGNATURE), error="SignatureMalleable"),
    Row(name="34 n - s by the PCK", make=other_s(QE_SIGNATURE), error="SignatureMalleable"),
    listed("35 a bit of the report data", "QuoteSignatureInvalid"),
    listed("35 a bit of the header", "QuoteSignatureInvalid"),
    listed("35 a QE report that the PCK did not sign", "QeSignatureInvalid"),
    listed("39 TDX module of another signer", "TdxModuleSignerWrong"),
    listed("39 TDX module with attributes", "TdxModuleAttributesWrong"),
    *(
        listed(
            f"39 TDX module {which}",
            "TdxModuleUnknown",
            *("TdxModuleUnknown", "TdxModuleSignerWrong", "TdxModuleAttributesWrong"),
        )
        for which in (
            "that nobody knows",
            "of a version where TCB info lacks identities",
            "of a version where TCB info has no identities",
        )
    ),
    Row(
        name="39 TDX module below all levels",
        make=module_too_old,
        error="TdxModuleVersionUnrecognized",
    ),
    listed("40 service TD", "ServiceTdBound"),
    Row(
        name="45 TCB info of a lower evaluation",
        make=rolled_back("tcb_infos", {"tcbEvaluationDataNumber": 16}),
        error="DocumentNotNewer",
    ),
    Row(
        name="45 TCB info of an older date",
        make=rolled_back("tcb_infos", {"issueDate": "2025-06-01T00:00:00Z"}),
        error="DocumentNotNewer",
    ),
    Row(
        name="45 QE identity of a lower evaluation",
        make=rolled_back("qe_identities", {"tcbEvaluationDataNumber": 16}),
        error="DocumentNotNewer",
    ),
    Row(
        name="45 older evaluation with a newer date",
        make=rolled_back(
            "tcb_infos",
            {"tcbEvaluationDataNumber": 16, "issueDate": "2025-06-16T00:00:00Z"},
        ),
        error="DocumentNotNewer",
    ),
    Row(name="45 older CRL", make=older_crl, error="CrlNotNewer"),
    listed("beside the list: expired certificate", "CertificateNotCurrent"),
    listed("beside the list: reserved bytes of the report", "ReservedNotZero"),
)
