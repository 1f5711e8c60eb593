"""Verification of SEV-SNP reports: from bytes, certificates, a time and roots to claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from coprove.attestation import ecdsa, x509
from coprove.attestation.checks import run_checks
from coprove.attestation.claims import Check, Claims, TcbStatus
from coprove.attestation.errors import EvidenceRejectedError, Rejection
from coprove.attestation.platform import Platform
from coprove.attestation.snp.endorsement_key import EndorsementKey, parse_endorsement_key
from coprove.attestation.snp.endorsements import parse_endorsements
from coprove.attestation.snp.product import Product, TcbVersion
from coprove.attestation.snp.report import Report, SigningKey, parse_report
from coprove.attestation.snp.roots import AMD_INTERMEDIATES, AMD_ROOTS, is_simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.attestation.x509 import Certificate, RevocationList

__all__ = ["CHECKS", "verify_report"]

_NO_CHIP = bytes(64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A parsed report with its parsed certificates: what the checks look at."""

    report: Report
    """The report."""
    chain: tuple[Certificate, ...]
    """VCEK or VLEK, intermediate, root."""
    is_vlek: bool
    """Whether the table calls the leaf a VLEK."""
    key: EndorsementKey
    """AMD's extensions of the leaf."""
    crl: RevocationList | None
    """The root's revocation list, where one was given."""
    roots: tuple[Certificate, ...]
    """Roots that count."""
    at: int
    """Unix seconds."""

    @property
    def root(self) -> Certificate:
        """End of the chain."""
        return self.chain[-1]

    def tcb(self, data: bytes, what: str) -> TcbVersion:
        """Read one of the report's TCB versions in the layout of the key's product line."""
        return TcbVersion.parse(data, self.key.product, what)


def verify_report(
    report: bytes,
    endorsements: bytes,
    *,
    at: int,
    roots: Sequence[Certificate] = AMD_ROOTS,
) -> Claims:
    """Return what a genuine report says, at a time in Unix seconds.

    `endorsements` is the certificate table beside the report. Whether debugging, the VMPL, host
    settings and TCB versions are acceptable is for a policy to judge. EvidenceFormatError for what
    does not parse, EvidenceRejectedError with its reason for all else.
    """
    case = _case(report, endorsements, tuple(roots), at)
    return _claims(case, run_checks(CHECKS, case))


def _case(data: bytes, endorsements: bytes, roots: tuple[Certificate, ...], at: int) -> Case:
    report, table = parse_report(data), parse_endorsements(endorsements)
    is_vlek = report.signing_key == SigningKey.VLEK
    der = table.vlek if is_vlek else table.vcek
    if der is None:
        missing = "VLEK" if is_vlek else "VCEK"
        detail = f"no {missing} certificate is in the table"
        raise EvidenceRejectedError(Rejection.CHAIN, detail)
    leaf = x509.parse_certificate(der, "VLEK" if is_vlek else "VCEK")
    if table.ask is not None:
        intermediate = x509.parse_certificate(table.ask, "ASK")
    else:
        intermediate = _find(AMD_INTERMEDIATES, leaf.issuer, "intermediate")
    if table.ark is not None:
        root = x509.parse_certificate(table.ark, "ARK")
    else:
        root = _find(roots, intermediate.issuer, "root")
    return Case(
        report=report,
        chain=(leaf, intermediate, root),
        is_vlek=is_vlek,
        key=parse_endorsement_key(leaf),
        crl=None if table.crl is None else x509.parse_revocation_list(table.crl),
        roots=roots,
        at=at,
    )


def _find(known: Sequence[Certificate], subject: bytes, what: str) -> Certificate:
    for certificate in known:
        if certificate.subject == subject:
            return certificate
    detail = f"the {what} certificate is neither given nor known"
    raise EvidenceRejectedError(Rejection.CHAIN, detail)


