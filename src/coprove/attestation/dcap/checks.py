"""What is checked of a quote against verified collateral, each by name in a table.

Each check returns in words what it found and refuses with `EvidenceRejectedError`. All of it is
our own but the last: dcap-qvl then verifies the same bytes, and its verdict must be no worse.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec

from coprove.attestation.claims import TcbStatus
from coprove.attestation.dcap.certificates import Certificate, raw_signature_holds
from coprove.attestation.dcap.chains import PCK_CHAIN, Chain, check_chain, check_not_revoked
from coprove.attestation.dcap.levels import Standing, merge
from coprove.attestation.dcap.module import (
    check_module,
    check_sept_ve_disable,
    check_service_td,
    check_td_attributes,
    module_standing,
)
from coprove.attestation.dcap.peer import check_peer
from coprove.attestation.dcap.reports import SgxReport
from coprove.attestation.errors import EvidenceRejectedError, Rejection

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.attestation.dcap.pck import PckExtension
    from coprove.attestation.dcap.quote import Quote
    from coprove.attestation.dcap.verified_collateral import VerifiedCollateral

__all__ = ["QUOTE_CHECKS", "Examination"]

_UNRECOGNISED = Standing(status=TcbStatus.UNRECOGNIZED, advisories=(), date=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """A parsed quote with all that it is checked against."""

    raw: bytes
    """The quote as it came."""
    quote: Quote
    """Its parts."""
    chain: tuple[Certificate, ...]
    """The certificates in it, leaf first; at least one."""
    pck: PckExtension
    """The platform of the first."""
    collateral: VerifiedCollateral
    """Verified for the same time and root."""
    at: int
    """Unix seconds."""

    @property
    def platform_standing(self) -> Standing:
        """What the platform's TCB level says; `UNRECOGNIZED` when there is none."""
        tee_tcb_svn = None
        if not isinstance(self.quote.body, SgxReport):
            tee_tcb_svn = self.quote.body.tee_tcb_svn
        level = self.collateral.tcb_info.level_of(
            self.pck.components, self.pck.pce_svn, tee_tcb_svn
        )
        return _UNRECOGNISED if level is None else level.standing

    @property
    def qe_standing(self) -> Standing:
        """What is said of the quoting enclave; `UNRECOGNIZED` below the last level."""
        svn = self.quote.qe_report.isv_svn
        return self.collateral.qe_identity.standing_of(svn) or _UNRECOGNISED

    @property
    def standing(self) -> Standing:
        """The merged standing of platform, TDX module and quoting enclave."""
        merged = merge(self.platform_standing, self.qe_standing)
        if isinstance(self.quote.body, SgxReport):
            return merged
        module = module_standing(self.collateral.tcb_info, self.quote.body)
        return merge(merged, module) if module else merged


def _check_validity(examination: Examination) -> str:
    collateral, at = examination.collateral, examination.at
    collateral.check_validity(at)
    return f"collateral holds from {collateral.valid_from} to {collateral.valid_until}"


def _check_collateral_kind(examination: Examination) -> str:
    tcb_info, qe_identity = examination.collateral.tcb_info, examination.collateral.qe_identity
    expected = ("TDX", "TD_QE") if examination.quote.is_tdx else ("SGX", "QE")
    found = tcb_info.id, qe_identity.id
    if found != expected:
        detail = f"expected {' and '.join(expected)}, got {' and '.join(found)}"
        raise EvidenceRejectedError(Rejection.COLLATERAL, detail)
    return f"{tcb_info.id} TCB info and {qe_identity.id} identity"


def _check_pck_chain(examination: Examination) -> str:
    chain = Chain(
        name="PCK chain",
        certificates=examination.chain,
        common_names=PCK_CHAIN,
        root=examination.collateral.root,
        at=examination.at,
    )
    check_chain(chain)
    return f"{' <- '.join(item.common_name for item in examination.chain)}"


def _check_pck_crl(examination: Examination) -> str:
    """The list must be of the very CA that issued the leaf."""
    issuer, listed = examination.chain[1], examination.collateral.pck_ca
    same = issuer.subject == listed.subject and issuer.public_key == listed.public_key
    if not same:
        detail = (
            f"the PCK CRL is {listed.common_name}'s, the PCK certificate {issuer.common_name}'s"
        )
        raise EvidenceRejectedError(Rejection.COLLATERAL, detail)
    return f"CRL of {listed.common_name}"


