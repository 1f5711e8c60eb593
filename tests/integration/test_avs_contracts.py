"""The AVS' contracts over EigenLayer's own: quorums, confirmation, slashing, rewards."""

from __future__ import annotations

import pytest

from coprove.avs.operator.claiming import claim_rewards, rewards_of
from coprove.avs.operator.fees import Fees
from coprove.contracts import CallRevertedError
from coprove.contracts.avs import confirm_state_call, fund_reserve_call
from coprove.contracts.avs.rewards import AvsRewards, settle_call, split_reward
from coprove.contracts.avs.slashing import (
    AvsSlasher,
    Offence,
    SignedState,
    SigningKey,
    slash_equivocation_call,
)
from coprove.contracts.eigenlayer import (
    RewardsCoordinator,
    RewardTree,
    approve_call,
    read_earnings,
    submit_root_call,
    write_earnings,
)
from coprove.errors import InputError
from coprove.types import Hash32
from tests.integration.anvil_l1 import OTHER
from tests.integration.avs_lab import (
    CONFIRMER,
    REWARD,
    STAKE,
    coordinates,
    coordinates_g2,
    running_avs,
)

pytestmark = pytest.mark.anvil


async def test_a_quorum_confirms_and_is_paid() -> None:
    """Operators of one and of both quorums, one of them absent: confirmed, settled, claimed."""
    async with running_avs() as lab:
        first = await lab.operator(1, [0])
        second = await lab.operator(2, [1])
        both = await lab.operator(3, [0, 1])
        third = await lab.operator(4, [0])
        absent = await lab.operator(5, [0])
        signers = [first, second, both, third]
        state = await lab.registries.operator_state([0, 1], await lab.reference_block())
        assert [{item.account for item in quorum} for quorum in state] == [
            {one.address for one in (first, both, third, absent)},
            {one.address for one in (second, both)},
        ]
        assert {item.stake for quorum in state for item in quorum} == {STAKE}

        dev, manager = lab.dev, lab.contracts.service_manager
        await lab.send(approve_call(dev.token, manager, 3 * REWARD))
        await lab.send(fund_reserve_call(manager, dev.token, 3 * REWARD))
        header = await lab.header()
        signed = await lab.signed(header, signers, [absent])
        await lab.manager.check_confirm(header, signed, sender=CONFIRMER.address)
        await lab.confirm(header, signed)
        (confirmed,) = await lab.manager.tasks_confirmed(first=0)
        assert confirmed.non_signers == (absent.operator_id,)
        assert confirmed.signed_stakes == (3 * STAKE, 2 * STAKE)
        assert confirmed.total_stakes == (4 * STAKE, 2 * STAKE)
        found = await lab.manager.confirmed_output(1, 1, 10)
        assert found is not None
        assert found.output_root == Hash32(b"\x77" * 32)
        with pytest.raises(CallRevertedError, match="TaskAlreadyConfirmed"):
            await lab.manager.check_confirm(header, signed, sender=CONFIRMER.address)

        await lab.attestation.later(30)
        indices = [
            [
                await lab.registries.stake_index(id_, quorum, header.reference_block)
                for id_ in await lab.registries.operator_list(quorum, header.reference_block)
            ]
            for quorum in (0, 1)
        ]
        settle = settle_call(
            lab.contracts.rewards,
            header=header,
            non_signers=confirmed.non_signers,
            stake_indices=indices,
        )
        rewards = AvsRewards(lab.l1.transport, lab.contracts.rewards)
        fees = Fees(lab.l1.transport, rewards, first.address)
        assert await fees.new() == {}
        await lab.send(settle, by=OTHER)
        assert await fees.new() == {}, "not final yet"
        (settled,) = await rewards.settled(first=0)
        assert await rewards.coordinator() == dev.core.rewards_coordinator
        expected = split_reward(
            REWARD,
            [
                {one.address: STAKE for one in (first, both, third)},
                {one.address: STAKE for one in (second, both)},
            ],
        )
        assert settled.amounts == expected
        assert sum(expected.values()) == REWARD
        await lab.l1.mine(70)
        assert await fees.new() == {dev.token: expected[first.address] / 10**18}
        assert await fees.new() == {}

        tree = RewardTree({who: {dev.token: amount} for who, amount in expected.items()})
        coordinator = RewardsCoordinator(lab.l1.transport, dev.core.rewards_coordinator)
        until = await lab.l1.timestamp() // 10 * 10 - 10
        await lab.send(submit_root_call(coordinator.address, tree.root, until=until))
        await lab.l1.mine()
        earnings = read_earnings(
            write_earnings(
                {who: {dev.token: amount} for who, amount in expected.items()}, snapshot=until
            ).encode()
        )
        assert await coordinator.claimer(first.address) == first.address
        for one in signers:
            before = await lab.eigenlayer.balance(dev.token, one.address)
            other = {"earner": OTHER.address, "recipient": one.address}
            async with lab.l1.manager(one.signer) as sender:
                whose = {"earner": one.address, "recipient": one.address}
                more = {**earnings, one.address: {dev.token: 2 * REWARD}}
                with pytest.raises(InputError, match="a root that was posted"):
                    await claim_rewards(sender, coordinator, more, **whose)
                with pytest.raises(InputError, match="which claims"):
                    await claim_rewards(sender, coordinator, earnings, **other)
                claimed = await claim_rewards(sender, coordinator, earnings, **whose)
                assert claimed.amounts == {dev.token: expected[one.address]}
                assert claimed.transaction is not None
                again = await claim_rewards(sender, coordinator, earnings, **whose)
                assert (again.amounts, again.transaction) == ({}, None)
            after = await lab.eigenlayer.balance(dev.token, one.address)
            assert after - before == expected[one.address]
            assert await coordinator.claimed(one.address, dev.token) == expected[one.address]
            (row,) = await rewards_of(one.address, rewards, coordinator, first=0)
            assert (row.settled, row.tasks, row.claimed) == (expected[one.address], 1, row.settled)


