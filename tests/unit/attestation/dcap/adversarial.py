"""The adversarial list, as far as DCAP evidence goes: each row a forgery with what must stop it.

Forgeries are made by the simulated vendor, so that all but the one thing is in order: with the
guards of its row taken out, each is accepted.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from struct import pack
from typing import Any

from coprove.attestation import Claims, Rejection
from coprove.attestation.dcap import DcapCollateral, RootCertificate, verify_quote
from coprove.attestation.dcap.reports import SgxReport, TdReport10
from coprove.attestation.simulation import (
    CollateralSpec,
    LevelSpec,
    PlatformSpec,
    QuoteSpec,
    SimulatedAuthority,
    SimulatedIntel,
    derive_key,
    pem,
    sgx_report,
    td_report,
)
from coprove.attestation.simulation.pki import issue_crl, raw_signature

__all__ = ["ROWS", "Forgery", "Row", "forgery", "intel"]

DAY = 86_400
PLATFORM = PlatformSpec()
SIGNATURE_SIZE_AT = 48 + 384
OUTER_AT = 48 + 584 + 4 + 128
CA = "Intel SGX PCK Platform CA"


def intel() -> SimulatedIntel:
    """Return the simulated vendor of all rows."""
    return SimulatedIntel("adversarial")


@dataclass(frozen=True, kw_only=True)
class Forgery:
    """Evidence with the circumstances under which it is presented."""

    quote: bytes
    collateral: DcapCollateral
    at: int
    root: RootCertificate

    def verify(self) -> Claims:
        """Verify it as anyone would."""
        return verify_quote(self.quote, self.collateral, at=self.at, root=self.root)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the list."""

    name: str
    """Its number in the list and what it is."""
    make: Callable[[SimulatedIntel], Forgery]
    """Makes the forgery."""
    reason: Rejection
    """What it must be refused for."""
    guards: tuple[str, ...] = field(default=())
    """What stops it, as `table:name`: without these it is accepted."""
    peer: bool
    """Whether dcap-qvl alone would stop it too."""


def forgery(
    vendor: SimulatedIntel,
    *,
    body: SgxReport | TdReport10 | None = None,
    collateral: DcapCollateral | None = None,
    spec: CollateralSpec | None = None,
    quote: Callable[[bytes], bytes] = lambda quote: quote,
    at: int = DAY,
    root: RootCertificate | None = None,
    **changes: Any,
) -> Forgery:
    """Return evidence that is in order but for what is given; `at` counts from the start."""
    body = body or sgx_report()
    tdx = isinstance(body, TdReport10)
    changes.setdefault("version", 4 if tdx else 3)
    made = vendor.quote(QuoteSpec(body=body, **changes))
    return Forgery(
        quote=quote(made),
        collateral=collateral or vendor.collateral(spec or CollateralSpec(tdx=tdx)),
        at=vendor.start + at,
        root=root or vendor.root,
    )


def edited(name: str, value: object) -> Callable[[dict[str, Any]], object]:
    """Return an edit of a document that sets one member."""
    return lambda document: document.__setitem__(name, value)


def of_qe(**changes: Any) -> Callable[[SimulatedIntel], Forgery]:
    """Return a maker whose quoting enclave's report has other values."""
    return lambda vendor: forgery(vendor, edit_qe_report=lambda report: replace(report, **changes))


def of_header(**changes: Any) -> Callable[[SimulatedIntel], Forgery]:
    """Return a maker whose header has other values."""
    return lambda vendor: forgery(vendor, edit_header=lambda header: replace(header, **changes))


def of_collateral(**changes: Any) -> Callable[[SimulatedIntel], Forgery]:
    """Return a maker with another specification of the collateral."""
    return lambda vendor: forgery(vendor, spec=CollateralSpec(**changes))


def of_chain(*pick: int) -> Callable[[SimulatedIntel], Forgery]:
    """Return a maker whose chain is picked from leaf 0, CA 1, root 2."""

    def make(vendor: SimulatedIntel) -> Forgery:
        chain = vendor.pck(PLATFORM), vendor.platform_ca, vendor.root_authority
        return forgery(vendor, chain=pem(chain[number].certificate for number in pick))

    return make


