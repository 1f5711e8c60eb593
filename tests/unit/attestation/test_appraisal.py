"""Appraisal of DCAP evidence: a policy's rows of the adversarial list, with and without guards."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from coprove.attestation import (
    EvidenceFormatError,
    EvidenceRejectedError,
    Platform,
    ProverBinding,
    Rejection,
    judgement,
)
from coprove.attestation.appraisal import Appraisal, Evidence, TrustRoots, appraise
from coprove.attestation.policy import parse_policy
from coprove.attestation.simulation import (
    CollateralSpec,
    PlatformSpec,
    QuoteSpec,
    SimulatedIntel,
    sgx_report,
    td_report,
)
from coprove.types import Address, Hash32

DAY = 86_400
VENDOR = SimulatedIntel("appraisal")
AT = VENDOR.start + DAY
BODY, PLATFORM, SPEC = sgx_report(), PlatformSpec(), CollateralSpec()
BINDING = ProverBinding(
    chain_id=900,
    verifier=Address(b"\x01" * 20),
    operator=Address(b"\x02" * 20),
    platform=Platform.INTEL_SGX,
    public_key=b"\x03" * 64,
    block_number=17,
    block_hash=Hash32(b"\x04" * 32),
    nonce=Hash32(bytes(32)),
)
POLICY = f"""
version = 1
allow_simulation = true

[[workload]]
platform = "intel-sgx"
measurement = "0x{BODY.mr_enclave.hex()}"
minimum_security_version = 1
label = "test"

[platform.intel-sgx]
accept = [
  {{ status = "sw-hardening-needed" }},
  {{ status = "out-of-date", until = 2025-06-20T00:00:00Z }},
]
advisories = ["INTEL-SA-00615", "INTEL-SA-00477"]
minimum_evaluation_number = 17
settings = {{ smt = true }}
"""
GRACE_ENDS = 1_750_377_600


@dataclass(frozen=True, kw_only=True)
class Case:
    """Evidence and what it is appraised by."""

    body: Any = BODY
    platform: PlatformSpec = PLATFORM
    spec: CollateralSpec = SPEC
    policy: str = POLICY
    at: int = AT
    chain_id: int = 900
    binding: ProverBinding | None = None

    def evidence(self) -> Evidence:
        tdx = self.spec.tdx
        quote = VENDOR.quote(
            QuoteSpec(body=self.body, platform=self.platform, version=4 if tdx else 3)
        )
        return Evidence(
            platform=Platform.INTEL_TDX if tdx else Platform.INTEL_SGX,
            evidence=quote,
            endorsements=VENDOR.collateral(self.spec).to_json().encode(),
        )

    def appraise(self) -> Appraisal:
        return appraise(
            self.evidence(),
            parse_policy(self.policy),
            at=self.at,
            chain_id=self.chain_id,
            roots=TrustRoots(intel=VENDOR.root),
            binding=self.binding,
        )


def bound(**changes: Any) -> Case:
    """Return a case whose quote is bound to something else than what is asked for."""
    made_for = replace(BINDING, **changes)
    return Case(body=sgx_report(report_data=made_for.report_data()), binding=BINDING)


def zero_block_hash() -> Case:
    binding = replace(BINDING, block_hash=Hash32(bytes(32)))
    return Case(body=sgx_report(report_data=binding.report_data()), binding=binding)


def on_level(components: int) -> PlatformSpec:
    return PlatformSpec(components=(components,) * 16)


ROWS: dict[str, tuple[Callable[[], Case], Rejection, str]] = {
    "36 no block hash": (zero_block_hash, Rejection.BINDING, "binding"),
    "36 another block": (
        lambda: bound(block_hash=Hash32(b"\x05" * 32)),
        Rejection.BINDING,
        "binding",
    ),
    "36 another nonce": (
        lambda: bound(nonce=Hash32(b"\x05" * 32)),
        Rejection.BINDING,
        "binding",
    ),
    "37 of another chain": (lambda: bound(chain_id=901), Rejection.BINDING, "binding"),
    "37 for another contract": (
        lambda: bound(verifier=Address(b"\x05" * 20)),
        Rejection.BINDING,
        "binding",
    ),
    "37 of another operator": (
        lambda: bound(operator=Address(b"\x05" * 20)),
        Rejection.BINDING,
        "binding",
    ),
    "37 of another key": (lambda: bound(public_key=b"\x05" * 64), Rejection.BINDING, "binding"),
    "37 for another platform": (
        lambda: bound(platform=Platform.INTEL_TDX),
        Rejection.BINDING,
        "binding",
    ),
    "38 another enclave": (
        lambda: Case(body=sgx_report(mr_enclave=b"\x01" * 32)),
        Rejection.MEASUREMENT,
        "policy-workload",
    ),
    "38 an old version of the enclave": (
        lambda: Case(body=sgx_report(security_version=0)),
        Rejection.MEASUREMENT,
        "policy-workload",
    ),
    "41 simulation where the policy does not allow it": (
        lambda: Case(policy=POLICY.replace("allow_simulation = true", "")),
        Rejection.SIMULATED,
        "policy-simulation",
    ),
    "41 simulation on a production chain": (
        lambda: Case(chain_id=1),
        Rejection.SIMULATED,
        "policy-simulation",
    ),
    "45 collateral from before a TCB recovery": (
        lambda: Case(spec=CollateralSpec(evaluation_number=16)),
        Rejection.COLLATERAL,
        "policy-rollback",
    ),
    "status that is not accepted": (
        lambda: Case(platform=on_level(3)),
        Rejection.TCB_STATUS,
        "policy-tcb-status",
    ),
    "status whose grace has ended": (
        lambda: Case(platform=on_level(2), at=GRACE_ENDS + 1),
        Rejection.TCB_STATUS,
        "policy-tcb-status",
    ),
    "advisory that is not listed": (
        lambda: Case(platform=on_level(4), policy=POLICY.replace("INTEL-SA-00615", "X-SA-00001")),
        Rejection.TCB_STATUS,
        "policy-advisories",
    ),
    "setting that must be another": (
        lambda: Case(platform=PlatformSpec(settings=(False, False, False))),
        Rejection.ATTRIBUTES,
        "policy-settings",
    ),
    "setting of another type": (
        lambda: Case(policy=POLICY.replace("smt = true", "smt = 1")),
        Rejection.ATTRIBUTES,
        "policy-settings",
    ),
    "another platform's code with the same measurement": (
        lambda: Case(
            policy=POLICY.replace('platform = "intel-sgx"', 'platform = "arm-trustzone"').replace(
                "minimum_security_version = 1", ""
            )
        ),
        Rejection.MEASUREMENT,
        "policy-workload",
    ),
    "setting that the platform does not have": (
        lambda: Case(platform=PlatformSpec(settings=None)),
        Rejection.ATTRIBUTES,
        "policy-settings",
    ),
}
rows = pytest.mark.parametrize(
    ("make", "reason", "guard"), ROWS.values(), ids=[name.replace(" ", "-") for name in ROWS]
)


@rows
def test_what_a_policy_must_refuse(make: Callable[[], Case], reason: Rejection, guard: str) -> None:
    """With its reason."""
    with pytest.raises(EvidenceRejectedError) as refusal:
        make().appraise()
    assert refusal.value.reason is reason


@rows
def test_only_its_guard_refuses_it(
    make: Callable[[], Case],
    reason: Rejection,
    guard: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the guard it is accepted."""
    assert guard in judgement.POLICY_CHECKS
    monkeypatch.setitem(judgement.POLICY_CHECKS, guard, lambda _judgement: "taken out")
    assert make().appraise().simulated


