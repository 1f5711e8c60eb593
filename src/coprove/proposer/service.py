"""The proposer as a service: connections, terms of leadership, probes, a clean end.

`run_proposer` runs until it is cancelled. While another process leads it stands by; while it leads
it ticks. A term ends when the lease is lost: then all work beside the loop stops, nothing is
written or sent, and it stands by again.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from coprove.contracts import (
    FeePolicy,
    TransactionManager,
    TransactionOptions,
    open_output_contract,
)
from coprove.errors import Temporary
from coprove.proposer import metrics as m
from coprove.proposer.alerts import Alert, LogAlerts, WebhookAlerts
from coprove.proposer.background import Background
from coprove.proposer.context import Context
from coprove.proposer.errors import ConfigMismatchError, NotLeadingError
from coprove.proposer.leadership import Leadership, LeadState
from coprove.proposer.loop import ProposerLoop
from coprove.proposer.metrics import ProposerMetrics
from coprove.proposer.pauses import Pauses
from coprove.proposer.steps.startup import require_same_config, require_usable_backend
from coprove.proposer.witness_cache import WitnessCache
from coprove.rpc import (
    BeaconClient,
    EndpointOptions,
    L1Client,
    L2Client,
    RollupNodeClient,
    open_transport,
)
from coprove.storage import ConfigIdentity, Scope, TransactionLog
from coprove.storage.errors import LeaseLostError
from coprove.telemetry import TelemetryServer, get_logger
from coprove.types import Hash32, L1ChainConfig
from coprove.witness import LiveOptions, LiveWitness

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coprove.contracts import OutputContract, Signer
    from coprove.proposer.alerts import Alerts
    from coprove.proposer.settings import ProposerSettings
    from coprove.prover import ProverBackend
    from coprove.prover.pool import RangePool
    from coprove.rpc import RpcTransport
    from coprove.storage import Lease, RequestStore

__all__ = ["Chains", "ProposerService", "open_chains", "program_identity"]

_log = get_logger(part="service")
_STALE_TICKS = 5
"""Poll intervals without a tick free of errors after which the service is not healthy."""
_LEAST_STALE_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """Clients of the nodes, and what reads through them."""

    l1_transport: RpcTransport
    """Transport of L1, shared by all that asks it: one rate limit."""
    l1: L1Client
    """L1."""
    l2: L2Client
    """The L2 execution node."""
    node: RollupNodeClient
    """The rollup node."""
    contract: OutputContract
    """Where outputs settle."""
    witness: LiveWitness
    """Collects inputs."""
    identity: ConfigIdentity
    """What proofs are made for."""
    scope: Scope
    """Whose requests a store for this contract keeps."""


@asynccontextmanager
async def open_chains(
    settings: ProposerSettings, endpoint: EndpointOptions | None = None
) -> AsyncIterator[Chains]:
    """Connect to the nodes and find out which contract it is. Equal URLs share one rate limit."""
    async with AsyncExitStack() as stack:
        transports: dict[str, RpcTransport] = {}
        for url in (settings.l1_rpc_url, settings.l2_rpc_url, settings.node_url):
            if url not in transports:
                opened = open_transport(url, endpoint)
                transports[url] = await stack.enter_async_context(opened)
        beacon = None
        if settings.l1_beacon_url:
            beacon = await stack.enter_async_context(BeaconClient(settings.l1_beacon_url, endpoint))
        transport = transports[settings.l1_rpc_url]
        l1, l2 = L1Client(transport), L2Client(transports[settings.l2_rpc_url])
        node = RollupNodeClient(transports[settings.node_url])
        options = LiveOptions(
            rollup_config=_read(settings.rollup_config),
            l1_config=_read(settings.l1_chain_config) or b"",
        )
        witness = LiveWitness(l1, beacon, l2, node, options=options)
        contract = await open_output_contract(
            transport,
            settings.oracle,
            config_name=settings.config_name,
            factory=settings.factory,
        )
        rollup, l1_chain_id = await witness.rollup_config(), await l1.chain_id()
        yield Chains(
            l1_transport=transport,
            l1=l1,
            l2=l2,
            node=node,
            contract=contract,
            witness=witness,
            identity=await program_identity(settings, witness),
            scope=Scope(
                l1_chain_id=l1_chain_id,
                l2_chain_id=rollup.l2_chain_id,
                contract=settings.oracle,
                config_name=settings.config_name,
            ),
        )


async def program_identity(settings: ProposerSettings, witness: LiveWitness) -> ConfigIdentity:
    """Return what this proposer's proofs are made for, from the chain's config and the settings."""
    rollup = await witness.rollup_config()
    built_in = L1ChainConfig.built_in(rollup.l1_chain_id)
    if built_in is None:
        supplied = _read(settings.l1_chain_config)
        l1_config = None if supplied is None else L1ChainConfig.from_json(supplied)
    else:
        l1_config = built_in
    return ConfigIdentity(
        aggregation_vkey=Hash32.from_hex(settings.aggregation_vkey, "aggregation_vkey"),
        range_vkey_commitment=Hash32.from_hex(
            settings.range_vkey_commitment, "range_vkey_commitment"
        ),
        rollup_config_hash=rollup.config_hash(l1_config),
    )


class ProposerService:
    """Runs a proposer on what its caller opened; the caller closes it."""

    def __init__(
        self,
        settings: ProposerSettings,
        chains: Chains,
        *,
        store: RequestStore,
        backend: ProverBackend,
        pool: RangePool,
        signer: Signer,
        fees: FeePolicy | None = None,
        metrics: ProposerMetrics | None = None,
    ) -> None:
        """`store` speaks for the contract's scope; it keeps the transactions as well."""
        self._settings, self._chains = settings, chains
        self._store, self._backend, self._pool = store, backend, pool
        self._signer = signer
        self._fees = fees or FeePolicy()
        self.metrics = metrics or ProposerMetrics()
        self._cache = WitnessCache(settings.witness_dir)
        self._last_good_tick: float | None = None
        self._leadership = Leadership(store, holder=_holder(), seconds=settings.lease_seconds)

    @property
    def is_leading(self) -> bool:
        """Whether this process leads now."""
        return self._leadership.state is LeadState.LEADING

    def is_healthy(self) -> bool:
        """Whether it does its duty: it stands by, or leads and ticks without errors."""
        if self._leadership.state is LeadState.STANDBY:
            return True
        if self._leadership.state is LeadState.UNKNOWN or self._last_good_tick is None:
            return False
        longest = max(_LEAST_STALE_SECONDS, _STALE_TICKS * self._settings.poll_interval)
        return time.monotonic() - self._last_good_tick < longest

    async def run(self) -> None:
        """Stand by and lead, until cancelled.

        Raises ConfigMismatchError or SimulatedProofsError when it must not run at all.
        """
        async with AsyncExitStack() as stack:
            probes = TelemetryServer(
                self.metrics.live,
                host=self._settings.metrics_host,
                port=self._settings.metrics_port,
                ready=self.is_healthy,
            )
            await stack.enter_async_context(probes)
            alerts = await self._open_alerts(stack)
            await self._validate(alerts)
            self.metrics.started(version("coprove"))
            _log.info(
                "started",
                contract=self._chains.contract.address,
                generation=self._chains.contract.generation.name,
                backend=self._backend.name,
                account=self._signer.address,
                probes=probes.url,
            )
            try:
                while True:
                    await self._one_term(alerts)
            finally:
                await asyncio.shield(self._leadership.release())

    async def _validate(self, alerts: Alerts) -> None:
        require_usable_backend(
            self._backend.name,
            is_simulated=self._backend.is_simulated,
            chain_id=self._chains.scope.l1_chain_id,
        )
        contract, identity = self._chains.contract, self._chains.identity
        try:
            await require_same_config(contract, identity, seconds=self._settings.rpc_timeout)
        except ConfigMismatchError as error:
            alerts.send(Alert.CONFIG_MISMATCH, str(error))
            raise

    async def _open_alerts(self, stack: AsyncExitStack) -> Alerts:
        url = self._settings.slack_webhook_url
        if url is None:
            return LogAlerts()
        webhook = WebhookAlerts(
            url.get_secret_value(),
            source=f"coprove proposer {self._chains.contract.address}",
            interval=self._settings.alert_interval,
        )
        return await stack.enter_async_context(webhook)

    async def _one_term(self, alerts: Alerts) -> None:
        """Wait for the lead, act as long as it lasts, and leave nothing at work behind."""
        self.metrics.set(m.LEADING, 0)
        lease = await self._leadership.gain()
        self.metrics.set(m.LEADING, 1)
        alerts.send(Alert.LEADERSHIP, f"{lease.holder} leads (term {lease.token})")
        self._last_good_tick = time.monotonic()
        keeper = asyncio.create_task(self._leadership.keep(), name="lease")
        term = asyncio.create_task(self._act(alerts, lease), name="term")
        try:
            await asyncio.wait((keeper, term), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (term, keeper):
                task.cancel()
            ended = await asyncio.gather(term, keeper, return_exceptions=True)
            self.metrics.set(m.LEADING, 0)
        for error in ended:
            if isinstance(error, ConfigMismatchError):
                alerts.send(Alert.CONFIG_MISMATCH, str(error))
                raise error
        for error in ended:
            if isinstance(error, LeaseLostError | NotLeadingError):
                self.metrics.count(m.LOST_LEAD)
                alerts.send(Alert.LEADERSHIP, f"{lease.holder} lost the lead: {error}")
            elif isinstance(error, Exception) and not isinstance(error, Temporary):
                raise error
        await self._leadership.release()
        for error in ended:
            if isinstance(error, Temporary):
                # A node was away when the term began: another process may reach it meanwhile.
                _log.warning("the term ends", error=error)
                await asyncio.sleep(self._settings.lease_seconds / 3)

    async def _act(self, alerts: Alerts, lease: Lease) -> None:
        options = TransactionOptions(
            confirmations=self._settings.confirmations,
            poll_interval=min(1.0, self._settings.poll_interval),
            resubmit_after=self._settings.tx_resubmit_after,
            fees=self._fees,
        )
        chains = self._chains
        async with TransactionManager(
            chains.l1_transport,
            self._signer,
            TransactionLog(self._store, lease),
            options,
            guard=self._leadership.confirm,
        ) as sender:
            wake = asyncio.Event()
            background = Background(on_done=wake.set)
            ctx = Context(
                settings=self._settings,
                store=self._store,
                leadership=self._leadership,
                l1=chains.l1,
                l2=chains.l2,
                node=chains.node,
                contract=chains.contract,
                backend=self._backend,
                sender=sender,
                witness=chains.witness,
                pool=self._pool,
                cache=self._cache,
                background=background,
                metrics=self.metrics,
                alerts=alerts,
                identity=chains.identity,
                pauses=Pauses(),
            )
            try:
                await ProposerLoop(ctx, wake=wake, on_tick=self._ticked).run()
            finally:
                await background.stop()

    def _ticked(self) -> None:
        self._last_good_tick = time.monotonic()
        self.metrics.set(m.LAST_TICK, time.time())


def _holder() -> str:
    """Return a name that no other process, and no later one, has."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:12]}"


def _read(path: os.PathLike[str] | None) -> bytes | None:
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()
