"""One entry for all platforms: from evidence, a policy, a time and a chain to a verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from coprove.attestation.arm import UNTIL_REVOKED, ArmKey, verify_cca_token, verify_psa_token
from coprove.attestation.claims import Check, Claims
from coprove.attestation.dcap import INTEL_ROOT, DcapCollateral, RootCertificate, verify_quote
from coprove.attestation.errors import EvidenceFormatError, EvidenceRejectedError, Rejection
from coprove.attestation.judgement import POLICY_CHECKS, Judgement
from coprove.attestation.nitro import DEFAULT_MAX_AGE, NITRO_ROOT, verify_document
from coprove.attestation.platform import Platform
from coprove.attestation.policy import Policy
from coprove.attestation.snp import AMD_ROOTS, verify_report
from coprove.primitives.bounded_json import load_json

if TYPE_CHECKING:
    from datetime import datetime

    from coprove.attestation.binding import ProverBinding
    from coprove.attestation.x509 import Certificate

__all__ = ["MAX_EVIDENCE_SIZE", "VERIFIERS", "Appraisal", "Evidence", "TrustRoots", "appraise"]

MAX_EVIDENCE_SIZE: Final = 16 << 20
"""Characters of evidence's JSON form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a workload presents, with what its vendor says of the platform."""

    platform: Platform
    """Kind of environment."""
    evidence: bytes
    """Quote, report, document or token."""
    endorsements: bytes | None = None
    """What belongs to it: collateral JSON (DCAP), certificate table (SNP); None elsewhere."""

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read the canonical form: `platform`, `evidence` and `endorsements`, hex or null."""
        if len(text) > MAX_EVIDENCE_SIZE:
            expected = f"at most {MAX_EVIDENCE_SIZE} bytes"
            raise EvidenceFormatError("evidence", expected=expected, actual=len(text))
        try:
            members: Any = load_json(text if isinstance(text, bytes) else text.encode())
        except ValueError as error:
            raise EvidenceFormatError("evidence", expected="JSON", actual=error) from error
        names = {"platform", "evidence", "endorsements"}
        if not isinstance(members, dict) or set(members) != names:
            actual = sorted(members) if isinstance(members, dict) else type(members).__name__
            raise EvidenceFormatError("evidence", expected=sorted(names), actual=actual)
        try:
            platform = Platform(members["platform"])
        except ValueError as error:
            expected = ", ".join(Platform)
            actual = members["platform"]
            raise EvidenceFormatError("platform", expected=expected, actual=actual) from error
        endorsements = members["endorsements"]
        return cls(
            platform=platform,
            evidence=_unhex("evidence", members["evidence"]),
            endorsements=None if endorsements is None else _unhex("endorsements", endorsements),
        )

    def to_json(self) -> str:
        """Return the canonical form."""
        endorsements = None if self.endorsements is None else f"0x{self.endorsements.hex()}"
        members = {
            "platform": self.platform.value,
            "evidence": f"0x{self.evidence.hex()}",
            "endorsements": endorsements,
        }
        return json.dumps(members)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoots:
    """Where chains may end, by vendor; a vendor's own unless a simulation's is given."""

    intel: RootCertificate = INTEL_ROOT
    """SGX and TDX."""
    amd: tuple[Certificate, ...] = AMD_ROOTS
    """SEV-SNP: a root for each product line."""
    aws: Certificate = NITRO_ROOT
    """Nitro."""
    arm: tuple[ArmKey, ...] = ()
    """Keys beside those in the policy: a simulation's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraisal:
    """Evidence that was accepted: what it says, what was checked, until when that holds."""

    claims: Claims
    """What the evidence says, and under which collateral."""
    policy_sha256: str
    """Which policy accepted it."""
    checks: tuple[Check, ...]
    """All that was checked, of the evidence and by the policy, in order."""
    at: int
    """When, Unix seconds."""
    valid_until: int
    """Until when it holds, Unix seconds, inclusive: collateral, certificates and grace."""
    warnings: tuple[str, ...]
    """What a person should know: a simulation, collateral near its end."""

    @property
    def simulated(self) -> bool:
        """Whether it is a simulation's evidence, worth nothing."""
        return self.claims.simulated

    @property
    def expires_in(self) -> int:
        """Seconds from the appraisal to the end of validity."""
        return self.valid_until - self.at


Verifier: TypeAlias = Callable[[Evidence, Policy, int, TrustRoots], Claims]
"""Verifies one platform's evidence at a time: everything but the policy's judgement."""


