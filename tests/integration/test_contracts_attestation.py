"""The registry of TEE provers and what stands around it, on a real anvil (osaka)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from coprove.attestation.claims import TcbStatus
from coprove.attestation.platform import Platform
from coprove.attestation.poe import ProofOfExecution
from coprove.contracts import (
    CallRevertedError,
    MemoryIntentStore,
    TransactionRevertedError,
)
from coprove.contracts.attestation import (
    FOREVER,
    ChallengeAnswered,
    ChallengeFailed,
    ChallengeOpened,
    DisputeState,
    Liveness,
    LivenessVerifier,
    MeasurementRules,
    OperationState,
    ProverAttested,
    ProverBanned,
    ProverDeregistered,
    ProverRegistered,
    ProverState,
    ProverSuspended,
    Registration,
    ReportData,
    TimelockContract,
    TimelockOperation,
    consent_digest,
    deploy_attestation,
    deregistration_digest,
    reference_block,
)
from coprove.contracts.attestation.attestors import (
    AttestorStatement,
    confirm_call,
    confirmation_digest,
    dispute_call,
    settle_dispute_call,
)
from coprove.contracts.attestation.liveness import submit_liveness_proof_call
from coprove.contracts.attestation.poe import record_poe_call
from coprove.contracts.attestation.policy import (
    revoke_measurement_call,
    schedule_measurement_call,
    set_tcb_acceptance_call,
)
from coprove.contracts.attestation.registry import (
    answer_call,
    ban_call,
    challenge_call,
    deregister_call,
    deregister_signed_call,
    pause_call,
    register_call,
    set_delegate_call,
    settle_call,
    unpause_call,
    void_evidence_call,
    withdraw_call,
)
from coprove.errors import InputError
from coprove.types import ZERO_HASH, Address, Hash32
from tests.integration.anvil_l1 import CHALLENGER, DEPLOYER, PROPOSER
from tests.integration.attestation_lab import (
    ATTESTORS,
    BOND,
    CHAIN_ID,
    CODE,
    COOLDOWN,
    DELAY,
    GUARDIAN,
    NEXT_CODE,
    OPERATOR,
    TTL,
    WINDOW,
    Key,
    Lab,
    running_lab,
    settings,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anvil

FIRST = Key("first")
SECOND = Key("second")


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with running_lab() as running:
        yield running


async def refused(lab: Lab, registration: Registration, error: str) -> CallRevertedError:
    """Expect a registration to be refused by name: asked, and sent."""
    with pytest.raises(CallRevertedError) as caught:
        await lab.registry.preview(registration)
    assert caught.value.error == error
    with pytest.raises(CallRevertedError) as sent:
        await lab.send(register_call(registration))
    assert sent.value.error == error
    return caught.value


async def test_a_prover_registers_renews_expires_and_leaves(lab: Lab) -> None:
    """Record, liveness, events and both ways of leaving."""
    assert await lab.registry.prover(FIRST.address) is None
    status = await lab.registry.liveness(FIRST.address)
    assert (status.liveness, status.until, status.is_live) == (Liveness.UNKNOWN, 0, False)
    registration = await lab.registration(FIRST)
    prover, claims = await lab.registry.preview(registration)
    assert prover == FIRST.address
    assert claims.report_digest == registration.binding.digest()
    mined = await lab.send(register_call(registration))
    record = await lab.registry.prover(FIRST.address)
    assert record is not None
    assert record.operator == OPERATOR.address
    assert record.state is ProverState.REGISTERED
    assert (record.platform, record.measurement) == (Platform.AWS_NITRO, CODE)
    assert (record.simulated, record.attested, record.challenged) == (True, True, False)
    assert record.valid_until == record.attested_at + TTL
    assert await lab.registry.is_live(FIRST.address)
    assert (await lab.registry.liveness(FIRST.address)).until == record.valid_until
    assert await lab.registry.is_replay_key_used(claims.replay_key)

    await lab.later(TTL + 1)
    assert (await lab.registry.liveness(FIRST.address)).liveness is Liveness.EXPIRED
    await lab.register(FIRST)
    signature = FIRST.signer.sign_digest(
        deregistration_digest(
            chain_id=CHAIN_ID,
            registry=lab.registry.address,
            operator=OPERATOR.address,
            nonce=await lab.registry.operator_nonce(OPERATOR.address),
        )
    )
    await lab.send(deregister_signed_call(signature))
    assert (await lab.registry.liveness(FIRST.address)).liveness is Liveness.DEREGISTERED
    assert await lab.registry.operator_nonce(OPERATOR.address) == 1
    await lab.register(FIRST)
    await lab.send(deregister_call(FIRST.address))

    events = await lab.registry.events(first=mined.block_number, prover=FIRST.address)
    assert [type(event) for event in events] == [
        ProverRegistered,
        ProverAttested,
        ProverAttested,
        ProverDeregistered,
        ProverRegistered,
        ProverAttested,
        ProverDeregistered,
    ]
    registered, attested = events[:2]
    assert isinstance(registered, ProverRegistered)
    assert registered.public_key == FIRST.public
    assert registered.place.tx_hash == mined.tx_hash
    assert isinstance(attested, ProverAttested)
    assert (attested.measurement, attested.tcb_status) == (CODE, TcbStatus.OK)
    assert (attested.simulated, attested.attested) == (True, True)
    assert await lab.registry.events(first=0, prover=SECOND.address) == []


async def test_evidence_for_something_else_is_refused_by_name(lab: Lab) -> None:
    """Another operator, key, chain, registry, nonce, block or code; evidence used before."""
    binding = await lab.binding(FIRST)
    claims = await lab.claims(binding)
    good = await lab.vouched(binding, claims)

    for copy in (
        replace(binding, operator=PROPOSER.address),
        replace(binding, public_key=SECOND.public),
    ):
        await refused(lab, replace(good, binding=copy), "ReportDataMismatch")
    for elsewhere in (
        replace(binding, chain_id=1),
        replace(binding, verifier=Address(b"\x01" * 20)),
    ):
        foreign = await lab.claims(elsewhere)
        error = await refused(lab, await lab.vouched(binding, foreign), "ReportDataMismatch")
        assert error.arguments_of_error == (bytes(binding.digest()), bytes(foreign.report_digest))

    wrong_nonce = replace(binding, nonce=Hash32(b"\x07" * 32))
    await refused(lab, await lab.vouched(wrong_nonce, claims), "NonceMismatch")
    no_hash = replace(binding, block_hash=ZERO_HASH)
    await refused(lab, await lab.vouched(no_hash, claims), "BlockHashMismatch")
    future = replace(binding, block_number=2**40)
    await refused(lab, await lab.vouched(future, claims), "BlockNotPast")

    wrong_code = replace(claims, measurement=NEXT_CODE)
    error = await refused(lab, await lab.vouched(binding, wrong_code), "MeasurementNotActive")
    assert error.arguments_of_error == (bytes(NEXT_CODE),)
    out_of_date = replace(claims, tcb_status=TcbStatus.OUT_OF_DATE)
    await refused(lab, await lab.vouched(binding, out_of_date), "TcbNotAccepted")
    revoked = replace(claims, tcb_status=TcbStatus.REVOKED)
    await refused(lab, await lab.vouched(binding, revoked), "TcbRevoked")
    few = lab.attestors.vouch(AttestorStatement.about(b"", claims, at=1), ATTESTORS[0])
    await refused(lab, replace(good, evidence=few), "StatementNotCurrent")

    await lab.send(register_call(good))
    await refused(lab, good, "EvidenceReplayed")


async def test_a_reference_block_is_known_beyond_256_blocks(lab: Lab) -> None:
    """EIP-2935's contract answers where blockhash does not any more; too old is refused."""
    number, block_hash = await reference_block(lab.l1.transport)
    await lab.l1.mine(400)
    old = replace(await lab.binding(FIRST), block_number=number, block_hash=block_hash)
    await lab.send(register_call(await lab.vouched(old, await lab.claims(old))))
    assert await lab.registry.is_live(FIRST.address)
    await lab.l1.mine(100)
    older = replace(await lab.binding(FIRST), block_number=number, block_hash=block_hash)
    registration = await lab.vouched(older, await lab.claims(older))
    error = await refused(lab, registration, "BlockTooOld")
    assert error.arguments_of_error[0] == number
    with pytest.raises(InputError, match="depth"):
        await reference_block(lab.l1.transport, depth=0)
    with pytest.raises(InputError, match="reference block"):
        await reference_block(lab.l1.transport, depth=10**6)


