"""A second opinion: dcap-qvl verifies the same quote with the same collateral, time and root."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dcap_qvl

from coprove.attestation.claims import TcbStatus
from coprove.attestation.dcap.levels import STATUS_NAMES, Standing, at_least_as_bad
from coprove.attestation.errors import EvidenceRejectedError, Rejection

if TYPE_CHECKING:
    from coprove.attestation.dcap.verified_collateral import VerifiedCollateral

__all__ = ["check_peer"]

_RELAUNCH_ADVISED = ("TDRelaunchAdvised", "TDRelaunchAdvisedConfigurationNeeded")
"""Of TDs launched under a module that is out of date by now, where a current one has followed it.

Intel knows these beside OutOfDate; here such a TD is out of date until it is launched again.
"""


def check_peer(
    raw: bytes,
    *,
    version: int,
    is_tdx: bool,
    collateral: VerifiedCollateral,
    at: int,
    standing: Standing,
) -> str:
    """Refuse what dcap-qvl refuses, and a standing better than the one it finds.

    dcap-qvl 0.7 knows SGX quotes of version 3 only; of those of versions 4 and 5 it says nothing.
    """
    if not is_tdx and version > 3:
        return f"dcap-qvl does not know SGX quotes of version {version}"
    try:
        report = dcap_qvl.verify_with_root_ca(raw, collateral.peer, collateral.root.der, at)
    except ValueError as error:
        detail = f"dcap-qvl: {error}"
        raise EvidenceRejectedError(Rejection.SIGNATURE, detail) from error
    names = STATUS_NAMES | dict.fromkeys(_RELAUNCH_ADVISED, TcbStatus.OUT_OF_DATE)
    theirs = names.get(report.status)
    if theirs is None or not at_least_as_bad(standing.status, theirs):
        detail = f"dcap-qvl finds {report.status}, here it is {standing.status.name}"
        raise EvidenceRejectedError(Rejection.TCB_STATUS, detail)
    unknown = set(report.advisory_ids) - set(standing.advisories)
    if unknown:
        detail = f"dcap-qvl finds advisories that are not known here: {sorted(unknown)}"
        raise EvidenceRejectedError(Rejection.TCB_STATUS, detail)
    return f"dcap-qvl agrees: {report.status}"