def test_an_appraisal_says_what_was_checked_and_until_when_it_holds() -> None:
    """Checks of evidence and policy, collateral by hash, the policy's name, the end."""
    case = Case(body=sgx_report(report_data=BINDING.report_data()), binding=BINDING)
    appraisal = case.appraise()
    names = [check.name for check in appraisal.checks]
    assert names[0] == "tcb-info-chain"
    assert {"quote-signature", "dcap-qvl", "policy-workload", "binding"} <= set(names)
    assert [name for name in judgement.POLICY_CHECKS if name in names] == names[
        -len(judgement.POLICY_CHECKS) :
    ]
    assert len(appraisal.claims.collateral) == 6
    assert all("sha256:" in part for part in appraisal.claims.collateral)
    assert appraisal.policy_sha256 == parse_policy(POLICY).sha256
    assert appraisal.valid_until == VENDOR.start + 30 * DAY - 1
    assert appraisal.expires_in == 29 * DAY - 1


def test_claims_are_judged_within_their_validity_only() -> None:
    """Whoever verified them, and when: the first and the last second count, those beside do not."""
    claims = Case().appraise().claims
    check = judgement.POLICY_CHECKS["policy-validity"]

    def judged(at: int) -> str:
        return check(
            judgement.Judgement(
                claims=claims, policy=parse_policy(POLICY), at=at, chain_id=900, binding=None
            )
        )

    for at in (claims.valid_from, claims.valid_until):
        assert str(claims.valid_until) in judged(at)
    for at in (claims.valid_from - 1, claims.valid_until + 1):
        with pytest.raises(EvidenceRejectedError) as refusal:
            judged(at)
        assert refusal.value.reason is Rejection.VALIDITY


def test_grace_ends_an_appraisal_early() -> None:
    """A status that is accepted up to a date holds no longer than that."""
    appraisal = Case(platform=on_level(2)).appraise()
    assert appraisal.valid_until == GRACE_ENDS
    assert Case(platform=on_level(2), at=GRACE_ENDS).appraise().expires_in == 0