async def test_two_states_cost_shares() -> None:
    """Evidence of two signatures slashes on the AllocationManager: shares before and after."""
    async with running_avs() as lab:
        liar = await lab.operator(1, [0])
        honest = await lab.operator(2, [1])
        strategy = lab.dev.strategy
        avs = lab.contracts.service_manager
        assert await lab.eigenlayer.is_slashable(liar.address, avs, 0)
        header = await lab.header()
        other = await lab.header(root=b"\x78" * 32)

        def signed(one: object) -> SignedState:
            assert one in (header, other)
            chosen = header if one is header else other
            signature = liar.key.sign(chosen.reduced().digest())
            return SignedState(
                state=chosen.state,
                reference_block=chosen.reference_block,
                signature=coordinates(signature.point.encoded),
            )

        key = SigningKey(
            g1=coordinates(liar.public_key.g1.encoded), g2=coordinates_g2(liar.public_key.g2)
        )
        slasher = AvsSlasher(lab.l1.transport, lab.contracts.slasher)
        call = slash_equivocation_call(
            slasher.address,
            committee_id=1,
            metadata=header.metadata,
            first=signed(header),
            second=signed(other),
            key=key,
        )
        before = await lab.eigenlayer.shares(liar.address, [strategy])
        await slasher.check(call, sender=OTHER.address)
        await lab.send(call, by=OTHER)
        after = await lab.eigenlayer.shares(liar.address, [strategy])
        # Half of what is allocated, which is half of all.
        assert (before, after) == ((STAKE,), (STAKE * 3 // 4,))
        assert await lab.eigenlayer.shares(honest.address, [strategy]) == (STAKE,)
        (slashed,) = await slasher.slashed(first=0)
        assert (slashed.operator, slashed.offence) == (liar.address, Offence.EQUIVOCATION)
        assert slashed.quorums == (0,)
        assert await slasher.is_slashed(slashed.task_id, liar.operator_id)
        with pytest.raises(CallRevertedError, match="AlreadySlashed"):
            await slasher.check(call, sender=OTHER.address)


async def test_a_dead_prover_does_not_count() -> None:
    """Its operator's signature makes the confirmation fail; without it there is too little."""
    async with running_avs() as lab:
        first = await lab.operator(1, [0])
        second = await lab.operator(2, [1])
        header = await lab.header()
        signed = await lab.signed(header, [first, second], [])
        await lab.manager.check_confirm(header, signed, sender=CONFIRMER.address)
        assert await lab.manager.counts(
            first.operator_id, 0, reference_block=header.reference_block
        )
        await lab.attestation.later(7201)
        assert not await lab.manager.counts(
            first.operator_id, 0, reference_block=header.reference_block
        )
        with pytest.raises(CallRevertedError, match="ProverNotLive"):
            await lab.manager.check_confirm(header, signed, sender=CONFIRMER.address)
        with pytest.raises(CallRevertedError, match="NoPermission"):
            await lab.manager.check_confirm(header, signed, sender=OTHER.address)
        call = confirm_state_call(lab.contracts.service_manager, header, signed)
        assert len(call.data) > 1000