def _check_revocation(examination: Examination) -> str:
    collateral = examination.collateral
    leaf, issuer = examination.chain[:2]
    check_not_revoked(leaf, collateral.pck_crl, "PCK chain")
    check_not_revoked(issuer, collateral.root_crl, "PCK chain")
    return f"serial {leaf.serial:x} is on no list"


def _check_qe_signature(examination: Examination) -> str:
    quote = examination.quote
    if not examination.chain[0].verifies(quote.qe_report_signature, quote.qe_report_bytes):
        detail = "the QE report is not signed by the PCK"
        raise EvidenceRejectedError(Rejection.SIGNATURE, detail)
    return "QE report signed by the PCK"


def _check_qe_binding(examination: Examination) -> str:
    quote = examination.quote
    expected = hashlib.sha256(quote.attestation_key + quote.qe_auth_data).digest()
    found = quote.qe_report.report_data[:32]
    if found != expected:
        detail = f"QE report data: expected {expected.hex()}, got {found.hex()}"
        raise EvidenceRejectedError(Rejection.QUOTING_ENCLAVE, detail)
    return "QE report binds the attestation key"


def _check_qe_tail(examination: Examination) -> str:
    tail = examination.quote.qe_report.report_data[32:]
    if any(tail):
        detail = f"QE report data: expected zeros behind the hash, got {tail.hex()}"
        raise EvidenceRejectedError(Rejection.QUOTING_ENCLAVE, detail)
    return "nothing behind the hash"


def _check_qe_signer(examination: Examination) -> str:
    report, identity = examination.quote.qe_report, examination.collateral.qe_identity
    if report.mr_signer != identity.mr_signer:
        detail = f"QE MRSIGNER: expected {identity.mr_signer.hex()}, got {report.mr_signer.hex()}"
        raise EvidenceRejectedError(Rejection.QUOTING_ENCLAVE, detail)
    return f"QE signed by {report.mr_signer.hex()}"


def _check_qe_product(examination: Examination) -> str:
    report, identity = examination.quote.qe_report, examination.collateral.qe_identity
    if report.isv_prod_id != identity.isv_prod_id:
        detail = f"QE product id: expected {identity.isv_prod_id}, got {report.isv_prod_id}"
        raise EvidenceRejectedError(Rejection.QUOTING_ENCLAVE, detail)
    return f"QE product {report.isv_prod_id}"


def _check_qe_mode(examination: Examination) -> str:
    report = examination.quote.qe_report
    if report.debug or not report.initialised:
        detail = f"QE flags {report.flags:#x}: debug mode, or not initialised"
        raise EvidenceRejectedError(Rejection.QUOTING_ENCLAVE, detail)
    return "QE in production mode"


def _check_qe_attributes(examination: Examination) -> str:
    report, identity = examination.quote.qe_report, examination.collateral.qe_identity
    mask = int.from_bytes(identity.attributes_mask, "big")
    found = int.from_bytes(report.attributes, "big") & mask
    expected = int.from_bytes(identity.attributes, "big") & mask
    misc_mask = identity.misc_select_mask
    misc_found, misc_expected = report.misc_select & misc_mask, identity.misc_select & misc_mask
    if found != expected or misc_found != misc_expected:
        detail = (
            f"QE attributes and MISCSELECT: expected {expected:032x} and {misc_expected:#x} under "
            f"the masks, got {found:032x} and {misc_found:#x}"
        )
        raise EvidenceRejectedError(Rejection.QUOTING_ENCLAVE, detail)
    return f"QE attributes {report.attributes.hex()}"


def _check_qe_version(examination: Examination) -> str:
    svn, standing = examination.quote.qe_report.isv_svn, examination.qe_standing
    if standing.status is TcbStatus.UNRECOGNIZED:
        detail = f"QE ISVSVN {svn} is below all levels of the QE identity"
        raise EvidenceRejectedError(Rejection.QUOTING_ENCLAVE, detail)
    return f"QE ISVSVN {svn}: {standing.status.name}"