async def test_others_pay_with_the_operators_consent(lab: Lab) -> None:
    """A signed consent, a delegate's, and none."""
    registration = await lab.registration(FIRST)
    with pytest.raises(CallRevertedError, match="NoConsent"):
        await lab.send(register_call(registration), by=PROPOSER)
    await lab.send(register_call(registration.consented(OPERATOR)), by=PROPOSER)
    assert await lab.registry.is_live(FIRST.address)
    # Renewals need none.
    await lab.send(register_call(await lab.registration(FIRST)), by=PROPOSER)

    await lab.send(set_delegate_call(PROPOSER.address, allowed=True))
    assert await lab.registry.is_delegate(OPERATOR.address, PROPOSER.address)
    await lab.send(register_call(await lab.registration(SECOND)), by=PROPOSER)
    assert await lab.registry.is_live(SECOND.address)
    # A consent is for one binding.
    third = await lab.registration(Key("third"))
    stale = replace(third, consent=OPERATOR.sign_digest(consent_digest(registration.binding)))
    with pytest.raises(CallRevertedError, match="NoConsent"):
        await lab.send(register_call(stale), by=CHALLENGER)
    await lab.send(void_evidence_call(OPERATOR.address), by=PROPOSER)
    await refused(lab, third, "NonceMismatch")


