"""Rules for trust domains and the TDX module that runs them.

Sources: Intel TDX Module ABI (ATTRIBUTES, TDREPORT), and the PCS API, version 4, "Get TCB Info",
on TDX module identities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.attestation.dcap.reports import SgxReport, TdReport10, TdReport15
from coprove.attestation.errors import EvidenceRejectedError, Rejection

if TYPE_CHECKING:
    from coprove.attestation.dcap.levels import Standing
    from coprove.attestation.dcap.quote import Body
    from coprove.attestation.dcap.tcb_info import TcbInfo

__all__ = [
    "check_module",
    "check_sept_ve_disable",
    "check_service_td",
    "check_td_attributes",
    "module_standing",
]

_NO_TD = "no TD"


def check_td_attributes(body: Body) -> str:
    """Refuse a TD with attribute bits that no TDX module defines."""
    if isinstance(body, SgxReport):
        return _NO_TD
    unknown = body.attributes & ~body.ATTRIBUTES_KNOWN
    if unknown:
        detail = f"TD attributes: reserved bits {unknown:#x} are set"
        raise EvidenceRejectedError(Rejection.ATTRIBUTES, detail)
    return f"TD attributes {body.td_attributes.hex()}"


def check_sept_ve_disable(body: Body) -> str:
    """Refuse a TD whose host may inject #VE by unmapping pages."""
    if isinstance(body, SgxReport):
        return _NO_TD
    if not body.attributes & body.ATTRIBUTE_SEPT_VE_DISABLE:
        detail = "TD attributes: SEPT_VE_DISABLE is not set"
        raise EvidenceRejectedError(Rejection.ATTRIBUTES, detail)
    return "SEPT_VE_DISABLE is set"


def check_service_td(body: Body) -> str:
    """Refuse a TD that a service TD, which nobody measured here, may act upon."""
    if isinstance(body, TdReport15) and any(body.mr_service_td):
        detail = f"a service TD is bound: {body.mr_service_td.hex()}"
        raise EvidenceRejectedError(Rejection.ATTRIBUTES, detail)
    return "no service TD"


def check_module(tcb_info: TcbInfo, body: Body) -> str:
    """Refuse a TDX module of another signer, with other attributes, unknown or too old."""
    if isinstance(body, SgxReport):
        return _NO_TD
    svn, version = body.tee_tcb_svn[:2]
    module = tcb_info.module_of(version)
    if module is None:
        detail = f"no identity for TDX module version {version}"
        raise EvidenceRejectedError(Rejection.PLATFORM, detail)
    if body.mr_signer_seam != module.mr_signer:
        detail = (
            f"TDX module MRSIGNER: expected {module.mr_signer.hex()}, "
            f"got {body.mr_signer_seam.hex()}"
        )
        raise EvidenceRejectedError(Rejection.PLATFORM, detail)
    mask = int.from_bytes(module.attributes_mask, "big")
    expected = int.from_bytes(module.attributes, "big") & mask
    found = int.from_bytes(body.seam_attributes, "big")
    if found != expected:
        detail = f"SEAM attributes: expected {expected:016x}, got {found:016x}"
        raise EvidenceRejectedError(Rejection.PLATFORM, detail)
    if module.levels and module_standing(tcb_info, body) is None:
        detail = f"TDX module {version} ISVSVN {svn} is below all its levels"
        raise EvidenceRejectedError(Rejection.TCB_STATUS, detail)
    return f"TDX module version {version}, ISVSVN {svn}"


def module_standing(tcb_info: TcbInfo, body: TdReport10) -> Standing | None:
    """Return what is said of the TDX module; None where there are no levels or none fits."""
    svn, version = body.tee_tcb_svn[:2]
    module = tcb_info.module_of(version)
    for level in module.levels if module else ():
        if svn >= level.svn:
            return level.standing
    return None
