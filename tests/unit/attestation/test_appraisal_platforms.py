"""Appraisal of SEV-SNP, Nitro and ARM: what a policy decides over genuine evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from coprove.attestation import appraisal
from coprove.attestation.appraisal import Evidence, TrustRoots, appraise
from coprove.attestation.binding import ProverBinding
from coprove.attestation.errors import EvidenceFormatError, EvidenceRejectedError, Rejection
from coprove.attestation.platform import Platform
from coprove.attestation.policy import parse_policy
from coprove.attestation.simulation.arm import FirmwareState, RealmState
from coprove.attestation.simulation.nitro import EnclaveState
from coprove.types import Address, Hash32
from tests.unit.attestation.arm.devices import ARM, COMPONENTS, RIM
from tests.unit.attestation.nitro.enclaves import AWS, PCRS
from tests.unit.attestation.snp.guests import AMD, AT, GUEST
from tests.unit.attestation.tables import take_out

if TYPE_CHECKING:
    from coprove.attestation.appraisal import Appraisal

ROOTS = TrustRoots(amd=(AMD.root,), aws=AWS.root, arm=(ARM.key,))
DEV_CHAIN, MAINNET = 31337, 1
MEASUREMENTS = {
    Platform.AMD_SEV_SNP: GUEST.measurement,
    Platform.AWS_NITRO: PCRS[0] + PCRS[1] + PCRS[2],
    Platform.ARM_TRUSTZONE: COMPONENTS[0][1] + COMPONENTS[1][1],
    Platform.ARM_CCA: RIM + bytes(128),
}
DEBUG_POLICY = GUEST.policy | 1 << 19
MIGRATION_POLICY = GUEST.policy | 1 << 18


def binding(platform: Platform) -> ProverBinding:
    """Return what a registration's report data stand for."""
    return ProverBinding(
        chain_id=DEV_CHAIN,
        verifier=Address(b"\x01" * 20),
        operator=Address(b"\x02" * 20),
        platform=platform,
        public_key=b"\x03" * 64,
        block_number=7,
        block_hash=Hash32(b"\x04" * 32),
        nonce=Hash32(b"\x05" * 32),
    )


def snp(**changes: object) -> Evidence:
    """Return a simulated guest's evidence."""
    guest = replace(GUEST, report_data=binding(Platform.AMD_SEV_SNP).report_data(), **changes)  # type: ignore[arg-type]
    return Evidence(
        platform=Platform.AMD_SEV_SNP,
        evidence=AMD.report(guest),
        endorsements=AMD.endorsements(),
    )


def nitro(pcrs: dict[int, bytes] = PCRS) -> Evidence:
    """Return a simulated enclave's evidence."""
    report_data = binding(Platform.AWS_NITRO).report_data()
    state = EnclaveState(user_data=report_data, pcrs=pcrs)
    return Evidence(platform=Platform.AWS_NITRO, evidence=AWS.document(state, at=AT))


def trustzone(**changes: object) -> Evidence:
    """Return simulated firmware's evidence."""
    report_data = binding(Platform.ARM_TRUSTZONE).report_data()
    state = FirmwareState(report_data=report_data, components=COMPONENTS)
    state = replace(state, **changes)  # type: ignore[arg-type]
    return Evidence(platform=Platform.ARM_TRUSTZONE, evidence=ARM.psa_token(state))


def realm(**changes: object) -> Evidence:
    """Return a simulated realm's evidence."""
    report_data = binding(Platform.ARM_CCA).report_data()
    state = RealmState(report_data=report_data, initial_measurement=RIM)
    state = replace(state, **changes)  # type: ignore[arg-type]
    return Evidence(platform=Platform.ARM_CCA, evidence=ARM.cca_token(state))


def policy_text(platform: Platform, rules: str = "") -> str:
    """Return a policy that accepts what runs on a platform."""
    return (
        "version = 1\nallow_simulation = true\n"
        f'[[workload]]\nplatform = "{platform}"\n'
        f'measurement = "0x{MEASUREMENTS[platform].hex()}"\n'
        f"[platform.{platform}]\n{rules}\n"
    )


def judge(
    evidence: Evidence, rules: str = "", *, at: int = AT, chain_id: int = DEV_CHAIN
) -> Appraisal:
    return appraise(
        evidence,
        parse_policy(policy_text(evidence.platform, rules)),
        at=at,
        chain_id=chain_id,
        roots=ROOTS,
        binding=binding(evidence.platform),
    )


GOOD = [snp(), nitro(), trustzone(), realm()]