def appraise(
    evidence: Evidence,
    policy: Policy,
    *,
    at: int,
    chain_id: int,
    roots: TrustRoots | None = None,
    binding: ProverBinding | None = None,
) -> Appraisal:
    """Verify evidence and judge it by a policy.

    `at` is in Unix seconds, `chain_id` the chain that will rely on the result, `binding` what the
    report data must stand for. EvidenceFormatError for what does not parse, EvidenceRejectedError
    with its reason for all else that is refused.
    """
    verifier = VERIFIERS.get(evidence.platform)
    if verifier is None:
        detail = f"evidence of {evidence.platform} cannot be verified"
        raise EvidenceRejectedError(Rejection.PLATFORM, detail)
    claims = verifier(evidence, policy, at, roots or TrustRoots())
    if claims.platform is not evidence.platform:
        detail = f"declared as {evidence.platform}, it is {claims.platform}"
        raise EvidenceRejectedError(Rejection.PLATFORM, detail)
    judgement = Judgement(claims=claims, policy=policy, at=at, chain_id=chain_id, binding=binding)
    checks = [Check(name=name, found=check(judgement)) for name, check in POLICY_CHECKS.items()]
    return Appraisal(
        claims=claims,
        policy_sha256=policy.sha256,
        checks=(*claims.checks, *checks),
        at=at,
        valid_until=judgement.valid_until,
        warnings=_warnings(judgement),
    )


def _warnings(judgement: Judgement) -> tuple[str, ...]:
    warnings = []
    if judgement.claims.simulated:
        warnings.append("SIMULATED evidence: nothing vouches for this workload")
    left = judgement.valid_until - judgement.at
    reached = [seconds for seconds in judgement.policy.warn_before if left <= seconds]
    if reached:
        warnings.append(f"expires in {left} s, a warning is due from {min(reached)} s on")
    return tuple(warnings)


def _verify_dcap(evidence: Evidence, _policy: Policy, at: int, roots: TrustRoots) -> Claims:
    if evidence.endorsements is None:
        raise EvidenceFormatError("endorsements", expected="DCAP collateral", actual="none")
    collateral = DcapCollateral.from_json(evidence.endorsements)
    return verify_quote(evidence.evidence, collateral, at=at, root=roots.intel)


def _verify_snp(evidence: Evidence, _policy: Policy, at: int, roots: TrustRoots) -> Claims:
    if evidence.endorsements is None:
        raise EvidenceFormatError("endorsements", expected="a certificate table", actual="none")
    return verify_report(evidence.evidence, evidence.endorsements, at=at, roots=roots.amd)


def _verify_nitro(evidence: Evidence, policy: Policy, at: int, roots: TrustRoots) -> Claims:
    _refuse_endorsements(evidence)
    max_age = policy.rules(Platform.AWS_NITRO).max_age or DEFAULT_MAX_AGE
    return verify_document(evidence.evidence, at=at, max_age=max_age, root=roots.aws)


def _verify_psa(evidence: Evidence, policy: Policy, at: int, roots: TrustRoots) -> Claims:
    _refuse_endorsements(evidence)
    keys = _arm_keys(policy, Platform.ARM_TRUSTZONE, roots)
    return verify_psa_token(evidence.evidence, at=at, keys=keys)


def _verify_cca(evidence: Evidence, policy: Policy, at: int, roots: TrustRoots) -> Claims:
    _refuse_endorsements(evidence)
    keys = _arm_keys(policy, Platform.ARM_CCA, roots)
    return verify_cca_token(evidence.evidence, at=at, keys=keys)


def _refuse_endorsements(evidence: Evidence) -> None:
    if evidence.endorsements is not None:
        expected = f"none for {evidence.platform}"
        raise EvidenceFormatError("endorsements", expected=expected, actual="some")


def _arm_keys(policy: Policy, platform: Platform, roots: TrustRoots) -> tuple[ArmKey, ...]:
    trusted = (
        ArmKey(
            public_key=key.public_key,
            key_id=key.key_id,
            valid_from=_seconds(key.since, 0),
            valid_until=_seconds(key.until, UNTIL_REVOKED),
            label=key.label,
        )
        for key in policy.keys
        if key.platform is platform
    )
    return (*trusted, *roots.arm)


def _seconds(moment: datetime | None, default: int) -> int:
    return default if moment is None else int(moment.timestamp())


def _unhex(what: str, value: object) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise EvidenceFormatError(what, expected="hex with 0x", actual=value)
    try:
        return bytes.fromhex(value[2:])
    except ValueError as error:
        raise EvidenceFormatError(what, expected="hex", actual=value) from error


VERIFIERS: dict[Platform, Verifier] = {
    Platform.INTEL_SGX: _verify_dcap,
    Platform.INTEL_TDX: _verify_dcap,
    Platform.AMD_SEV_SNP: _verify_snp,
    Platform.AWS_NITRO: _verify_nitro,
    Platform.ARM_TRUSTZONE: _verify_psa,
    Platform.ARM_CCA: _verify_cca,
}
"""Who verifies which platform's evidence."""