async def test_a_challenge_is_answered_or_suspends(lab: Lab) -> None:
    """Bond, nonce, deadline, consequence; the operator is back with a new key."""
    await lab.register(FIRST)
    with pytest.raises(CallRevertedError, match="WrongBond"):
        await lab.send(challenge_call(FIRST.address), by=CHALLENGER)
    await lab.send(challenge_call(FIRST.address), by=CHALLENGER, value=BOND)
    challenge = await lab.registry.challenge(FIRST.address)
    assert challenge is not None
    assert (challenge.challenger, challenge.bond) == (CHALLENGER.address, BOND)
    assert challenge.deadline == challenge.opened_at + WINDOW
    assert await lab.registry.nonce_for(FIRST.address, OPERATOR.address) == challenge.nonce
    answer = await lab.registration(FIRST)
    assert answer.binding.nonce == challenge.nonce
    with pytest.raises(CallRevertedError, match="ChallengeIsOpen"):
        await lab.send(register_call(answer))
    await lab.send(answer_call(answer), by=PROPOSER)
    assert await lab.registry.credits(OPERATOR.address) == BOND
    await lab.send(withdraw_call(Address(b"\xbe" * 20)))
    assert await lab.registry.credits(OPERATOR.address) == 0

    await lab.later(COOLDOWN)
    await lab.send(challenge_call(FIRST.address), by=CHALLENGER, value=BOND)
    late = await lab.registration(FIRST)
    await lab.later(WINDOW + 1)
    assert (await lab.registry.liveness(FIRST.address)).liveness is Liveness.CHALLENGE_FAILED
    with pytest.raises(CallRevertedError, match="ChallengeOverdue"):
        await lab.send(answer_call(late))
    await lab.send(settle_call(FIRST.address), by=PROPOSER)
    assert (await lab.registry.liveness(FIRST.address)).liveness is Liveness.SUSPENDED
    assert await lab.registry.credits(CHALLENGER.address) == BOND
    await lab.register(SECOND)
    assert await lab.registry.is_live(SECOND.address)
    assert not await lab.registry.is_live(FIRST.address)

    events = await lab.registry.events(first=0, prover=FIRST.address)
    kinds = [type(event) for event in events]
    assert kinds == [
        ProverRegistered,
        ProverAttested,
        ChallengeOpened,
        ChallengeAnswered,
        ProverAttested,
        ChallengeOpened,
        ChallengeFailed,
        ProverSuspended,
    ]
    failed = events[6]
    assert isinstance(failed, ChallengeFailed)
    assert (failed.operator, failed.challenger) == (OPERATOR.address, CHALLENGER.address)
    assert failed.nonce == late.binding.nonce


