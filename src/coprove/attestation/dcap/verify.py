"""Verification of DCAP quotes: from bytes, collateral, a time and a root to claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coprove.attestation.claims import Check, Claims
from coprove.attestation.dcap.certificates import parse_pem_chain
from coprove.attestation.dcap.checks import QUOTE_CHECKS, Examination
from coprove.attestation.dcap.collateral import DcapCollateral
from coprove.attestation.dcap.pck import SGX_TYPES, parse_pck
from coprove.attestation.dcap.quote import parse_quote
from coprove.attestation.dcap.reports import SgxReport, TdReport15
from coprove.attestation.dcap.roots import INTEL_ROOT
from coprove.attestation.dcap.verified_collateral import VerifiedCollateral, verify_collateral
from coprove.attestation.errors import EvidenceFormatError, EvidenceRejectedError, Rejection
from coprove.attestation.platform import Platform

if TYPE_CHECKING:
    from coprove.attestation.dcap.quote import Body
    from coprove.attestation.dcap.roots import RootCertificate

__all__ = ["verify_quote"]


def verify_quote(
    quote: bytes,
    collateral: DcapCollateral | VerifiedCollateral,
    *,
    at: int,
    root: RootCertificate = INTEL_ROOT,
) -> Claims:
    """Return what a genuine SGX or TDX quote says, at a time in Unix seconds.

    Collateral that `verify_collateral` has passed before saves most of the work; it must be of
    the same root and hold at the time. EvidenceFormatError for what does not parse,
    EvidenceRejectedError with its reason for all else: a debug enclave or TD, a revoked TCB level
    and one that no level matches are refused here; other statuses are for a policy to judge.
    """
    parsed = parse_quote(quote)
    chain = parse_pem_chain(parsed.certification, "PCK chain")
    if not chain:
        raise EvidenceFormatError("PCK chain", expected="certificates", actual="none")
    if isinstance(collateral, DcapCollateral):
        collateral = verify_collateral(collateral, at=at, root=root)
    elif collateral.root != root:
        detail = f"collateral was verified for the root {collateral.root.sha256}"
        raise EvidenceRejectedError(Rejection.ROOT, detail)
    examination = Examination(
        raw=bytes(quote),
        quote=parsed,
        chain=chain,
        pck=parse_pck(chain[0]),
        collateral=collateral,
        at=at,
    )
    checks = [Check(name=name, found=check(examination)) for name, check in QUOTE_CHECKS.items()]
    return _claims(examination, (*collateral.checks, *checks))


def _claims(examination: Examination, checks: tuple[Check, ...]) -> Claims:
    quote, collateral = examination.quote, examination.collateral
    standing, chain = examination.standing, examination.chain
    return Claims(
        **_workload(quote.body),
        report_data=quote.body.report_data,
        debug=quote.body.debug,
        tcb_status=standing.status,
        advisories=standing.advisories,
        tcb_date=standing.date,
        attributes=_platform_attributes(examination) | _body_attributes(quote.body),
        replay_key=quote.replay_key,
        valid_from=max(collateral.valid_from, *(item.not_before for item in chain)),
        valid_until=min(collateral.valid_until, *(item.not_after for item in chain)),
        simulated=collateral.root.simulated,
        collateral=(f"pck sha256:{chain[0].sha256}", *collateral.names),
        checks=checks,
    )


def _workload(body: Body) -> dict[str, Any]:
    if isinstance(body, SgxReport):
        return {
            "platform": Platform.INTEL_SGX,
            "measurement": body.mr_enclave,
            "signer": body.mr_signer,
            "product_id": body.isv_prod_id,
            "security_version": body.isv_svn,
        }
    return {
        "platform": Platform.INTEL_TDX,
        "measurement": body.measurement,
        "signer": body.mr_signer_seam,
    }


def _platform_attributes(examination: Examination) -> dict[str, object]:
    quote, collateral, pck = examination.quote, examination.collateral, examination.pck
    return {
        "quote-version": quote.header.version,
        "fmspc": pck.fmspc.hex(),
        "cpu-svn": pck.cpu_svn.hex(),
        "pce-svn": pck.pce_svn,
        "qe-isv-svn": quote.qe_report.isv_svn,
        "sgx-type": SGX_TYPES[pck.sgx_type],
        "dynamic-platform": pck.dynamic_platform,
        "cached-keys": pck.cached_keys,
        "smt": pck.smt,
        "tcb-evaluation-data-number": min(
            collateral.tcb_info.evaluation_number, collateral.qe_identity.evaluation_number
        ),
    }


def _body_attributes(body: Body) -> dict[str, object]:
    if isinstance(body, SgxReport):
        return {
            "flags": body.attributes[:8].hex(),
            "xfrm": body.attributes[8:].hex(),
            "misc-select": body.misc_select,
        }
    attributes: dict[str, object] = {
        "sept-ve-disable": bool(body.attributes & body.ATTRIBUTE_SEPT_VE_DISABLE),
        "td-attributes": body.td_attributes.hex(),
        "xfam": body.xfam.hex(),
        "tee-tcb-svn": body.tee_tcb_svn.hex(),
        "mr-seam": body.mr_seam.hex(),
        "mr-config-id": body.mr_config_id.hex(),
        "mr-owner": body.mr_owner.hex(),
        "mr-owner-config": body.mr_owner_config.hex(),
    }
    if isinstance(body, TdReport15):
        attributes["tee-tcb-svn2"] = body.tee_tcb_svn2.hex()
    return attributes
