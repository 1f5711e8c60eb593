"""Provers kept registered on a chain that verifies their quotes itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from coprove.attestation import EvidenceRejectedError, Platform, ProverBinding, Rejection
from coprove.contracts import CallRevertedError
from coprove.contracts.attestation import Liveness, ProverState
from coprove.contracts.attestation.poe import record_poe_call
from coprove.contracts.attestation.registry import challenge_call
from coprove.prover.tee.registrar import (
    CollateralUnavailableError,
    ForeignProverError,
    ProverUnreachableError,
    Step,
)
from coprove.types import Hash32
from tests.integration.ranges import range_input
from tests.integration.tee_lab import CHAIN_ID, OPERATORS, Lab, Prover, running_lab

if TYPE_CHECKING:
    from coprove.attestation.appraisal import Evidence

pytestmark = pytest.mark.anvil

BOND = 10**15


@pytest.mark.parametrize("hardfork", ["osaka", "prague"])
@pytest.mark.parametrize("platform", [Platform.INTEL_SGX, Platform.INTEL_TDX])
async def test_a_prover_registers_and_is_renewed(platform: Platform, hardfork: str) -> None:
    """Its collateral first, once; then evidence; again before the end. Also without P256VERIFY."""
    async with running_lab(hardfork=hardfork) as lab:
        prover = await lab.prover(platform)
        registrar = await lab.registrar(prover)
        assert (await registrar.tick()).step is Step.REGISTER
        record = await lab.registry.prover(prover.address)
        assert record is not None
        assert (record.platform, record.simulated) == (platform, True)
        assert await lab.registry.is_live(prover.address)
        sent = await lab.l1.nonce(OPERATORS[0].address)
        assert (await registrar.tick()).step is Step.WAIT
        assert await lab.l1.nonce(OPERATORS[0].address) == sent
        await lab.later(3600 - 300)
        assert (await registrar.tick()).step is Step.RENEW
        renewed = await lab.registry.prover(prover.address)
        assert renewed is not None
        assert renewed.valid_until > record.valid_until
        # All collateral is there: one transaction is enough.
        assert await lab.l1.nonce(OPERATORS[0].address) == sent + 1


async def challenged(lab: Lab, prover: Prover) -> None:
    await lab.send(challenge_call(prover.address), value=BOND)
    record = await lab.registry.prover(prover.address)
    assert record is not None
    assert record.challenged


async def test_a_challenge_is_answered_in_time() -> None:
    """By evidence that binds its nonce; the prover stays live."""
    async with running_lab() as lab:
        prover = await lab.prover(Platform.INTEL_SGX)
        registrar = await lab.registrar(prover)
        await registrar.tick()
        await challenged(lab, prover)
        assert (await registrar.tick()).step is Step.ANSWER
        assert await lab.registry.is_live(prover.address)
        assert (await registrar.tick()).step is Step.WAIT
        assert await lab.registry.credits(OPERATORS[0].address) == BOND


async def test_a_stopped_prover_fails_its_challenge_and_comes_back_with_a_new_key() -> None:
    """The old key is suspended, the new one registered."""
    async with running_lab() as lab:
        prover = await lab.prover(Platform.INTEL_TDX)
        registrar = await lab.registrar(prover)
        await registrar.tick()
        old = prover.address
        await challenged(lab, prover)
        await prover.down()
        with pytest.raises(ProverUnreachableError):
            await registrar.tick()
        await lab.later(61)
        assert (await lab.registry.liveness(old)).liveness is Liveness.CHALLENGE_FAILED
        await prover.up()
        assert prover.address != old
        assert (await registrar.tick()).step is Step.REGISTER
        assert await lab.registry.is_live(prover.address)
        assert not await lab.registry.is_live(old)


async def test_an_unanswered_challenge_is_settled_before_the_key_comes_back() -> None:
    """The process lived on, its registrar did not: suspended, then registered again."""
    async with running_lab() as lab:
        prover = await lab.prover(Platform.INTEL_SGX)
        registrar = await lab.registrar(prover)
        await registrar.tick()
        await challenged(lab, prover)
        await lab.later(61)
        assert (await registrar.tick()).step is Step.SETTLE
        record = await lab.registry.prover(prover.address)
        assert record is not None
        assert record.state is ProverState.SUSPENDED
        assert (await registrar.tick()).step is Step.REGISTER
        assert await lab.registry.is_live(prover.address)


async def test_a_restarted_prover_leaves_no_key_behind() -> None:
    """The key that is gone is deregistered, not left to fail a challenge."""
    async with running_lab() as lab:
        prover = await lab.prover(Platform.INTEL_SGX)
        registrar = await lab.registrar(prover)
        await registrar.tick()
        old = prover.address
        await prover.down()
        await prover.up()
        await registrar.tick()
        record = await lab.registry.prover(old)
        assert record is not None
        assert record.state is ProverState.DEREGISTERED
        assert await lab.registry.is_live(prover.address)


async def test_wrong_code_is_refused_by_name() -> None:
    """The measurement is not on the list; its operator pays nothing, not even for collateral."""
    async with running_lab() as lab:
        prover = await lab.prover(Platform.INTEL_SGX, measurement=b"\x99" * 32)
        registrar = await lab.registrar(prover)
        with pytest.raises(EvidenceRejectedError, match="is not active in the policy"):
            await registrar.tick()
        await (await lab.registrar(await lab.prover(Platform.INTEL_SGX), OPERATORS[1])).tick()
        with pytest.raises(CallRevertedError, match="MeasurementNotActive"):
            await registrar.tick()
        assert await lab.registry.prover(prover.address) is None
        assert await lab.l1.nonce(OPERATORS[0].address) == 0


async def test_nothing_is_paid_for_the_collateral_of_evidence_that_is_not_genuine() -> None:
    """A host may send any quote, each time another platform's."""
    async with running_lab() as lab:
        prover = await lab.prover(Platform.INTEL_SGX)
        registrar = await lab.registrar(prover)
        client = registrar._prover
        original = client.evidence

        async def forged(binding: ProverBinding) -> Evidence:
            found = await original(binding)
            quote = bytearray(found.evidence)
            quote[48 + 384 + 4] ^= 1
            return replace(found, evidence=bytes(quote))

        async def of_another(binding: ProverBinding) -> Evidence:
            return await original(replace(binding, nonce=Hash32(b"\x07" * 32)))

        for lie, reason in ((forged, Rejection.SIGNATURE), (of_another, Rejection.BINDING)):
            client.evidence = lie  # type: ignore[method-assign]
            with pytest.raises(EvidenceRejectedError) as refused:
                await registrar.tick()
            assert refused.value.reason is reason
        assert await lab.l1.nonce(OPERATORS[0].address) == 0