def claim(*, l1_chain_id: int = CHAIN_ID) -> ProofOfExecution:
    """A claim about a range, by the registered code."""
    return ProofOfExecution(
        l1_chain_id=l1_chain_id,
        l2_chain_id=901,
        rollup_config_hash=Hash32(b"c" * 32),
        l1_head=Hash32(b"h" * 32),
        l2_pre_root=Hash32(b"a" * 32),
        l2_post_root=Hash32(b"b" * 32),
        l2_pre_block=100,
        l2_post_block=105,
        measurement=CODE,
    )


async def test_a_proof_of_execution_holds_for_one_claim_of_a_live_prover(lab: Lab) -> None:
    """Digest, verification, recording; other claims, chains, keys and dead provers are refused."""
    poe = claim()
    assert await lab.poes.digest(poe) == poe.digest()
    assert await lab.poes.registry() == lab.registry.address
    signature = FIRST.signer.sign_digest(poe.digest())

    async def not_live(poe: ProofOfExecution, signature: bytes) -> object:
        with pytest.raises(CallRevertedError) as caught:
            await lab.poes.verify(poe, signature)
        assert caught.value.error == "ProverNotLive"
        return caught.value.arguments_of_error[1]

    assert await not_live(poe, signature) == Liveness.UNKNOWN
    await lab.register(FIRST)
    assert await lab.poes.verify(poe, signature) == FIRST.address
    word = Hash32(b"x" * 32)
    for other in (
        replace(poe, l2_chain_id=902),
        replace(poe, rollup_config_hash=word),
        replace(poe, l1_head=word),
        replace(poe, l2_pre_root=word),
        replace(poe, l2_post_root=word),
        replace(poe, l2_pre_block=99),
        replace(poe, l2_post_block=106),
        replace(poe, measurement=NEXT_CODE),
    ):
        assert await not_live(other, signature) == Liveness.UNKNOWN
    elsewhere = FIRST.signer.sign_digest(claim(l1_chain_id=1).digest())
    assert await not_live(poe, elsewhere) == Liveness.UNKNOWN
    other_code = replace(poe, measurement=NEXT_CODE)
    with pytest.raises(CallRevertedError, match="WrongMeasurement"):
        await lab.poes.verify(other_code, FIRST.signer.sign_digest(other_code.digest()))
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = (order - int.from_bytes(signature[32:64])).to_bytes(32)
    malleated = signature[:32] + high + bytes([55 - signature[64]])
    with pytest.raises(CallRevertedError, match="ECDSAInvalidSignatureS"):
        await lab.poes.verify(poe, malleated)

    assert await lab.poes.recorded_at(poe.digest(), FIRST.address) is None
    to = lab.poes.address
    mined = await lab.send(record_poe_call(poe, signature), to=to, by=PROPOSER)
    assert await lab.poes.recorded_at(poe.digest(), FIRST.address) is not None
    recorded = await lab.poes.recorded(first=0, prover=FIRST.address)
    assert [(entry.poe, entry.prover, entry.operator) for entry in recorded] == [
        (poe, FIRST.address, OPERATOR.address)
    ]
    assert (recorded[0].tx_hash, recorded[0].simulated) == (mined.tx_hash, True)
    assert recorded[0].digest == poe.digest()
    with pytest.raises(CallRevertedError, match="AlreadyRecorded"):
        await lab.send(record_poe_call(poe, signature), to=to)
    await lab.send(deregister_call(FIRST.address))
    assert await not_live(poe, signature) == Liveness.DEREGISTERED