def test_a_status_without_an_end_holds_as_long_as_its_collateral() -> None:
    """Even where another entry for it has an end."""
    entry = '{ status = "out-of-date", until = 2025-06-20T00:00:00Z },'
    longer = POLICY.replace(
        entry, entry + '{ status = "out-of-date", until = 2026-01-01T00:00:00Z }'
    )
    assert Case(platform=on_level(2), policy=longer).appraise().expires_in == 29 * DAY - 1
    assert Case(platform=on_level(4)).appraise().expires_in == 29 * DAY - 1


def test_a_signer_is_accepted_with_its_product_and_version_only() -> None:
    """Not for the measurement, not for another product, not below the floor."""
    policy = f"""
version = 1
allow_simulation = true
[[signer]]
platform = "intel-sgx"
signer = "0x{BODY.mr_signer.hex()}"
product_id = 7
minimum_security_version = 3
"""
    good = sgx_report(mr_enclave=b"\x01" * 32, product_id=7, security_version=3)
    assert Case(body=good, policy=policy).appraise().claims.product_id == 7
    for other in (
        sgx_report(product_id=8, security_version=3),
        sgx_report(product_id=7, security_version=2),
        sgx_report(product_id=7, security_version=3, mr_signer=b"\x01" * 32),
    ):
        with pytest.raises(EvidenceRejectedError) as refusal:
            Case(body=other, policy=policy).appraise()
        assert refusal.value.reason is Rejection.MEASUREMENT


def test_a_trust_domain_is_known_by_all_five_measurements() -> None:
    """MRTD and the four RTMRs; one other RTMR is another workload."""
    body = td_report(rtmrs=(b"\x01" * 48, b"\x02" * 48, b"\x03" * 48, bytes(48)))
    policy = f"""
version = 1
allow_simulation = true
[[workload]]
platform = "intel-tdx"
measurement = "0x{body.measurement.hex()}"
"""
    spec = CollateralSpec(tdx=True)
    assert Case(body=body, spec=spec, policy=policy).appraise().claims.attributes["xfam"]
    with pytest.raises(EvidenceRejectedError) as refusal:
        Case(body=replace(body, rtmr2=bytes(48)), spec=spec, policy=policy).appraise()
    assert refusal.value.reason is Rejection.MEASUREMENT


@pytest.mark.parametrize(
    ("days", "due"), [(10, None), (23, 604_800), (29, 86_400)], ids=["early", "week", "day"]
)
def test_a_warning_comes_before_collateral_expires(days: int, due: int | None) -> None:
    """The nearest threshold that has been reached; a simulation is always said."""
    warnings = Case(at=VENDOR.start + days * DAY).appraise().warnings
    assert "SIMULATED" in warnings[0]
    assert [f"{due} s" in warning for warning in warnings[1:]] == ([True] if due else [])


def test_evidence_survives_its_json() -> None:
    """What is read is what was written; no endorsements are null."""
    evidence = Case().evidence()
    assert Evidence.from_json(evidence.to_json()) == evidence
    bare = replace(evidence, endorsements=None)
    assert Evidence.from_json(bare.to_json().encode()) == bare


@pytest.mark.parametrize(
    "change",
    [
        {"platform": "intel"},
        {"evidence": "1234"},
        {"evidence": "0x123"},
        {"evidence": None},
        {"endorsements": 5},
        {"more": 1},
    ],
    ids=str,
)
def test_evidence_that_is_not_in_its_form_is_refused(change: dict[str, Any]) -> None:
    """Unknown platforms, other encodings, other members."""
    members = json.loads(Case().evidence().to_json()) | change
    with pytest.raises(EvidenceFormatError):
        Evidence.from_json(json.dumps(members))
    with pytest.raises(EvidenceFormatError):
        Evidence.from_json("[" * 100_000)


def test_evidence_must_be_of_the_platform_that_it_is_declared_as() -> None:
    """An enclave's quote is no trust domain's."""
    declared = replace(Case().evidence(), platform=Platform.INTEL_TDX)
    policy = parse_policy(POLICY)
    roots = TrustRoots(intel=VENDOR.root)
    with pytest.raises(EvidenceRejectedError) as refusal:
        appraise(declared, policy, at=AT, chain_id=900, roots=roots)
    assert refusal.value.reason is Rejection.PLATFORM
    bare = replace(declared, endorsements=None)
    with pytest.raises(EvidenceFormatError):
        appraise(bare, policy, at=AT, chain_id=900, roots=roots)


def test_a_simulation_is_refused_where_no_simulated_root_is_given() -> None:
    """The vendor's root is what counts unless someone asks for another."""
    with pytest.raises(EvidenceRejectedError) as refusal:
        appraise(Case().evidence(), parse_policy(POLICY), at=AT, chain_id=900)
    assert refusal.value.reason is Rejection.ROOT