def _check_root(case: Case) -> str:
    if all(root.der != case.root.der for root in case.roots):
        known = ", ".join(f"{root.name} sha256:{root.sha256}" for root in case.roots)
        detail = f"the chain ends at {case.root.name} sha256:{case.root.sha256}, not at {known}"
        raise EvidenceRejectedError(Rejection.ROOT, detail)
    return f"{case.root.name} sha256:{case.root.sha256}"


def _check_chain_names(case: Case) -> str:
    x509.check_names(case.chain)
    return " <- ".join(certificate.name for certificate in case.chain)


def _check_chain_signatures(case: Case) -> str:
    x509.check_signatures(case.chain)
    return f"{len(case.chain)} of {len(case.chain)} hold"


def _check_chain_authorities(case: Case) -> str:
    x509.check_authorities(case.chain)
    return "only the leaf is no authority"


def _check_chain_validity(case: Case) -> str:
    x509.check_validity(case.chain, case.at)
    return f"until {min(certificate.not_after for certificate in case.chain)}"


def _check_chain_roles(case: Case) -> str:
    kind, line = ("VLEK", "VLEK-") if case.is_vlek else ("VCEK", "")
    product = case.key.product.value
    expected = (f"SEV-{kind}", f"SEV-{line}{product}", f"ARK-{product}")
    found = tuple(certificate.name for certificate in case.chain)
    if found != expected:
        detail = f"expected the chain {', '.join(expected)}, got {', '.join(found)}"
        raise EvidenceRejectedError(Rejection.CHAIN, detail)
    return f"{kind} of {product}"


def _check_revocation(case: Case) -> str:
    if case.crl is None:
        return "no CRL was given"
    x509.check_revocation(case.crl, case.root, case.chain, case.at)
    return f"{len(case.crl.serials)} revoked, none of these, until {case.crl.next_update}"


def _check_product(case: Case) -> str:
    if case.report.cpuid is None:
        return f"{case.key.product_name}, by its certificate"
    family, model, _ = case.report.cpuid
    found = Product.from_cpuid(family, model)
    if found is not case.key.product:
        detail = f"the report is of {found.value}, the certificate of {case.key.product.value}"
        raise EvidenceRejectedError(Rejection.PLATFORM, detail)
    return f"{case.key.product_name}, by its certificate and CPUID"


def _check_signing_key(case: Case) -> str:
    report = case.report
    if report.masks_chip_key or report.signing_key not in (SigningKey.VCEK, SigningKey.VLEK):
        detail = f"the host lets its reports go unsigned: key info 0x{report.key_info:x}"
        raise EvidenceRejectedError(Rejection.SIGNATURE, detail)
    return SigningKey(report.signing_key).name


def _check_chip(case: Case) -> str:
    chip = case.report.chip_id
    if case.is_vlek:
        if case.key.csp_id is None or case.key.hardware_id is not None:
            detail = "a VLEK names a cloud provider and no chip"
            raise EvidenceRejectedError(Rejection.PLATFORM, detail)
        return f"provider {case.key.csp_id}"
    if chip == _NO_CHIP or case.key.hardware_id is None:
        detail = "the chip id is masked, so that the VCEK cannot be tied to the chip"
        raise EvidenceRejectedError(Rejection.PLATFORM, detail)
    if chip != case.key.hardware_id.ljust(64, b"\0"):
        detail = f"the VCEK is of chip {case.key.hardware_id.hex()}, the report of {chip.hex()}"
        raise EvidenceRejectedError(Rejection.PLATFORM, detail)
    return f"chip {case.key.hardware_id.hex()[:16]}…"


def _check_reported_tcb(case: Case) -> str:
    reported = case.tcb(case.report.reported_tcb, "reported TCB")
    if reported != case.key.tcb:
        detail = f"the report is of TCB {reported}, its key of {case.key.tcb}"
        raise EvidenceRejectedError(Rejection.PLATFORM, detail)
    return str(reported)