async def test_the_policy_changes_through_the_timelock(lab: Lab) -> None:
    """A measurement is announced, waits twice, counts; what tightens does not wait."""
    transport = lab.l1.transport
    timelock = TimelockContract(transport, lab.contracts.timelock)
    assert await timelock.delay() == DELAY
    platform = await lab.policy.platform(Platform.AWS_NITRO)
    assert platform is not None
    assert (platform.verifier, platform.attested) == (lab.attestors.address, True)
    assert await lab.policy.platform(Platform.INTEL_SGX) is None
    assert await lab.policy.tcb_accepted_until(Platform.AWS_NITRO, TcbStatus.OK) == FOREVER
    active_from = await lab.l1.timestamp() + 2 * DELAY
    rules = MeasurementRules(platform=Platform.AWS_NITRO, active_from=active_from)
    operation = TimelockOperation(
        target=lab.policy.address, data=schedule_measurement_call(NEXT_CODE, rules)
    )
    with pytest.raises(CallRevertedError, match="AccessControlUnauthorizedAccount"):
        await lab.send(operation.data, to=lab.policy.address, by=DEPLOYER)
    assert await timelock.state(operation) is OperationState.UNSET
    to = lab.contracts.timelock
    await lab.send(operation.schedule_call(DELAY), to=to, by=CHALLENGER)
    assert await timelock.state(operation) is OperationState.WAITING
    with pytest.raises(CallRevertedError, match="TimelockUnexpectedOperationState"):
        await lab.send(operation.execute_call(), to=to)
    ready_at = await timelock.ready_at(operation)
    assert ready_at is not None
    await lab.later(DELAY)
    assert ready_at <= await lab.l1.timestamp()
    assert await timelock.state(operation) is OperationState.READY
    await lab.send(operation.execute_call(), to=to, by=PROPOSER)
    assert await timelock.state(operation) is OperationState.DONE
    assert await timelock.ready_at(operation) is None
    assert (await lab.policy.measurements())[NEXT_CODE] == rules
    assert await lab.policy.measurement(NEXT_CODE) == rules
    assert not await lab.policy.is_measurement_active(NEXT_CODE)
    early = await lab.registration(SECOND, measurement=NEXT_CODE)
    await refused(lab, early, "MeasurementNotActive")
    await lab.later(DELAY)
    assert await lab.policy.is_measurement_active(NEXT_CODE)
    await lab.send(register_call(await lab.registration(SECOND, measurement=NEXT_CODE)))
    assert await lab.registry.is_live(SECOND.address)

    await lab.send(revoke_measurement_call(NEXT_CODE), to=lab.policy.address, by=GUARDIAN)
    status = await lab.registry.liveness(SECOND.address)
    assert status.liveness is Liveness.MEASUREMENT_NOT_ACTIVE
    assert await lab.policy.measurement(NEXT_CODE) is None
    assert await lab.policy.measurement_notice() == 60

    cancelled = TimelockOperation(
        target=lab.policy.address,
        data=set_tcb_acceptance_call(Platform.AWS_NITRO, TcbStatus.OUT_OF_DATE, active_from),
    )
    await lab.send(cancelled.schedule_call(DELAY), to=to, by=CHALLENGER)
    await lab.send(cancelled.cancel_call(), to=to, by=CHALLENGER)
    assert await timelock.state(cancelled) is OperationState.UNSET


async def test_the_guardian_pauses_and_bans(lab: Lab) -> None:
    """At once, and only that: to go on is the timelock's."""
    await lab.register(FIRST)
    await lab.register(SECOND)
    await lab.send(ban_call(SECOND.address), by=GUARDIAN)
    assert (await lab.registry.liveness(SECOND.address)).liveness is Liveness.BANNED
    await refused(lab, await lab.registration(SECOND), "ProverIsBanned")
    banned = (await lab.registry.events(first=0, prover=SECOND.address))[-1]
    assert isinstance(banned, ProverBanned)
    assert banned.operator == OPERATOR.address
    await lab.send(pause_call(), by=GUARDIAN)
    assert await lab.registry.paused()
    assert (await lab.registry.liveness(FIRST.address)).liveness is Liveness.PAUSED
    await refused(lab, await lab.registration(FIRST), "EnforcedPause")
    with pytest.raises(CallRevertedError, match="AccessControlUnauthorizedAccount"):
        await lab.send(unpause_call(), by=GUARDIAN)