@pytest.mark.parametrize("evidence", GOOD, ids=lambda evidence: evidence.platform)
def test_good_evidence_is_accepted_and_marked_as_simulated(evidence: Evidence) -> None:
    found = judge(Evidence.from_json(evidence.to_json()))
    assert found.claims.platform is evidence.platform
    assert found.claims.measurement == MEASUREMENTS[evidence.platform]
    assert found.simulated
    assert "SIMULATED" in found.warnings[0]
    assert {check.name for check in found.checks} >= {"signature", "policy-workload", "binding"}


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Genuine evidence that a policy refuses, and the check that does it."""

    what: str
    check: str
    reason: Rejection
    evidence: Evidence
    rules: str = ""
    at: int = AT
    chain_id: int = DEV_CHAIN


REFUSALS = [
    Refusal(
        what="SNP guest that may be debugged",
        check="policy-debug",
        reason=Rejection.DEBUG,
        evidence=snp(policy=DEBUG_POLICY),
    ),
    Refusal(
        what="SNP report of a lower privilege level",
        check="policy-settings",
        reason=Rejection.ATTRIBUTES,
        evidence=snp(vmpl=1),
    ),
    Refusal(
        what="SNP guest with a migration agent",
        check="policy-settings",
        reason=Rejection.ATTRIBUTES,
        evidence=snp(policy=MIGRATION_POLICY),
    ),
    Refusal(
        what="SNP firmware below the policy's floor",
        check="policy-minimums",
        reason=Rejection.ATTRIBUTES,
        evidence=snp(),
        rules='minimums = { "tcb-snp" = 25 }',
    ),
    Refusal(
        what="SNP component that the processor does not have",
        check="policy-minimums",
        reason=Rejection.ATTRIBUTES,
        evidence=snp(),
        rules='minimums = { "tcb-fmc" = 0 }',
    ),
    Refusal(
        what="floor for what is no number",
        check="policy-minimums",
        reason=Rejection.ATTRIBUTES,
        evidence=snp(),
        rules="minimums = { smt = 1 }",
    ),
    Refusal(
        what="SNP host with SMT where the policy forbids it",
        check="policy-settings",
        reason=Rejection.ATTRIBUTES,
        evidence=snp(),
        rules="settings = { smt = false }",
    ),
    Refusal(
        what="Nitro enclave in debug mode",
        check="policy-debug policy-workload",
        reason=Rejection.DEBUG,
        evidence=nitro({index: bytes(48) for index in range(3)}),
    ),
    Refusal(
        what="other code in a Nitro enclave",
        check="policy-workload",
        reason=Rejection.MEASUREMENT,
        evidence=nitro(PCRS | {0: b"\x09" * 48}),
    ),
    Refusal(
        what="PSA token that the normal world asked for",
        check="policy-settings",
        reason=Rejection.ATTRIBUTES,
        evidence=trustzone(client_id=-1),
    ),
    Refusal(
        what="PSA token of a device in debug mode",
        check="policy-debug",
        reason=Rejection.DEBUG,
        evidence=trustzone(claims={2395: 0x4000}),
    ),
    Refusal(
        what="realm on a platform in debug mode",
        check="policy-debug",
        reason=Rejection.DEBUG,
        evidence=realm(platform_claims={2395: 0x5000}),
    ),
    Refusal(
        what="realm whose measurements were extended",
        check="policy-workload",
        reason=Rejection.MEASUREMENT,
        evidence=realm(extensible_measurements=(b"\x01" * 32, *(bytes(32),) * 3)),
    ),
    *(
        Refusal(
            what=f"simulated {evidence.platform} on a chain that is none for development",
            check="policy-simulation",
            reason=Rejection.SIMULATED,
            evidence=evidence,
            chain_id=MAINNET,
        )
        for evidence in GOOD
    ),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.what)
def test_each_rule_of_a_policy_refuses_alone(
    refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the rule taken out, the evidence is accepted."""

    def run() -> None:
        judge(refusal.evidence, refusal.rules, at=refusal.at, chain_id=refusal.chain_id)

    with pytest.raises(EvidenceRejectedError) as refused:
        run()
    assert refused.value.reason is refusal.reason
    take_out(monkeypatch, appraisal, "POLICY_CHECKS", *refusal.check.split())
    run()


