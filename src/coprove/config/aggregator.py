"""An aggregator of the AVS, opened as the settings say."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coprove.avs.aggregator.engine import AggregatorEngine
from coprove.avs.aggregator.gate import ChainGate
from coprove.avs.aggregator.metrics import ENGINE_METRICS
from coprove.avs.aggregator.opening import OpeningOptions
from coprove.avs.aggregator.options import EngineOptions
from coprove.avs.aggregator.registry import (
    ChainRegistry,
    LiveProvers,
    RegistryAddresses,
    registry_addresses,
)
from coprove.avs.aggregator.server import SERVER_METRICS, AggregatorServerOptions
from coprove.avs.aggregator.service import (
    Aggregator,
    AggregatorParts,
    OpenedCore,
    ScheduledSource,
    ServiceOptions,
)
from coprove.avs.aggregator.service_metrics import ALARMS, SERVICE_METRICS
from coprove.avs.aggregator.settlement import SETTLEMENT_METRICS
from coprove.avs.aggregator.sources import CreatedTasks, Moments, NewOutputs, OpStackRanges
from coprove.avs.aggregator.sources.ranges import RangeStates
from coprove.config.aggregator_settlement import check_settlement, settler_of
from coprove.config.aggregator_sources import task_fetchers
from coprove.config.errors import SettingError
from coprove.config.makers import open_signer
from coprove.config.wiring import bearer_tokens, endpoint_options, fee_policy, require
from coprove.contracts import OutputOracle, TransactionManager, TransactionOptions
from coprove.contracts.avs import NO_ADDRESS, ServiceManager
from coprove.contracts.eigenlayer.addresses import Middleware
from coprove.contracts.eigenlayer.registries import QuorumRegistries
from coprove.rpc import L1Client, RollupNodeClient, open_transport
from coprove.storage import AvsLog, AvsSettlementLog, Scope, TransactionLog, open_store
from coprove.telemetry import Metrics, TelemetryServer, get_logger
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from coprove.avs.aggregator.options import RollupIdentity
    from coprove.avs.aggregator.registry import RegistryDisagreesError
    from coprove.config.settings import Settings
    from coprove.contracts import Signer
    from coprove.rpc import RpcTransport
    from coprove.storage import Lease, SqlRequestStore

__all__ = ["aggregator_server_options", "open_aggregator"]

_log = get_logger(part="aggregator")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Avs:
    """The AVS on chain, and what is measured of it here."""

    settings: Settings
    transport: RpcTransport
    manager: ServiceManager
    middleware: Middleware
    metrics: Metrics


def aggregator_server_options(settings: Settings) -> AggregatorServerOptions:
    """Return how the aggregator's server behaves."""
    given = settings.aggregator
    return AggregatorServerOptions(
        host=given.host,
        port=given.port,
        public=given.public,
        audiences=given.audiences,
        admin_tokens=bearer_tokens(
            given.admin_tokens, given.admin_token_file, "aggregator.admin_token_file"
        ),
        requests_per_second=given.requests_per_second,
        burst=given.burst,
        operator_requests_per_second=given.operator_requests_per_second,
        operator_burst=given.operator_burst,
        client_polls=given.client_polls,
    )


@asynccontextmanager
async def open_aggregator(settings: Settings) -> AsyncIterator[Aggregator]:
    """Open nodes, database and signer; the aggregator listens and works when it is entered.

    SettingError for what is missing; errors of the nodes, since contracts are read.
    """
    given = settings.aggregator
    metrics = Metrics((*ENGINE_METRICS, *SERVER_METRICS, *SERVICE_METRICS, *SETTLEMENT_METRICS))
    async with AsyncExitStack() as stack:
        options = endpoint_options(settings)
        l1_url = require("rpc.l1", settings.rpc.l1)
        transport = await stack.enter_async_context(
            open_transport(l1_url, options, quorum=settings.rpc.quorum)
        )
        node_url = require("rpc.node", settings.rpc.node or settings.rpc.l2)
        node = RollupNodeClient(
            await stack.enter_async_context(
                open_transport(node_url, options, quorum=settings.rpc.quorum)
            )
        )
        l1 = L1Client(transport)
        manager = ServiceManager(
            transport, _address("aggregator.service_manager", given.service_manager)
        )
        avs = _Avs(
            settings=settings,
            transport=transport,
            manager=manager,
            middleware=await _middleware(settings, transport, manager),
            metrics=metrics,
        )
        await check_settlement(settings, transport, manager)
        registry = _registry(avs, stack)
        chain_id = await l1.chain_id()
        rollups: dict[int, RollupIdentity] = {}
        store = await stack.enter_async_context(
            await open_store(_database(settings), await _scope(given.committees, manager, chain_id))
        )
        signer = await stack.enter_async_context(open_signer(settings))
        parts = AggregatorParts(
            store=store,
            registry=registry,
            manager=manager,
            l1=l1,
            sources=await _sources(settings, stack, transport, manager, Moments(node, l1)),
            committees=given.committees,
            rollups=rollups,
            engine=_engine_opener(avs, store, signer, registry, rollups),
            chain_id=chain_id,
        )
        if given.metrics is not None:
            host, _, port = given.metrics.rpartition(":")
            bare = host.strip("[]") or "0.0.0.0"  # noqa: S104 - as it was asked
            await stack.enter_async_context(TelemetryServer(metrics, host=bare, port=int(port)))
        yield Aggregator(
            parts,
            metrics,
            server=aggregator_server_options(settings),
            opening=OpeningOptions(
                time_to_expiry=given.time_to_expiry,
                threshold=given.threshold,
                reference_lag=given.reference_lag,
            ),
            options=ServiceOptions(
                sync_interval=given.sync_interval,
                settle_interval=given.settle_interval,
                lease_seconds=given.lease_seconds,
            ),
        )


