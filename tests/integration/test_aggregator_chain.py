"""The aggregator's core over the real contracts: registry, confirmation, evidence, reorgs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from coprove.attestation import AvsPoe, batch_hash
from coprove.avs.aggregator.engine import AggregatorEngine
from coprove.avs.aggregator.evidence import slashing_call
from coprove.avs.aggregator.gate import ChainGate
from coprove.avs.aggregator.metrics import ENGINE_METRICS
from coprove.avs.aggregator.options import EngineOptions, RollupIdentity
from coprove.avs.aggregator.registry import ChainRegistry, LiveProvers, registry_addresses
from coprove.avs.tasks import AvsTask, RangeMetadata, Submission, TaskDraft
from coprove.contracts.avs.slashing import AvsSlasher
from coprove.storage import AvsLog, Scope, open_store
from coprove.telemetry import Metrics
from coprove.types import Hash32
from tests.integration.anvil_l1 import OTHER
from tests.integration.avs_lab import (
    CONFIG_HASH,
    CONFIRMER,
    L2_CHAIN_ID,
    STAKE,
    AvsLab,
    LabOperator,
    running_avs,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anvil

L1_HEAD = Hash32(b"\x11" * 32)


def _submission(one: LabOperator, task: AvsTask, root: bytes = b"\x77" * 32) -> Submission:
    range_ = task.draft.metadata
    poe = AvsPoe(
        batch_hash=batch_hash(
            l2_chain_id=L2_CHAIN_ID,
            rollup_config_hash=CONFIG_HASH,
            l1_head=task.draft.l1_head,
            pre_block=range_.pre_block,
            post_block=range_.end_block,
        ),
        state_hash=Hash32(b"\x22" * 32),
        prev_state_root=Hash32(b"\x33" * 32),
        new_state_root=Hash32(root),
        withdrawal_root=Hash32(b"\x44" * 32),
    )
    header = task.header(poe.encode())
    return Submission(
        header=header,
        quorums=(0,),
        thresholds=(0,),
        signature=one.key.sign(header.digest()).point.coordinates,
        operator_id=one.operator_id,
        prover_signature=one.prover.signer.sign_digest(poe.digest()),
    )


@asynccontextmanager
async def _engine(lab: AvsLab, folder: Path) -> AsyncIterator[AggregatorEngine]:
    """An engine on a database of its own, over the lab's chain."""
    transport = lab.l1.transport
    addresses = await registry_addresses(
        transport,
        coordinator=lab.middleware.registry_coordinator,
        retriever=lab.middleware.operator_state_retriever,
    )

    def alarm(error: Exception) -> None:
        raise AssertionError from error

    avs = lab.contracts.service_manager
    provers = LiveProvers(transport, service_manager=avs, clock=lambda: 0.0)
    registry = ChainRegistry(transport, addresses, provers, start=0, alarm=alarm)
    await registry.sync()
    now = float(await lab.l1.timestamp())
    scope = Scope(l1_chain_id=1, l2_chain_id=L2_CHAIN_ID, contract=avs)
    async with (
        await open_store(f"sqlite:///{folder / 'avs.db'}", scope) as store,
        lab.l1.manager(CONFIRMER) as manager,
        AggregatorEngine(
            registry=registry,
            log=AvsLog(store, await store.acquire("aggregator", 3600.0)),
            gate=ChainGate(transport, avs, lab.registries, manager),
            rollups={1: RollupIdentity(l2_chain_id=L2_CHAIN_ID, config_hash=CONFIG_HASH)},
            metrics=Metrics(ENGINE_METRICS),
            options=EngineOptions(recheck=0.0, retry=0.0),
            clock=lambda: now,
        ) as engine,
    ):
        await engine.recover()
        yield engine
    await provers.close()


async def _open(lab: AvsLab, engine: AggregatorEngine, number: int = 0) -> AvsTask:
    start, end = lab.policy.range_from(number)
    return await engine.open(
        TaskDraft(
            committee_id=1,
            metadata=RangeMetadata(start_block=start, end_block=end),
            l1_head=L1_HEAD,
            l1_head_number=1,
        ),
        reference_block=await lab.reference_block(),
        quorums=(0, 1),
        thresholds=(67, 67),
        expires_at=await lab.l1.timestamp() + 3600,
    )


async def test_what_two_quorums_signed_is_confirmed_and_the_liar_is_slashed(
    tmp_path: Path,
) -> None:
    """The contract takes the sums over one and over both quorums, the slasher the evidence."""
    async with running_avs() as lab:
        liar = await lab.operator(1, [0])
        both = await lab.operator(2, [0, 1])
        second = await lab.operator(3, [1])
        first = await lab.operator(4, [0])
        more = await lab.operator(5, [0])
        avs = lab.contracts.service_manager
        async with _engine(lab, tmp_path) as engine:
            task = await _open(lab, engine)
            await engine.submit(_submission(liar, task, b"\x78" * 32))
            for one in (both, second, first, more):
                await engine.submit(_submission(one, task))
            await engine.settled()
            (confirmed,) = await lab.manager.tasks_confirmed(first=0)
            assert confirmed.task_id == task.key
            assert confirmed.non_signers == (liar.operator_id,)
            assert confirmed.signed_stakes == (3 * STAKE, 2 * STAKE)
            assert await _open(lab, engine) == task
        scope = Scope(l1_chain_id=1, l2_chain_id=L2_CHAIN_ID, contract=avs)
        async with await open_store(f"sqlite:///{tmp_path / 'avs.db'}", scope) as store:
            lease = await store.leader()
            assert lease is not None
            (evidence,) = await AvsLog(store, lease).evidence()
        assert evidence.operator_id == liar.operator_id
        slasher = AvsSlasher(lab.l1.transport, lab.contracts.slasher)
        call = slashing_call(slasher.address, evidence)
        await slasher.check(call, sender=OTHER.address)
        before = await lab.eigenlayer.shares(liar.address, [lab.dev.strategy])
        await lab.send(call, by=OTHER)
        after = await lab.eigenlayer.shares(liar.address, [lab.dev.strategy])
        assert after < before


async def test_a_reorg_takes_a_confirmation_back_and_it_comes_again(tmp_path: Path) -> None:
    """The chain goes back to before the confirmation; the engine sees to it that it is there."""
    async with running_avs() as lab:
        both = await lab.operator(1, [0, 1])
        async with _engine(lab, tmp_path) as engine:
            task = await _open(lab, engine)
            before = await lab.l1.rpc("evm_snapshot")
            await engine.submit(_submission(both, task))
            await engine.settled()
            range_ = (1, task.draft.metadata.start_block, task.draft.metadata.end_block)
            assert await lab.manager.confirmed_output(*range_) is not None
            assert await lab.l1.rpc("evm_revert", before)
            assert await lab.manager.confirmed_output(*range_) is None
            while await lab.manager.confirmed_output(*range_) is None:
                await engine.tick()
                await engine.settled()