async def test_a_margin_longer_than_a_registration_does_not_renew_in_each_pass() -> None:
    """Half of its time has to be over."""
    async with running_lab() as lab:
        registrar = await lab.registrar(await lab.prover(Platform.INTEL_SGX), margin=10**6)
        assert (await registrar.tick()).step is Step.REGISTER
        assert (await registrar.tick()).step is Step.WAIT
        await lab.later(1801)
        assert (await registrar.tick()).step is Step.RENEW
        assert (await registrar.tick()).step is Step.WAIT


async def test_a_key_is_taken_out_only_after_another_one_was_shown() -> None:
    """A host that names another live key of the operator gets none deregistered by it."""
    async with running_lab() as lab:
        first, second = await lab.prover(Platform.INTEL_SGX), await lab.prover(Platform.INTEL_TDX)
        registrar, other = await lab.registrar(first), await lab.registrar(second)
        await registrar.tick()
        await other.tick()
        registrar._prover.identity = other._prover.identity  # type: ignore[method-assign]
        assert (await registrar.tick()).step is Step.WAIT
        for prover in (first, second):
            assert await lab.registry.is_live(prover.address)


async def test_two_provers_behind_one_url_do_not_take_turns() -> None:
    """Each would be registered and taken out again in every pass."""
    async with running_lab() as lab:
        first, second = await lab.prover(Platform.INTEL_SGX), await lab.prover(Platform.INTEL_SGX)
        registrar = await lab.registrar(first)
        one, two = registrar._prover, await lab.client(second)
        await registrar.tick()
        registrar._prover = two
        assert (await registrar.tick()).step is Step.REGISTER
        assert not await lab.registry.is_live(first.address)
        sent = await lab.l1.nonce(OPERATORS[0].address)
        registrar._prover = one
        with pytest.raises(ForeignProverError, match="two provers"):
            await registrar.tick()
        registrar._prover = two
        assert (await registrar.tick()).step is Step.WAIT
        assert await lab.l1.nonce(OPERATORS[0].address) == sent