async def test_attested_claims_can_be_disputed(lab: Lab) -> None:
    """A dispute stops the prover; a larger quorum brings it back, silence voids the claims."""
    rules = await lab.attestors.rules()
    assert (rules.quorum, rules.confirmations, await lab.attestors.count()) == (2, 3, 3)
    assert await lab.attestors.is_attestor(ATTESTORS[0].address)
    replay_keys = []
    for key in (FIRST, SECOND):
        registration = await lab.registration(key)
        await lab.send(register_call(registration))
        claims = await lab.attestors.verify(registration.evidence)
        replay_keys.append(claims.replay_key)
        assert await lab.attestors.dispute(claims.replay_key) is None
        call = dispute_call(registration.evidence)
        await lab.send(call, to=lab.attestors.address, by=CHALLENGER, value=BOND)
        status = await lab.registry.liveness(key.address)
        assert status.liveness is Liveness.CLAIMS_DISPUTED
        with pytest.raises(CallRevertedError, match="StatementDisputed"):
            await lab.attestors.verify(registration.evidence)

    dispute = await lab.attestors.dispute(replay_keys[0])
    assert dispute is not None
    assert (dispute.disputer, dispute.state) == (CHALLENGER.address, DisputeState.OPEN)
    digest = confirmation_digest(
        dispute.statement, chain_id=CHAIN_ID, verifier=lab.attestors.address
    )
    signatures = {signer.address: signer.sign_digest(digest) for signer in ATTESTORS}
    await lab.send(confirm_call(replay_keys[0], signatures), to=lab.attestors.address)
    assert await lab.registry.is_live(FIRST.address)
    await lab.later(rules.dispute_window + 1)
    await lab.send(settle_dispute_call(replay_keys[1]), to=lab.attestors.address)
    dispute = await lab.attestors.dispute(replay_keys[1])
    assert dispute is not None
    assert dispute.state is DisputeState.VOID
    assert await lab.attestors.is_disputed(replay_keys[1])


async def test_the_avs_interface_shows_the_registrys_provers(lab: Lab) -> None:
    """As an operator of the multi-prover AVS uses it; keys are the provers' own here."""
    verifier = LivenessVerifier(lab.l1.transport, lab.contracts.liveness_verifier)
    assert not await verifier.is_live(FIRST.public)
    registration = (await lab.registration(FIRST)).consented(OPERATOR)
    report = registration.encode()
    assert await verifier.is_attestation_of(FIRST.public, report)
    assert not await verifier.is_attestation_of(SECOND.public, report)
    data = ReportData(
        public_key=FIRST.public,
        block_number=registration.binding.block_number,
        block_hash=registration.binding.block_hash,
        prover_address_hash=Hash32(b"u" * 32),
    )
    call = submit_liveness_proof_call(data, report)
    await lab.send(call, to=verifier.address, by=PROPOSER)
    assert await verifier.is_live(FIRST.public)
    assert await verifier.is_live(FIRST.public, FIRST.address)
    assert not await verifier.is_live(FIRST.public, SECOND.address)
    with pytest.raises(CallRevertedError, match="EvidenceReplayed"):
        await lab.send(call, to=verifier.address, by=PROPOSER)
    assert await verifier.validity_seconds() == 3600
    assert await verifier.max_block_number_diff() == 256
    assert not await verifier.accepts_mrenclave(b"m" * 32)
    assert not await verifier.accepts_mrsigner(b"m" * 32)
    await lab.later(3600)
    assert not await verifier.is_live(FIRST.public)
    assert await lab.registry.is_live(FIRST.address)
    with pytest.raises(InputError, match="64 bytes"):
        await verifier.is_live(b"short")


async def test_a_deployment_goes_on_where_it_stopped(lab: Lab) -> None:
    """The same key and store: the same addresses, and nothing new on chain."""
    store = MemoryIntentStore()
    now = await lab.l1.timestamp()
    wanted = settings(lab.attestors.address, now=now)
    async with lab.l1.manager(store=store) as manager:
        first = await deploy_attestation(manager, wanted, key="again")
    block = await lab.l1.number()
    async with lab.l1.manager(store=store) as manager:
        assert await deploy_attestation(manager, wanted, key="again") == first
    assert await lab.l1.number() == block
    assert first.registry != lab.registry.address
    assert await lab.registry.version() == "1.0.0"
    assert await lab.registry.policy() == lab.policy.address
    assert await lab.registry.parameters() == wanted.parameters
    with pytest.raises(InputError, match="proposers"):
        replace(wanted, proposers=[])


async def test_a_transaction_that_failed_names_its_error(lab: Lab) -> None:
    """Gas is given, so nothing is simulated before: the mined failure is decoded as well."""
    registration = await lab.registration(FIRST, measurement=NEXT_CODE)
    async with lab.l1.manager() as manager:
        with pytest.raises(TransactionRevertedError, match="MeasurementNotActive"):
            await manager.send(
                key="bad",
                to=lab.registry.address,
                data=register_call(registration),
                gas_limit=500_000,
            )
