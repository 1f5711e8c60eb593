"""A policy's rules over claims, each by name in a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.attestation.claims import Claims, TcbStatus
from coprove.attestation.errors import EvidenceRejectedError, Rejection
from coprove.attestation.platform import Platform
from coprove.attestation.policy import status_name
from coprove.types import is_dev_chain

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.attestation.binding import ProverBinding
    from coprove.attestation.policy import AcceptedStatus, Policy

__all__ = ["DEFAULT_SETTINGS", "POLICY_CHECKS", "Judgement"]

_EVALUATION_NUMBER = "tcb-evaluation-data-number"

DEFAULT_SETTINGS: Final[dict[Platform, dict[str, object]]] = {
    # The guest's kernel itself asked, and no agent can move the guest elsewhere.
    Platform.AMD_SEV_SNP: {"vmpl": 0, "migration-allowed": False},
    # What the normal world asks for, it chose the report data of.
    Platform.ARM_TRUSTZONE: {"secure-client": True},
}
"""Settings that are required where a policy's rules do not name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Claims with what they are judged by."""

    claims: Claims
    """What verified evidence says."""
    policy: Policy
    """What is accepted."""
    at: int
    """Unix seconds."""
    chain_id: int
    """Of the chain that will rely on it, EIP-155."""
    binding: ProverBinding | None
    """What the report data must bind; None leaves that to the caller."""

    @property
    def accepted_status(self) -> AcceptedStatus | None:
        """The policy's entry for the claims' status that holds longest, None when there is none."""
        entries = [
            entry
            for entry in self.policy.rules(self.claims.platform).accept
            if entry.status is self.claims.tcb_status
        ]
        if any(entry.until is None for entry in entries):
            return next(entry for entry in entries if entry.until is None)
        return max(entries, key=_until, default=None)

    @property
    def valid_until(self) -> int:
        """End of the claims' validity or of the grace that they need, whichever is earlier."""
        entry = self.accepted_status
        if self.claims.tcb_status is TcbStatus.OK or entry is None or entry.until is None:
            return self.claims.valid_until
        return min(self.claims.valid_until, _until(entry))


def _until(entry: AcceptedStatus) -> int:
    return int(entry.until.timestamp()) if entry.until else 0


def _check_simulation(judgement: Judgement) -> str:
    """A simulation counts where the policy says so and the chain is a development chain."""
    if not judgement.claims.simulated:
        return "a vendor's root"
    if not judgement.policy.allow_simulation:
        detail = "simulated evidence, and the policy does not allow it"
        raise EvidenceRejectedError(Rejection.SIMULATED, detail)
    if not is_dev_chain(judgement.chain_id):
        detail = f"simulated evidence, and chain {judgement.chain_id} is no development chain"
        raise EvidenceRejectedError(Rejection.SIMULATED, detail)
    return f"SIMULATED, on development chain {judgement.chain_id}"


def _check_debug(judgement: Judgement) -> str:
    if judgement.claims.debug:
        raise EvidenceRejectedError(Rejection.DEBUG, "the workload is in debug mode")
    return "production mode"


def _check_workload(judgement: Judgement) -> str:
    """The measurement is listed, or signer and product are; and the version is high enough."""
    claims, policy = judgement.claims, judgement.policy
    detail = f"measurement 0x{claims.measurement.hex()} is not on the list"
    for workload in policy.workloads:
        if (workload.platform, workload.measurement) != (claims.platform, claims.measurement):
            continue
        if _reaches(claims, workload.minimum_security_version):
            return f"workload {workload.label or workload.measurement.hex()}"
        detail = _below(claims, workload.minimum_security_version)
    for signer in policy.signers:
        wanted = signer.platform, signer.signer, signer.product_id
        if wanted != (claims.platform, claims.signer, claims.product_id):
            continue
        if _reaches(claims, signer.minimum_security_version):
            return f"signer {signer.label or signer.signer.hex()}, product {signer.product_id}"
        detail = _below(claims, signer.minimum_security_version)
    raise EvidenceRejectedError(Rejection.MEASUREMENT, detail)


def _reaches(claims: Claims, floor: int | None) -> bool:
    if floor is None:
        return True
    return claims.security_version is not None and claims.security_version >= floor