async def test_a_key_that_could_not_be_taken_out_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The node did not answer just then."""
    async with running_lab() as lab:
        prover = await lab.prover(Platform.INTEL_SGX)
        registrar = await lab.registrar(prover)
        await registrar.tick()
        old = prover.address
        await prover.down()
        await prover.up()

        async def unavailable(_key: object) -> None:
            raise CollateralUnavailableError("no answer")

        with monkeypatch.context() as patched:
            patched.setattr(registrar, "_retire", unavailable)
            with pytest.raises(CollateralUnavailableError):
                await registrar.tick()
        assert await lab.registry.is_live(old)
        assert (await registrar.tick()).step is Step.WAIT
        assert not await lab.registry.is_live(old)


async def test_an_old_block_and_a_copied_quote_are_refused_by_name() -> None:
    """A block that is too old; evidence that was made for another operator."""
    async with running_lab() as lab:
        prover = await lab.prover(Platform.INTEL_SGX)
        registrar = await lab.registrar(prover)
        await lab.l1.mine(600)
        old = await lab.registrar(prover)
        old._options = replace(old._options, block_depth=510)
        with pytest.raises(CallRevertedError, match="BlockTooOld"):
            await old.tick()

        thief = await lab.registrar(prover, OPERATORS[1])
        theirs = await lab.client(prover)
        thief._prover = theirs
        original = theirs.evidence

        async def copied(binding: ProverBinding) -> Evidence:
            return await original(replace(binding, operator=OPERATORS[0].address))

        theirs.evidence = copied  # type: ignore[method-assign]
        with pytest.raises(CallRevertedError, match="ReportDataMismatch"):
            await thief.tick()

        await registrar.tick()
        with pytest.raises(ForeignProverError, match="registered by"):
            await thief.tick()


async def test_claims_of_a_live_prover_are_recorded_on_chain() -> None:
    """A recorded range, executed and signed; the contract takes it from a live prover alone."""
    async with running_lab() as lab:
        prover = await lab.prover(Platform.INTEL_SGX)
        client = await lab.client(prover)
        proven = await client.prove(range_input("calldata", 0, 20).encode())
        assert proven.prover == prover.address
        assert proven.poe.l1_chain_id == CHAIN_ID
        with pytest.raises(CallRevertedError, match="ProverNotLive"):
            await lab.poes.verify(proven.poe, proven.signature)
        await (await lab.registrar(prover)).tick()
        assert await lab.poes.verify(proven.poe, proven.signature) == prover.address
        other = replace(proven.poe, l2_post_root=proven.poe.l2_pre_root)
        with pytest.raises(CallRevertedError, match="ProverNotLive"):
            await lab.poes.verify(other, proven.signature)
        call = record_poe_call(proven.poe, proven.signature)
        await lab.send(call, to=lab.poes.address)
        [recorded] = await lab.poes.recorded(first=0)
        assert (recorded.poe, recorded.prover) == (proven.poe, prover.address)
        assert recorded.simulated