def flipped(at: int) -> Callable[[SimulatedIntel], Forgery]:
    """Return a maker whose quote has one bit flipped."""

    def flip(quote: bytes) -> bytes:
        return quote[:at] + bytes([quote[at] ^ 1]) + quote[at + 1 :]

    return lambda vendor: forgery(vendor, quote=flip)


def sized(change: Callable[[int], int]) -> Callable[[SimulatedIntel], Forgery]:
    """Return a maker whose quote states another size of its signature data."""

    def resize(quote: bytes) -> bytes:
        at = SIGNATURE_SIZE_AT
        size = change(int.from_bytes(quote[at : at + 4], "little"))
        return quote[:at] + pack("<I", size) + quote[at + 4 :]

    return lambda vendor: forgery(vendor, quote=resize, padding=8)


def td_patched(at: int, patch: bytes) -> Callable[[SimulatedIntel], Forgery]:
    """Return a maker whose TD quote of version 4 has other bytes where nothing is signed."""
    return lambda vendor: forgery(
        vendor,
        body=td_report(),
        quote=lambda quote: quote[:at] + patch + quote[at + len(patch) :],
    )


def unsigned_tcb_info(vendor: SimulatedIntel) -> Forgery:
    collateral = vendor.collateral()
    signature = raw_signature(derive_key("attacker", "key"), collateral.tcb_info.encode())
    return forgery(vendor, collateral=replace(collateral, tcb_info_signature=signature))


def unsigned_qe_identity(vendor: SimulatedIntel) -> Forgery:
    collateral = vendor.collateral()
    signature = raw_signature(derive_key("attacker", "key"), collateral.qe_identity.encode())
    return forgery(vendor, collateral=replace(collateral, qe_identity_signature=signature))


def tcb_info_by_pck(vendor: SimulatedIntel) -> Forgery:
    """Whoever holds a platform's key signs TCB info of its own."""
    collateral, pck = vendor.collateral(), vendor.pck(PLATFORM)
    signed = replace(
        collateral,
        tcb_info_issuer_chain=vendor.pck_chain(PLATFORM),
        tcb_info_signature=raw_signature(pck.key, collateral.tcb_info.encode()),
    )
    return forgery(vendor, collateral=signed)


def qe_identity_by_pck(vendor: SimulatedIntel) -> Forgery:
    collateral, pck = vendor.collateral(), vendor.pck(PLATFORM)
    signed = replace(
        collateral,
        qe_identity_issuer_chain=vendor.pck_chain(PLATFORM),
        qe_identity_signature=raw_signature(pck.key, collateral.qe_identity.encode()),
    )
    return forgery(vendor, collateral=signed)


def reserialised(vendor: SimulatedIntel) -> Forgery:
    collateral = vendor.collateral()
    text = json.dumps(json.loads(collateral.tcb_info))
    return forgery(vendor, collateral=replace(collateral, tcb_info=text))


def other_attestation_key(vendor: SimulatedIntel) -> Forgery:
    """A genuine QE report beside a key that its enclave never saw."""
    made = forgery(vendor)
    genuine = made.quote
    key = derive_key("attacker", "key")
    numbers = key.public_key().public_numbers()
    point = numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    signed = genuine[:SIGNATURE_SIZE_AT]
    start = SIGNATURE_SIZE_AT + 4
    quote = signed + genuine[SIGNATURE_SIZE_AT:start] + raw_signature(key, signed) + point
    return replace(made, quote=quote + genuine[start + 128 :])


def fake_root(vendor: SimulatedIntel) -> Forgery:
    """All of it is by a vendor with the same names and other keys."""
    return forgery(SimulatedIntel("attacker"), root=vendor.root)


def ca_as_leaf(vendor: SimulatedIntel) -> Forgery:
    leaf = vendor.platform_ca.issue(
        f"pck {PLATFORM.label}",
        "Intel SGX PCK Certificate",
        vendor.lifetime,
        authority=True,
        extensions=vendor.pck_extensions(PLATFORM),
    )
    chain = leaf, vendor.platform_ca, vendor.root_authority
    return forgery(vendor, chain=pem(item.certificate for item in chain))


def leaf_as_ca(vendor: SimulatedIntel) -> Forgery:
    vendor.platform_ca = vendor.root_authority.issue("Platform CA", CA, vendor.lifetime)
    return forgery(vendor)