def _check_quote_signature(examination: Examination) -> str:
    quote = examination.quote
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), b"\x04" + quote.attestation_key
        )
    except ValueError as error:
        detail = "the attestation key is no point of P-256"
        raise EvidenceRejectedError(Rejection.SIGNATURE, detail) from error
    if not raw_signature_holds(key, quote.signature, quote.signed):
        detail = "header and body are not signed by the attestation key"
        raise EvidenceRejectedError(Rejection.SIGNATURE, detail)
    return "header and body signed by the attestation key"


def _check_fmspc(examination: Examination) -> str:
    expected, found = examination.pck.fmspc, examination.collateral.tcb_info.fmspc
    if found != expected:
        detail = f"TCB info is for FMSPC {found.hex()}, the platform is {expected.hex()}"
        raise EvidenceRejectedError(Rejection.PLATFORM, detail)
    return f"FMSPC {found.hex()}"


def _check_pce_id(examination: Examination) -> str:
    expected, found = examination.pck.pce_id, examination.collateral.tcb_info.pce_id
    if found != expected:
        detail = f"TCB info is for PCEID {found.hex()}, the platform has {expected.hex()}"
        raise EvidenceRejectedError(Rejection.PLATFORM, detail)
    return f"PCEID {found.hex()}"


def _check_debug(examination: Examination) -> str:
    if examination.quote.body.debug:
        kind = "TD" if examination.quote.is_tdx else "enclave"
        raise EvidenceRejectedError(Rejection.DEBUG, f"the {kind} is in debug mode")
    return "production mode"


def _check_initialised(examination: Examination) -> str:
    body = examination.quote.body
    if isinstance(body, SgxReport) and not body.initialised:
        raise EvidenceRejectedError(Rejection.DEBUG, "the enclave is not initialised")
    return "initialised"


def _check_recognised(examination: Examination) -> str:
    standing = examination.platform_standing
    if standing.status is TcbStatus.UNRECOGNIZED:
        detail = (
            f"no TCB level is at or below CPUSVN {examination.pck.cpu_svn.hex()}, "
            f"PCESVN {examination.pck.pce_svn}"
        )
        raise EvidenceRejectedError(Rejection.TCB_STATUS, detail)
    return f"platform: {standing.status.name}"


def _check_not_revoked(examination: Examination) -> str:
    standing = examination.standing
    if standing.status is TcbStatus.REVOKED:
        raise EvidenceRejectedError(Rejection.REVOKED, "the TCB level is revoked")
    return f"merged: {standing.status.name}"


def _check_peer(examination: Examination) -> str:
    return check_peer(
        examination.raw,
        version=examination.quote.header.version,
        is_tdx=examination.quote.is_tdx,
        collateral=examination.collateral,
        at=examination.at,
        standing=examination.standing,
    )


QUOTE_CHECKS: dict[str, Callable[[Examination], str]] = {
    "collateral-validity": _check_validity,
    "collateral-kind": _check_collateral_kind,
    "pck-chain": _check_pck_chain,
    "pck-crl": _check_pck_crl,
    "pck-revocation": _check_revocation,
    "qe-signature": _check_qe_signature,
    "qe-binding": _check_qe_binding,
    "qe-tail": _check_qe_tail,
    "qe-signer": _check_qe_signer,
    "qe-product": _check_qe_product,
    "qe-mode": _check_qe_mode,
    "qe-attributes": _check_qe_attributes,
    "qe-version": _check_qe_version,
    "quote-signature": _check_quote_signature,
    "fmspc": _check_fmspc,
    "pce-id": _check_pce_id,
    "debug": _check_debug,
    "initialised": _check_initialised,
    "td-attributes": lambda examination: check_td_attributes(examination.quote.body),
    "sept-ve-disable": lambda examination: check_sept_ve_disable(examination.quote.body),
    "service-td": lambda examination: check_service_td(examination.quote.body),
    "td-module": lambda examination: check_module(
        examination.collateral.tcb_info, examination.quote.body
    ),
    "tcb-level": _check_recognised,
    "tcb-not-revoked": _check_not_revoked,
    "dcap-qvl": _check_peer,
}
"""What a quote must be, by name, in the order in which the checks are made."""