def _below(claims: Claims, floor: int | None) -> str:
    return f"security version {claims.security_version} is below {floor}"


def _check_status(judgement: Judgement) -> str:
    status, entry = judgement.claims.tcb_status, judgement.accepted_status
    if status is TcbStatus.OK:
        return "TCB up to date"
    if entry is None:
        detail = f"the policy does not accept {status_name(status)}"
        raise EvidenceRejectedError(Rejection.TCB_STATUS, detail)
    if entry.until is not None and judgement.at > _until(entry):
        detail = f"{status_name(status)} was accepted until {entry.until.isoformat()}"
        raise EvidenceRejectedError(Rejection.TCB_STATUS, detail)
    return f"{status_name(status)}, accepted" + (f" until {entry.until}" if entry.until else "")


def _check_advisories(judgement: Judgement) -> str:
    advisories = judgement.claims.advisories
    listed = judgement.policy.rules(judgement.claims.platform).advisories
    unknown = set(advisories) - set(listed)
    if unknown:
        detail = f"advisories that the policy does not list: {', '.join(sorted(unknown))}"
        raise EvidenceRejectedError(Rejection.TCB_STATUS, detail)
    return ", ".join(advisories) or "no advisories"


def _check_rollback(judgement: Judgement) -> str:
    floor = judgement.policy.rules(judgement.claims.platform).minimum_evaluation_number
    found = judgement.claims.attributes.get(_EVALUATION_NUMBER)
    if floor and not (isinstance(found, int) and found >= floor):
        detail = f"tcbEvaluationDataNumber {found} is below {floor}: old collateral"
        raise EvidenceRejectedError(Rejection.COLLATERAL, detail)
    return f"evaluation number {found}" if found is not None else "no evaluation numbers"


def _check_settings(judgement: Judgement) -> str:
    platform = judgement.claims.platform
    settings = DEFAULT_SETTINGS.get(platform, {}) | judgement.policy.rules(platform).settings
    for name, wanted in settings.items():
        found = judgement.claims.attributes.get(name)
        if found != wanted or type(found) is not type(wanted):
            detail = f"setting {name}: expected {wanted!r}, got {found!r}"
            raise EvidenceRejectedError(Rejection.ATTRIBUTES, detail)
    return ", ".join(f"{name} = {value}" for name, value in settings.items()) or "none required"


def _check_minimums(judgement: Judgement) -> str:
    minimums = judgement.policy.rules(judgement.claims.platform).minimums
    for name, floor in minimums.items():
        found = judgement.claims.attributes.get(name)
        if not isinstance(found, int) or isinstance(found, bool) or found < floor:
            detail = f"setting {name}: expected {floor} at least, got {found!r}"
            raise EvidenceRejectedError(Rejection.ATTRIBUTES, detail)
    return ", ".join(f"{name} >= {value}" for name, value in minimums.items()) or "none required"


def _check_validity(judgement: Judgement) -> str:
    claims, at = judgement.claims, judgement.at
    if not claims.valid_from <= at <= claims.valid_until:
        detail = f"holds from {claims.valid_from} to {claims.valid_until}, not at {at}"
        raise EvidenceRejectedError(Rejection.VALIDITY, detail)
    return f"holds until {judgement.valid_until}"


def _check_binding(judgement: Judgement) -> str:
    if judgement.binding is None:
        return "left to the caller"
    if judgement.binding.platform is not judgement.claims.platform:
        detail = f"bound to {judgement.binding.platform}, this is {judgement.claims.platform}"
        raise EvidenceRejectedError(Rejection.BINDING, detail)
    judgement.binding.check(judgement.claims.report_data)
    return f"report data bind operator {judgement.binding.operator}"


POLICY_CHECKS: dict[str, Callable[[Judgement], str]] = {
    "policy-simulation": _check_simulation,
    "policy-debug": _check_debug,
    "policy-workload": _check_workload,
    "policy-tcb-status": _check_status,
    "policy-advisories": _check_advisories,
    "policy-rollback": _check_rollback,
    "policy-settings": _check_settings,
    "policy-minimums": _check_minimums,
    "policy-validity": _check_validity,
    "binding": _check_binding,
}
"""What claims must be, by name, in the order in which the checks are made."""