def leaf_without_key_identifiers(vendor: SimulatedIntel) -> Forgery:
    leaf = vendor.platform_ca.issue(
        f"pck {PLATFORM.label}",
        "Intel SGX PCK Certificate",
        vendor.lifetime,
        extensions=vendor.pck_extensions(PLATFORM),
        key_identifiers=False,
    )
    chain = leaf, vendor.platform_ca, vendor.root_authority
    return forgery(vendor, chain=pem(item.certificate for item in chain))


def leaf_of_other_ca(vendor: SimulatedIntel) -> Forgery:
    """The platform is the Processor CA's, the CRL the Platform CA's."""
    return forgery(vendor, platform=PlatformSpec(processor_ca=True))


def expired_leaf(vendor: SimulatedIntel) -> Forgery:
    vendor.lifetime = vendor.start - DAY, vendor.start
    return forgery(vendor)


def revoked_qe_identity_signer(vendor: SimulatedIntel) -> Forgery:
    """The QE identity is by another signer than the TCB info, and that one is revoked."""
    signer = vendor.root_authority.issue("another", "Intel SGX TCB Signing", vendor.lifetime)
    serial = signer.certificate.serial_number
    collateral = vendor.collateral(CollateralSpec(revoked_authorities=(serial,)))
    signed = replace(
        collateral,
        qe_identity_issuer_chain=pem((signer.certificate, vendor.root_authority.certificate)),
        qe_identity_signature=raw_signature(signer.key, collateral.qe_identity.encode()),
    )
    return forgery(vendor, collateral=signed)


def revoked(which: str) -> Callable[[SimulatedIntel], Forgery]:
    """Return a maker in which one certificate is on its issuer's list."""

    def make(vendor: SimulatedIntel) -> Forgery:
        authorities = {
            "leaf": vendor.pck(PLATFORM),
            "ca": vendor.platform_ca,
            "signer": vendor.tcb_signer,
            "root": vendor.root_authority,
        }
        serials = (authorities[which].certificate.serial_number,)
        if which == "leaf":
            return forgery(vendor, spec=CollateralSpec(revoked_platforms=serials))
        return forgery(vendor, spec=CollateralSpec(revoked_authorities=serials))

    return make


def crl_of(
    vendor: SimulatedIntel, period: tuple[int, int], issuer: SimulatedAuthority | None = None
) -> Forgery:
    start = vendor.start
    crl = issue_crl(issuer or vendor.platform_ca, (start + period[0], start + period[1]))
    return forgery(vendor, collateral=replace(vendor.collateral(), pck_crl=crl))


def attackers_crl(vendor: SimulatedIntel) -> Forgery:
    issuer = replace(vendor.platform_ca, key=derive_key("attacker", "key"))
    return crl_of(vendor, (0, 30 * DAY), issuer)


def expired_root_crl(vendor: SimulatedIntel) -> Forgery:
    crl = issue_crl(vendor.root_authority, (vendor.start, vendor.start + DAY))
    return forgery(vendor, collateral=replace(vendor.collateral(), root_ca_crl=crl))


def crl_chain_of_other_root(vendor: SimulatedIntel) -> Forgery:
    other = SimulatedIntel("attacker").root_authority
    chain = pem((vendor.platform_ca.certificate, other.certificate))
    return forgery(vendor, collateral=replace(vendor.collateral(), pck_crl_issuer_chain=chain))


def root_crl_as_pck_crl(vendor: SimulatedIntel) -> Forgery:
    collateral = vendor.collateral()
    return forgery(vendor, collateral=replace(collateral, pck_crl=collateral.root_ca_crl))


def sgx_tcb_for_td(vendor: SimulatedIntel) -> Forgery:
    spec = CollateralSpec(tdx=True, edit_tcb_info=edited("id", "SGX"))
    return forgery(vendor, body=td_report(), spec=spec)


def fifteen_components(document: dict[str, Any]) -> None:
    for level in document["tcbLevels"]:
        level["tcb"]["sgxtcbcomponents"].pop()


def td(**changes: Any) -> Callable[[SimulatedIntel], Forgery]:
    """Return a maker whose TD report has other values."""
    return lambda vendor: forgery(vendor, body=replace(td_report(), **changes))


DATES = ("quote:collateral-validity",)
CHAIN_LINKS = ("chain:issuers", "chain:key-identifiers", "chain:signatures")
IN_PAST, IN_FUTURE = "2025-06-15T15:06:41Z", "2025-06-30T00:00:00Z"