def test_a_policy_may_set_what_is_otherwise_required() -> None:
    assert judge(snp(vmpl=2), "settings = { vmpl = 2 }").claims.attributes["vmpl"] == 2
    migrating = judge(snp(policy=MIGRATION_POLICY), "settings = { migration-allowed = true }")
    assert migrating.claims.attributes["migration-allowed"] is True
    assert judge(snp(), 'minimums = { "tcb-snp" = 24, "tcb-microcode" = 219 }').simulated
    normal = judge(trustzone(client_id=-5), "settings = { secure-client = false }")
    assert normal.claims.attributes["client-id"] == -5


def test_a_policy_says_how_old_a_document_may_be() -> None:
    assert judge(nitro(), at=AT + 300).simulated
    with pytest.raises(EvidenceRejectedError, match="at most 300 s"):
        judge(nitro(), at=AT + 301)
    assert judge(nitro(), "max_age = 3600", at=AT + 3600).simulated
    with pytest.raises(EvidenceRejectedError, match="at most 10 s"):
        judge(nitro(), "max_age = 10", at=AT + 11)


@pytest.mark.parametrize("evidence", GOOD, ids=lambda evidence: evidence.platform)
def test_evidence_copied_to_another_operator_is_refused(evidence: Evidence) -> None:
    copied = replace(binding(evidence.platform), operator=Address(b"\x66" * 20))
    policy = parse_policy(policy_text(evidence.platform))
    with pytest.raises(EvidenceRejectedError) as refused:
        appraise(evidence, policy, at=AT, chain_id=DEV_CHAIN, roots=ROOTS, binding=copied)
    assert refused.value.reason is Rejection.BINDING


@pytest.mark.parametrize("evidence", GOOD, ids=lambda evidence: evidence.platform)
def test_without_a_simulations_roots_its_evidence_is_refused(evidence: Evidence) -> None:
    policy = parse_policy(policy_text(evidence.platform))
    with pytest.raises(EvidenceRejectedError) as refused:
        appraise(evidence, policy, at=AT, chain_id=DEV_CHAIN)
    assert refused.value.reason is Rejection.ROOT


def test_endorsements_are_there_where_they_belong_and_nowhere_else() -> None:
    with pytest.raises(EvidenceFormatError, match="a certificate table"):
        judge(replace(snp(), endorsements=None))
    for evidence in (nitro(), trustzone(), realm()):
        with pytest.raises(EvidenceFormatError, match=f"none for {evidence.platform}"):
            judge(replace(evidence, endorsements=b""))


KEY = ARM.key.public_key.hex()


def arm_policy(platform: Platform, key: str) -> str:
    return policy_text(platform) + f'[[key]]\nplatform = "{platform}"\n{key}\n'


@pytest.mark.parametrize("evidence", [trustzone(), realm()], ids=lambda item: item.platform)
def test_implementers_keys_come_from_the_policy(evidence: Evidence) -> None:
    """For its platform, within its time, for its devices; simulated evidence stays simulated."""
    trusted = f'public_key = "0x{KEY}"\nlabel = "lab"'
    instance = f'\nkey_id = "0x{ARM.instance_id.hex()}"'
    good = (trusted, trusted + instance, trusted + "\nsince = 2020-01-01T00:00:00Z")
    for key in good:
        policy = parse_policy(arm_policy(evidence.platform, key))
        found = appraise(evidence, policy, at=AT, chain_id=DEV_CHAIN)
        assert found.simulated
        assert found.claims.collateral[0].startswith("key lab sha256:")
    other = next(
        item for item in (Platform.ARM_CCA, Platform.ARM_TRUSTZONE) if item != evidence.platform
    )
    elsewhere = arm_policy(evidence.platform, trusted).replace(
        f'[[key]]\nplatform = "{evidence.platform}"', f'[[key]]\nplatform = "{other}"'
    )
    bad = (
        arm_policy(evidence.platform, trusted + '\nkey_id = "0x01"'),
        arm_policy(evidence.platform, trusted + "\nuntil = 2026-01-01T00:00:00Z"),
        arm_policy(evidence.platform, trusted + "\nsince = 2030-01-01T00:00:00Z"),
        elsewhere,
    )
    for text in bad:
        with pytest.raises(EvidenceRejectedError, match="no trusted key"):
            appraise(evidence, parse_policy(text), at=AT, chain_id=DEV_CHAIN)


def test_a_key_that_ends_bounds_validity() -> None:
    key = f'public_key = "0x{KEY}"\nuntil = 2026-12-31T00:00:00Z'
    policy = parse_policy(arm_policy(Platform.ARM_CCA, key))
    assert appraise(realm(), policy, at=AT, chain_id=DEV_CHAIN).valid_until == 1_798_675_200