def _check_tcb_order(case: Case) -> str:
    report = case.report
    current = case.tcb(report.current_tcb, "current TCB")
    # A guest may come from a machine with newer firmware: its launch TCB is only read.
    case.tcb(report.launch_tcb, "launch TCB")
    for what, data in (("reported", report.reported_tcb), ("committed", report.committed_tcb)):
        other = case.tcb(data, f"{what} TCB")
        if not current.reaches(other):
            detail = f"the {what} TCB, {other}, is above the current, {current}"
            raise EvidenceRejectedError(Rejection.PLATFORM, detail)
    return f"current {current}"


def _check_signature_range(case: Case) -> str:
    ecdsa.check_range(case.report.r, case.report.s, ecdsa.P384_ORDER)
    return "r and s are below the order of P-384"


def _check_signature(case: Case) -> str:
    key = case.chain[0].public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise EvidenceRejectedError(Rejection.CHAIN, "the VCEK is not a key on P-384")
    signature = case.report.r, case.report.s
    ecdsa.check_signature(key, hashes.SHA384(), signature, case.report.signed, "the report")
    return "ECDSA on P-384 with SHA-384"


CHECKS: Final[dict[str, Callable[[Case], str]]] = {
    "root": _check_root,
    "chain-names": _check_chain_names,
    "chain-signatures": _check_chain_signatures,
    "chain-authorities": _check_chain_authorities,
    "chain-validity": _check_chain_validity,
    "chain-roles": _check_chain_roles,
    "revocation": _check_revocation,
    "product": _check_product,
    "signing-key": _check_signing_key,
    "chip": _check_chip,
    "reported-tcb": _check_reported_tcb,
    "tcb-order": _check_tcb_order,
    "signature-range": _check_signature_range,
    "signature": _check_signature,
}
"""All checks of a report, by name, in the order in which they run."""


def _claims(case: Case, checks: tuple[Check, ...]) -> Claims:
    report, crl = case.report, case.crl
    reported = case.tcb(report.reported_tcb, "reported TCB")
    committed = case.tcb(report.committed_tcb, "committed TCB")
    names = [f"{certificate.name} sha256:{certificate.sha256}" for certificate in case.chain] + (
        [] if crl is None else [f"crl sha256:{crl.sha256}"]
    )
    starts = [certificate.not_before for certificate in case.chain]
    ends = [certificate.not_after for certificate in case.chain]
    return Claims(
        platform=Platform.AMD_SEV_SNP,
        measurement=report.measurement,
        report_data=report.report_data,
        debug=report.debug,
        tcb_status=TcbStatus.OK if reported.reaches(committed) else TcbStatus.OUT_OF_DATE,
        signer=report.author_key_digest if report.has_author_key else None,
        security_version=report.guest_svn,
        attributes=_attributes(case, reported),
        replay_key=report.replay_key,
        valid_from=max(starts if crl is None else [*starts, crl.this_update]),
        valid_until=min(ends if crl is None else [*ends, crl.next_update]),
        simulated=is_simulated(case.root),
        collateral=tuple(names),
        checks=checks,
    )


def _attributes(case: Case, reported: TcbVersion) -> dict[str, object]:
    report = case.report
    major, minor, build = report.current_version
    attributes: dict[str, object] = {
        "report-version": report.version,
        "product": case.key.product_name,
        "vmpl": report.vmpl,
        "abi": f"{report.policy >> 8 & 0xFF}.{report.policy & 0xFF}",
        "firmware": f"{major}.{minor}.{build}",
        "chip-id": report.chip_id.hex(),
        "host-data": report.host_data.hex(),
        "family-id": report.family_id.hex(),
        "image-id": report.image_id.hex(),
        "id-key-digest": report.id_key_digest.hex(),
        "report-id": report.report_id.hex(),
        "signing-key": SigningKey(report.signing_key).name,
        "revocation-checked": case.crl is not None,
        **report.policy_settings,
        **report.platform_settings,
    }
    if case.is_vlek:
        attributes["provider"] = case.key.csp_id
    for name, value in reported.components().items():
        attributes[f"tcb-{name}"] = value
    return attributes