async def _middleware(
    settings: Settings, transport: RpcTransport, manager: ServiceManager
) -> Middleware:
    """Return the AVS' registries; SettingError when it has another coordinator than is set."""
    given = settings.aggregator
    coordinator, index = await asyncio.gather(
        manager.module("registryCoordinator"), manager.module("indexRegistry")
    )
    if given.registry_coordinator is not None:
        asked = Address.from_hex(given.registry_coordinator)
        if asked != coordinator:
            raise SettingError(
                "aggregator.registry_coordinator", expected=coordinator, actual=asked
            )
    found = await registry_addresses(
        transport,
        coordinator=coordinator,
        retriever=_address("aggregator.operator_state_retriever", given.operator_state_retriever),
    )
    return Middleware(
        registry_coordinator=found.coordinator,
        stake_registry=found.stakes,
        bls_apk_registry=found.keys,
        index_registry=index,
        operator_state_retriever=found.retriever,
    )


def _registry(avs: _Avs, stack: AsyncExitStack) -> ChainRegistry:
    given, transport, middleware = avs.settings.aggregator, avs.transport, avs.middleware
    verifier = given.liveness_verifier
    provers = LiveProvers(
        transport,
        service_manager=avs.manager.address,
        verifier=None if verifier is None else Address.from_hex(verifier),
        max_age=given.liveness_max_age,
    )
    stack.push_async_callback(provers.close)

    def alarm(error: RegistryDisagreesError) -> None:
        avs.metrics.inc(ALARMS)
        _log.error("an L1 endpoint contradicts itself", error=error, endpoint=transport.name)

    return ChainRegistry(
        transport,
        RegistryAddresses(
            coordinator=middleware.registry_coordinator,
            keys=middleware.bls_apk_registry,
            stakes=middleware.stake_registry,
            retriever=middleware.operator_state_retriever,
        ),
        provers,
        start=given.start_block,
        timeout=given.l1_timeout,
        alarm=alarm,
    )


async def _sources(
    settings: Settings,
    stack: AsyncExitStack,
    transport: RpcTransport,
    manager: ServiceManager,
    moments: Moments,
) -> Sequence[ScheduledSource]:
    given = settings.aggregator
    shared: dict[str, Any] = {
        "moments": moments,
        "states": RangeStates(manager),
        "max_open": given.max_open,
    }
    found: list[Any] = []
    if given.ranges:
        found += [OpStackRanges(number, manager=manager, **shared) for number in given.committees]
    if given.created:
        found.append(
            CreatedTasks(given.committees, manager=manager, start=given.start_block, **shared)
        )
    for number in given.committees if given.outputs else ():
        policy = await manager.rollup_policy(number)
        if policy is None or policy.oracle == NO_ADDRESS:
            raise SettingError(
                "aggregator.outputs", expected=f"an oracle of committee {number}", actual="none"
            )
        oracle = OutputOracle(transport, policy.oracle)
        found.append(NewOutputs(number, oracle=oracle, start=given.start_block, **shared))
    scheduled = [ScheduledSource(source=item, interval=given.poll_interval) for item in found]
    scheduled += await task_fetchers(settings, stack, transport, **shared)
    if not scheduled:
        raise SettingError("aggregator.ranges", expected="one source of tasks", actual="none")
    return scheduled


def _engine_opener(
    avs: _Avs,
    store: SqlRequestStore,
    signer: Signer,
    registry: ChainRegistry,
    rollups: dict[int, RollupIdentity],
) -> Callable[[Lease, Callable[[], Awaitable[None]]], AbstractAsyncContextManager[OpenedCore]]:
    given, transport = avs.settings.transactions, avs.transport
    sending = TransactionOptions(
        confirmations=given.confirmations,
        resubmit_after=given.resubmit_after,
        fees=fee_policy(avs.settings),
    )
    registries = QuorumRegistries(transport, avs.middleware)

    @asynccontextmanager
    async def opened(
        lease: Lease, guard: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[OpenedCore]:
        log = TransactionLog(store, lease)
        async with TransactionManager(transport, signer, log, sending, guard=guard) as sender:
            settler = settler_of(
                avs.settings,
                AvsSettlementLog(store, lease),
                manager=avs.manager,
                registries=registries,
                transport=transport,
                sender=sender,
                metrics=avs.metrics,
            )
            engine = AggregatorEngine(
                registry=registry,
                log=AvsLog(store, lease),
                gate=ChainGate(transport, avs.manager.address, registries, sender),
                rollups=rollups,
                metrics=avs.metrics,
                options=EngineOptions(min_wait=avs.settings.aggregator.min_wait),
            )
            async with engine:
                yield OpenedCore(engine=engine, settler=settler)

    return opened


async def _scope(committees: Sequence[int], manager: ServiceManager, chain_id: int) -> Scope:
    """Return whose records these are: the AVS', on this L1, for its first committee's rollup."""
    policy = await manager.rollup_policy(committees[0])
    return Scope(
        l1_chain_id=chain_id,
        l2_chain_id=0 if policy is None else policy.l2_chain_id,
        contract=manager.address,
        config_name="avs-aggregator",
    )


def _database(settings: Settings) -> str:
    given = settings.aggregator
    if given.database_url is not None:
        return given.database_url.get_secret_value()
    given.data_dir.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{given.data_dir.resolve() / 'aggregator.sqlite'}"


def _address(path: str, text: str | None) -> Address:
    return Address.from_hex(require(path, text))
