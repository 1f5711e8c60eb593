"""Slashings and rewards, sent by the aggregator itself, on EigenLayer's own contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coprove.avs.aggregator.evidence import slashing_call
from coprove.avs.aggregator.settlement import (
    SETTLEMENT_METRICS,
    ProvenWrong,
    Rewards,
    Settler,
    SettlerOptions,
    Slashings,
)
from coprove.avs.aggregator.settlement.metrics import CONTRADICTED, FAILED, SENT, SETTLED
from coprove.avs.tasks import RefusedError
from coprove.contracts.avs import fund_reserve_call
from coprove.contracts.avs.rewards import AvsRewards, split_reward
from coprove.contracts.avs.slashing import AvsSlasher, Offence
from coprove.contracts.eigenlayer import approve_call
from coprove.storage import NOBODY, AvsSettlementKind, AvsSettlementState
from coprove.telemetry import Metrics, MetricSpec
from tests.integration.aggregator_lab import Core, open_task, running_core, submission
from tests.integration.avs_lab import REWARD, STAKE, AvsLab, running_avs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anvil


def _settler(lab: AvsLab, core: Core, metrics: Metrics) -> Settler:
    transport, manager = lab.l1.transport, lab.manager
    slasher = AvsSlasher(transport, lab.contracts.slasher)
    log = core.settlements
    return Settler(
        [
            Slashings(log, slasher),
            ProvenWrong(
                log,
                transport=transport,
                manager=manager,
                registries=lab.registries,
                slasher=slasher,
                metrics=metrics,
            ),
            Rewards(log, manager, lab.registries, lab.contracts.rewards),
        ],
        log=log,
        transport=transport,
        sender=core.sender,
        metrics=metrics,
        options=SettlerOptions(retry=0.0),
    )


def _value(metrics: Metrics, spec: MetricSpec, **labels: str) -> float:
    """A counter's value; 0 where it was never raised."""
    shown = ",".join(f'{name}="{labels[name]}"' for name in sorted(labels))
    series = f"{spec.name}_total" + (f"{{{shown}}}" if shown else "")
    for line in metrics.render().decode().splitlines():
        name, _, value = line.rpartition(" ")
        if name == series:
            return float(value)
    return 0.0


async def test_liars_are_slashed_and_who_signed_is_paid(tmp_path: Path) -> None:
    """One signed another state, one signed two: each is slashed once, the others get their part."""
    async with running_avs() as lab:
        liar = await lab.operator(1, [0])
        double = await lab.operator(2, [1])
        honest = [await lab.operator(number, [0, 1]) for number in (3, 4, 5)]
        strategy = lab.dev.strategy
        reserve = approve_call(lab.dev.token, lab.contracts.service_manager, REWARD)
        await lab.send(reserve)
        await lab.send(fund_reserve_call(lab.contracts.service_manager, lab.dev.token, REWARD))
        async with running_core(lab, tmp_path) as core:
            metrics = Metrics(SETTLEMENT_METRICS)
            settler = _settler(lab, core, metrics)
            await settler.tick()
            task = await open_task(lab, core.engine)
            await core.engine.submit(submission(liar, task, b"\x78" * 32))
            await core.engine.submit(submission(double, task))
            with pytest.raises(RefusedError):
                await core.engine.submit(submission(double, task, b"\x79" * 32))
            for one in honest:
                await core.engine.submit(submission(one, task))
            await core.engine.settled()
            await lab.attestation.later(30)
            await settler.tick()
            shares = {
                one.address: (await lab.eigenlayer.shares(one.address, [strategy]))[0]
                for one in (liar, double, *honest)
            }
            assert shares == {
                liar.address: STAKE * 3 // 4,
                double.address: STAKE * 3 // 4,
                **{one.address: STAKE for one in honest},
            }
            slasher = AvsSlasher(lab.l1.transport, lab.contracts.slasher)
            assert {(one.operator, one.offence) for one in await slasher.slashed(first=0)} == {
                (liar.address, Offence.CONTRADICTS_QUORUM),
                (double.address, Offence.EQUIVOCATION),
            }
            (settled,) = await AvsRewards(lab.l1.transport, lab.contracts.rewards).settled(first=0)
            confirmed = {one.address: STAKE for one in honest}
            quorums = [confirmed, confirmed | {double.address: STAKE}]
            (what,) = await lab.manager.tasks_confirmed(first=0)
            if double.operator_id in what.non_signers:
                quorums[1] = confirmed
            assert settled.amounts == split_reward(REWARD, quorums)

            # It ends when a final block has it, and not before.
            reward = (AvsSettlementKind.REWARD, task.key, NOBODY)
            found = await core.settlements.settlement(*reward)
            assert found is not None
            assert found.state is AvsSettlementState.OPEN
            await lab.l1.mine(70)
            await settler.tick()
            found = await core.settlements.settlement(*reward)
            assert found is not None
            assert found.state is AvsSettlementState.DONE
            for kind in ("reward", "equivocation", "contradicts-quorum"):
                assert _value(metrics, SENT, kind=kind) == 1
                assert _value(metrics, SETTLED, kind=kind) == 1
            number = await lab.l1.number()
            await settler.tick()
            assert await lab.l1.number() == number


async def test_a_reorg_takes_a_slashing_back_and_it_comes_again(tmp_path: Path) -> None:
    """What the chain lost before it was final is sent again by the next look."""
    async with running_avs() as lab:
        double = await lab.operator(1, [0])
        async with running_core(lab, tmp_path) as core:
            settler = _settler(lab, core, Metrics(SETTLEMENT_METRICS))
            task = await open_task(lab, core.engine)
            await core.engine.submit(submission(double, task))
            with pytest.raises(RefusedError):
                await core.engine.submit(submission(double, task, b"\x79" * 32))
            snapshot = await lab.l1.rpc("evm_snapshot")
            slasher = AvsSlasher(lab.l1.transport, lab.contracts.slasher)
            await settler.tick()
            assert await slasher.is_slashed(task.key, double.operator_id)
            assert await lab.l1.rpc("evm_revert", snapshot)
            assert not await slasher.is_slashed(task.key, double.operator_id)
            while not await slasher.is_slashed(task.key, double.operator_id):
                await settler.tick()


async def test_who_is_slashed_by_another_costs_nothing(tmp_path: Path) -> None:
    """Anyone may bring evidence; what a contract refuses is counted and tried later."""
    async with running_avs() as lab:
        double = await lab.operator(1, [0])
        async with running_core(lab, tmp_path) as core:
            metrics = Metrics(SETTLEMENT_METRICS)
            settler = _settler(lab, core, metrics)
            task = await open_task(lab, core.engine)
            await core.engine.submit(submission(double, task))
            with pytest.raises(RefusedError):
                await core.engine.submit(submission(double, task, b"\x79" * 32))
            (evidence,) = await core.log.evidence()
            await lab.send(slashing_call(lab.contracts.slasher, evidence))
            await lab.l1.mine(70)
            number = await lab.l1.number()
            await settler.tick()
            assert await lab.l1.number() == number
            found = await core.settlements.settlement(
                AvsSettlementKind.EQUIVOCATION, task.key, double.operator_id
            )
            assert found is not None
            assert found.state is AvsSettlementState.DONE
            assert _value(metrics, SENT, kind="equivocation") == 0
            assert _value(metrics, CONTRADICTED) == 0
            assert _value(metrics, FAILED, kind="equivocation", error="AlreadySlashed") == 0
