"""The aggregator's core over the lab's contracts, with a database of its own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.attestation import AvsPoe, batch_hash
from coprove.avs.aggregator.engine import AggregatorEngine
from coprove.avs.aggregator.gate import ChainGate
from coprove.avs.aggregator.metrics import ENGINE_METRICS
from coprove.avs.aggregator.options import EngineOptions, RollupIdentity
from coprove.avs.aggregator.registry import ChainRegistry, LiveProvers, registry_addresses
from coprove.avs.tasks import AvsTask, RangeMetadata, Submission, TaskDraft
from coprove.storage import AvsLog, AvsSettlementLog, Scope, open_store
from coprove.telemetry import Metrics
from coprove.types import Hash32
from tests.integration.avs_lab import CONFIG_HASH, CONFIRMER, L2_CHAIN_ID, AvsLab, LabOperator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from coprove.contracts import TransactionManager

__all__ = ["L1_HEAD", "Core", "open_task", "running_core", "submission"]

L1_HEAD = Hash32(b"\x11" * 32)


def submission(one: LabOperator, task: AvsTask, root: bytes = b"\x77" * 32) -> Submission:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """An engine, and what else writes to its database and sends from its account."""

    engine: AggregatorEngine
    log: AvsLog
    settlements: AvsSettlementLog
    sender: TransactionManager


@asynccontextmanager
async def running_core(lab: AvsLab, folder: Path) -> AsyncIterator[Core]:
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
    ):
        lease = await store.acquire("aggregator", 3600.0)
        async with AggregatorEngine(
            registry=registry,
            log=AvsLog(store, lease),
            gate=ChainGate(transport, avs, lab.registries, manager),
            rollups={1: RollupIdentity(l2_chain_id=L2_CHAIN_ID, config_hash=CONFIG_HASH)},
            metrics=Metrics(ENGINE_METRICS),
            options=EngineOptions(recheck=0.0, retry=0.0),
            clock=lambda: now,
        ) as engine:
            await engine.recover()
            yield Core(
                engine=engine,
                settlements=AvsSettlementLog(store, lease),
                log=AvsLog(store, lease),
                sender=manager,
            )
    await provers.close()


async def open_task(lab: AvsLab, engine: AggregatorEngine, number: int = 0) -> AvsTask:
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