ROWS = (
    Row(
        name="1 debug enclave",
        make=lambda vendor: forgery(vendor, body=sgx_report(flags=0x07)),
        reason=Rejection.DEBUG,
        guards=("quote:debug",),
        peer=True,
    ),
    Row(
        name="2 debug TD",
        make=lambda vendor: forgery(vendor, body=td_report(attributes=1 << 28 | 1)),
        reason=Rejection.DEBUG,
        guards=("quote:debug",),
        peer=True,
    ),
    Row(
        name="3 debug QE",
        make=of_qe(attributes=pack("<QQ", 0x17, 0xE7)),
        reason=Rejection.QUOTING_ENCLAVE,
        guards=("quote:qe-mode", "quote:qe-attributes"),
        peer=True,
    ),
    Row(
        name="4 enclave not initialised",
        make=lambda vendor: forgery(vendor, body=sgx_report(flags=0x04)),
        reason=Rejection.DEBUG,
        guards=("quote:initialised",),
        peer=False,
    ),
    Row(
        name="5 SEPT_VE_DISABLE not set",
        make=lambda vendor: forgery(vendor, body=td_report(attributes=0)),
        reason=Rejection.ATTRIBUTES,
        guards=("quote:sept-ve-disable",),
        peer=True,
    ),
    Row(
        name="5 reserved TD attribute",
        make=lambda vendor: forgery(vendor, body=td_report(attributes=1 << 28 | 1 << 20)),
        reason=Rejection.ATTRIBUTES,
        guards=("quote:td-attributes",),
        peer=False,
    ),
    Row(
        name="6 unsigned TCB info",
        make=unsigned_tcb_info,
        reason=Rejection.COLLATERAL,
        guards=("collateral:tcb-info-signature",),
        peer=True,
    ),
    Row(
        name="6 unsigned QE identity",
        make=unsigned_qe_identity,
        reason=Rejection.COLLATERAL,
        guards=("collateral:qe-identity-signature",),
        peer=True,
    ),
    Row(
        name="7 TCB info signed by a PCK",
        make=tcb_info_by_pck,
        reason=Rejection.CHAIN,
        guards=("collateral:tcb-info-chain",),
        peer=False,
    ),
    Row(
        name="7 QE identity signed by a PCK",
        make=qe_identity_by_pck,
        reason=Rejection.CHAIN,
        guards=("collateral:qe-identity-chain",),
        peer=False,
    ),
    Row(
        name="8 re-serialised TCB info",
        make=reserialised,
        reason=Rejection.COLLATERAL,
        guards=("collateral:tcb-info-signature",),
        peer=True,
    ),
    Row(
        name="9 expired TCB info",
        make=of_collateral(edit_tcb_info=edited("nextUpdate", IN_PAST)),
        reason=Rejection.VALIDITY,
        guards=("collateral:tcb-info-dates", *DATES),
        peer=True,
    ),
    Row(
        name="9 TCB info of the future",
        make=of_collateral(edit_tcb_info=edited("issueDate", IN_FUTURE)),
        reason=Rejection.VALIDITY,
        guards=("collateral:tcb-info-dates", *DATES),
        peer=True,
    ),
    Row(
        name="10 expired QE identity",
        make=of_collateral(edit_qe_identity=edited("nextUpdate", IN_PAST)),
        reason=Rejection.VALIDITY,
        guards=("collateral:qe-identity-dates", *DATES),
        peer=True,
    ),
    Row(
        name="10 QE identity of the future",
        make=of_collateral(edit_qe_identity=edited("issueDate", IN_FUTURE)),
        reason=Rejection.VALIDITY,
        guards=("collateral:qe-identity-dates", *DATES),
        peer=True,
    ),
    Row(
        name="11 TD_QE identity for an enclave",
        make=of_collateral(edit_qe_identity=edited("id", "TD_QE")),
        reason=Rejection.COLLATERAL,
        guards=("quote:collateral-kind",),
        peer=True,
    ),
    Row(
        name="12 QE of another signer",
        make=of_qe(mr_signer=b"\x11" * 32),
        reason=Rejection.QUOTING_ENCLAVE,
        guards=("quote:qe-signer",),
        peer=True,
    ),
    Row(
        name="12 another product of the QE's signer",
        make=of_qe(isv_prod_id=9),
        reason=Rejection.QUOTING_ENCLAVE,
        guards=("quote:qe-product",),
        peer=True,
    ),
    Row(
        name="12 QE with another MISCSELECT",
        make=of_qe(misc_select=1),
        reason=Rejection.QUOTING_ENCLAVE,
        guards=("quote:qe-attributes",),
        peer=True,
    ),
    Row(
        name="13 QE of version 0",
        make=of_qe(isv_svn=0),
        reason=Rejection.QUOTING_ENCLAVE,
        guards=("quote:qe-version",),
        peer=True,
    ),
    Row(
        name="13 QE of a revoked version",
        make=of_qe(isv_svn=2),
        reason=Rejection.REVOKED,
        guards=("quote:tcb-not-revoked",),
        peer=True,
    ),
    Row(
        name="14 attestation key that the QE did not make",
        make=other_attestation_key,
        reason=Rejection.QUOTING_ENCLAVE,
        guards=("quote:qe-binding",),
        peer=True,
    ),
    Row(
        name="15 something behind the QE's hash",
        make=lambda vendor: forgery(
            vendor,
            edit_qe_report=lambda report: replace(
                report, report_data=report.report_data[:32] + b"\x01" * 32
            ),
        ),
        reason=Rejection.QUOTING_ENCLAVE,
        guards=("quote:qe-tail",),
        peer=False,
    ),
    Row(
        name="16 root of the same name",
        make=fake_root,
        reason=Rejection.ROOT,
        guards=("chain:root", *CHAIN_LINKS[1:], "crl:key-identifier", "crl:signature"),
        peer=True,
    ),
    Row(
        name="17 reordered chain",
        make=of_chain(0, 2, 1),
        reason=Rejection.CHAIN,
        guards=(
            *("chain:names", "chain:root", "chain:authorities", *CHAIN_LINKS),
            "quote:pck-crl",
        ),
        peer=False,
    ),
    Row(
        name="17 short chain",
        make=of_chain(0, 1),
        reason=Rejection.CHAIN,
        guards=("chain:length", "chain:root"),
        peer=False,
    ),
    Row(
        name="17 extra certificate",
        make=of_chain(0, 1, 2, 2),
        reason=Rejection.CHAIN,
        guards=("chain:length", "chain:authorities"),
        peer=False,
    ),
    Row(
        name="18 CA as leaf",
        make=ca_as_leaf,
        reason=Rejection.CHAIN,
        guards=("chain:authorities",),
        peer=True,
    ),
    Row(
        name="18 leaf as CA",
        make=leaf_as_ca,
        reason=Rejection.CHAIN,
        guards=("chain:authorities",),
        peer=True,
    ),
    Row(
        name="19 revoked platform",
        make=revoked("leaf"),
        reason=Rejection.REVOKED,
        guards=("quote:pck-revocation",),
        peer=True,
    ),
    Row(
        name="19 revoked CA",
        make=revoked("ca"),
        reason=Rejection.REVOKED,
        guards=("collateral:ca-not-revoked", "quote:pck-revocation"),
        peer=True,
    ),
    Row(
        name="19 revoked signer",
        make=revoked("signer"),
        reason=Rejection.REVOKED,
        guards=("collateral:signers-not-revoked",),
        peer=True,
    ),
    Row(
        name="19 revoked signer of the QE identity",
        make=revoked_qe_identity_signer,
        reason=Rejection.REVOKED,
        guards=("collateral:signers-not-revoked",),
        peer=True,
    ),
    Row(
        name="19 revoked root",
        make=revoked("root"),
        reason=Rejection.REVOKED,
        guards=("collateral:root-not-revoked",),
        peer=True,
    ),
    Row(
        name="20 root CRL as PCK CRL",
        make=root_crl_as_pck_crl,
        reason=Rejection.COLLATERAL,
        guards=("crl:issuer", "crl:key-identifier", "crl:signature"),
        peer=True,
    ),
    Row(
        name="20 CRL of another CA",
        make=leaf_of_other_ca,
        reason=Rejection.COLLATERAL,
        guards=("quote:pck-crl",),
        peer=True,
    ),
    Row(
        name="21 expired CRL",
        make=lambda vendor: crl_of(vendor, (0, DAY)),
        reason=Rejection.VALIDITY,
        guards=("crl:not-expired", *DATES),
        peer=True,
    ),
    Row(
        name="21 expired root CRL",
        make=expired_root_crl,
        reason=Rejection.VALIDITY,
        guards=("collateral:root-crl", *DATES),
        peer=True,
    ),
    Row(
        name="21 CRL chain of another root",
        make=crl_chain_of_other_root,
        reason=Rejection.ROOT,
        guards=("collateral:crl-chain",),
        peer=False,
    ),
    Row(
        name="21 CRL of the future",
        make=lambda vendor: crl_of(vendor, (DAY + 1, 2 * DAY)),
        reason=Rejection.VALIDITY,
        guards=("crl:not-future", *DATES),
        peer=False,
    ),
    Row(
        name="21 CRL by an attacker",
        make=attackers_crl,
        reason=Rejection.COLLATERAL,
        guards=("collateral:pck-crl",),
        peer=True,
    ),
    Row(
        name="22 leaf without key identifiers",
        make=leaf_without_key_identifiers,
        reason=Rejection.CHAIN,
        guards=("quote:pck-chain",),
        peer=False,
    ),
    Row(
        name="23 TCB info of another FMSPC",
        make=of_collateral(platform=PlatformSpec(fmspc=b"\x00\x60\x6a\x00\x00\x00")),
        reason=Rejection.PLATFORM,
        guards=("quote:fmspc",),
        peer=True,
    ),
    Row(
        name="24 TCB info of another PCEID",
        make=of_collateral(platform=PlatformSpec(pce_id=b"\x00\x01")),
        reason=Rejection.PLATFORM,
        guards=("quote:pce-id",),
        peer=False,
    ),
    Row(
        name="25 SGX TCB info for a TD",
        make=sgx_tcb_for_td,
        reason=Rejection.COLLATERAL,
        guards=("quote:collateral-kind", "quote:td-module"),
        peer=True,
    ),
    Row(
        name="26 fifteen components",
        make=of_collateral(edit_tcb_info=fifteen_components),
        reason=Rejection.FORMAT,
        guards=("function:tcb_info.check_component_count",),
        peer=True,
    ),
    Row(
        name="27 unknown status",
        make=of_collateral(levels=(LevelSpec(status="Splendid"),)),
        reason=Rejection.FORMAT,
        guards=("function:levels.check_status_name", "quote:tcb-level"),
        peer=True,
    ),
    Row(
        name="29 revoked TCB level",
        make=lambda vendor: forgery(vendor, platform=PlatformSpec(components=(1,) * 16)),
        reason=Rejection.REVOKED,
        guards=("quote:tcb-not-revoked",),
        peer=True,
    ),
    Row(
        name="29 no TCB level",
        make=lambda vendor: forgery(vendor, platform=PlatformSpec(components=(0,) * 16)),
        reason=Rejection.TCB_STATUS,
        guards=("quote:tcb-level",),
        peer=True,
    ),
    Row(
        name="30 one byte more signature data",
        make=sized(lambda size: size + 1),
        reason=Rejection.FORMAT,
        guards=("rule:signature-size",),
        peer=False,
    ),
    Row(
        name="30 one byte less signature data",
        make=sized(lambda size: size - 1),
        reason=Rejection.FORMAT,
        guards=("function:quote.check_complete",),
        peer=True,
    ),
    Row(
        name="30 huge signature data",
        make=sized(lambda _size: 0xFFFF_FFFF),
        reason=Rejection.FORMAT,
        guards=("function:quote.check_complete", "rule:signature-size"),
        peer=True,
    ),
    Row(
        name="30 truncated",
        make=lambda vendor: forgery(vendor, quote=lambda quote: quote[:-1]),
        reason=Rejection.FORMAT,
        guards=("function:quote.check_complete",),
        peer=True,
    ),
    Row(
        name="31 version 3 for a TD",
        make=of_header(tee_type=0x81),
        reason=Rejection.FORMAT,
        guards=("rule:tee-type",),
        peer=True,
    ),
    Row(
        name="31 another key type",
        make=of_header(attestation_key_type=3),
        reason=Rejection.FORMAT,
        guards=("rule:key-type",),
        peer=True,
    ),
    Row(
        name="31 another vendor",
        make=of_header(qe_vendor_id=bytes(16)),
        reason=Rejection.FORMAT,
        guards=("rule:vendor",),
        peer=True,
    ),
    Row(
        name="32 another kind of certification data",
        make=lambda vendor: forgery(vendor, certification_type=4),
        reason=Rejection.FORMAT,
        guards=("rule:certification",),
        peer=True,
    ),
    Row(
        name="32 another kind of outer certification data",
        make=td_patched(OUTER_AT, b"\x05\x00"),
        reason=Rejection.FORMAT,
        guards=("rule:outer-certification",),
        peer=False,
    ),
    Row(
        name="30 another size of outer certification data",
        make=td_patched(OUTER_AT + 2, bytes(4)),
        reason=Rejection.FORMAT,
        guards=("rule:outer-size",),
        peer=True,
    ),
    Row(
        name="30 another size of the body",
        make=lambda vendor: forgery(vendor, body=td_report(), version=5, body_size=583),
        reason=Rejection.FORMAT,
        guards=("rule:body-size",),
        peer=True,
    ),
    Row(
        name="30 another size of QE authentication data",
        make=lambda vendor: forgery(vendor, auth_data=bytes(31)),
        reason=Rejection.FORMAT,
        guards=("rule:qe-auth-data",),
        peer=True,
    ),
    Row(
        name="33 trailing bytes",
        make=lambda vendor: forgery(vendor, quote=lambda quote: quote + b"\x00\x01"),
        reason=Rejection.FORMAT,
        guards=("rule:tail",),
        peer=False,
    ),
    Row(
        name="35 a bit of the report data",
        make=flipped(48 + 320),
        reason=Rejection.SIGNATURE,
        guards=("quote:quote-signature",),
        peer=True,
    ),
    Row(
        name="35 a bit of the header",
        make=flipped(28),
        reason=Rejection.SIGNATURE,
        guards=("quote:quote-signature",),
        peer=True,
    ),
    Row(
        name="35 a QE report that the PCK did not sign",
        make=lambda vendor: forgery(vendor, pck_key="attacker"),
        reason=Rejection.SIGNATURE,
        guards=("quote:qe-signature",),
        peer=True,
    ),
    Row(
        name="39 TDX module of another signer",
        make=td(mr_signer_seam=b"\x11" * 48),
        reason=Rejection.PLATFORM,
        guards=("quote:td-module",),
        peer=True,
    ),
    Row(
        name="39 TDX module with attributes",
        make=td(seam_attributes=b"\x01" + bytes(7)),
        reason=Rejection.PLATFORM,
        guards=("quote:td-module",),
        peer=True,
    ),
    Row(
        name="39 TDX module that nobody knows",
        make=td(tee_tcb_svn=bytes((5, 7, 2, *(0,) * 13))),
        reason=Rejection.PLATFORM,
        guards=("quote:td-module",),
        peer=True,
    ),
    Row(
        name="39 TDX module of a version where TCB info has no identities",
        make=lambda vendor: forgery(
            vendor, body=td_report(), spec=CollateralSpec(tdx=True, modules=())
        ),
        reason=Rejection.PLATFORM,
        guards=("quote:td-module",),
        peer=True,
    ),
    Row(
        name="39 TDX module of a version where TCB info lacks identities",
        make=lambda vendor: forgery(
            vendor,
            body=td_report(),
            spec=CollateralSpec(
                tdx=True, edit_tcb_info=lambda document: document.pop("tdxModuleIdentities")
            ),
        ),
        reason=Rejection.PLATFORM,
        guards=("quote:td-module",),
        peer=True,
    ),
    Row(
        name="40 service TD",
        make=lambda vendor: forgery(
            vendor, body=td_report(service_td=b"\x01" + bytes(47)), version=5
        ),
        reason=Rejection.ATTRIBUTES,
        guards=("quote:service-td",),
        peer=True,
    ),
    Row(
        name="beside the list: expired certificate",
        make=expired_leaf,
        reason=Rejection.VALIDITY,
        guards=("chain:validity",),
        peer=True,
    ),
    Row(
        name="beside the list: reserved bytes of the report",
        make=lambda vendor: forgery(
            vendor, body=replace(sgx_report(), reserved1=b"\x01" + bytes(27))
        ),
        reason=Rejection.FORMAT,
        guards=("rule:reserved",),
        peer=False,
    ),
)
