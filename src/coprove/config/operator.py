"""An operator of the AVS, opened as the settings say."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.avs.keystores import Password, read_bls_keystore
from coprove.avs.operator.aggregator_client import AggregatorClient, AggregatorOptions
from coprove.avs.operator.attesting import FoundCollateral, LivenessRoute, TimedProver
from coprove.avs.operator.chain import TaskChecker
from coprove.avs.operator.confirmations import Confirmations
from coprove.avs.operator.discovery import GivenAddresses, discover
from coprove.avs.operator.fees import Fees
from coprove.avs.operator.health import HealthBoard
from coprove.avs.operator.metered import MeteredTransport
from coprove.avs.operator.metrics import operator_metrics
from coprove.avs.operator.node_api import NodeApi
from coprove.avs.operator.onchain import OnChainView
from coprove.avs.operator.protection import ProtectionScope, SlashingProtection
from coprove.avs.operator.proving import StateProver
from coprove.avs.operator.service import OperatorOptions, OperatorParts, OperatorService
from coprove.avs.operator.session import BlsSession
from coprove.avs.operator.signing import ProtectedSigner
from coprove.avs.operator.tasks import TaskOptions, TaskWorker
from coprove.avs.operator.witnesses import NodeWitnesses, RecordedWitnesses
from coprove.avs.tasks import SessionScope, audience_of
from coprove.config.errors import SettingError
from coprove.config.makers import open_signer
from coprove.config.operator_rewards import avs_rewards
from coprove.config.wiring import (
    endpoint_options,
    fee_policy,
    live_endpoints,
    live_options,
    require,
    text_of,
)
from coprove.contracts import (
    LocalSigner,
    SqliteIntentStore,
    TransactionManager,
    TransactionOptions,
)
from coprove.prover.tee.registrar import (
    INTEL_PCS,
    PcsClient,
    PcsOptions,
    Registrar,
    RegistrarOptions,
    TeeProverClientOptions,
)
from coprove.rpc import L1Client, RollupNodeClient, open_transport
from coprove.telemetry import TelemetryServer
from coprove.types import Address
from coprove.witness import open_executor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coprove.avs.bls import SecretKey
    from coprove.avs.operator.discovery import OperatorContracts
    from coprove.avs.operator.proving import WitnessSource
    from coprove.config.settings import Settings
    from coprove.contracts import Signer
    from coprove.rpc import RpcTransport

__all__ = [
    "OperatorAccount",
    "bls_key",
    "given_addresses",
    "open_account",
    "open_contracts",
    "open_operator",
    "open_operator_parts",
    "open_protection",
    "operator_options",
    "prover_options",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAccount:
    """The chain as an operator's commands use it."""

    contracts: OperatorContracts
    """Readers, at the L1 endpoint."""
    manager: TransactionManager
    """Sends as the account of `[transactions]`."""
    signer: Signer
    """That account."""


def bls_key(settings: Settings) -> SecretKey:
    """Open the BLS keystore; SettingError where none is set, KeystoreError if it does not open."""
    given = settings.operator
    path = require("operator.bls_keystore", given.bls_keystore)
    if given.bls_password is not None:
        return read_bls_keystore(path, Password(given.bls_password.get_secret_value()))
    file = require("operator.bls_password_file", given.bls_password_file)
    return read_bls_keystore(path, Password.from_file(file))


def given_addresses(settings: Settings) -> GivenAddresses:
    """Return the addresses that are set."""
    given = settings.operator
    return GivenAddresses(
        service_manager=_address(given.service_manager),
        registry_coordinator=_address(given.registry_coordinator),
        liveness_verifier=_address(given.liveness_verifier),
        operator_state_retriever=_address(given.operator_state_retriever),
    )


def prover_options(settings: Settings) -> TeeProverClientOptions:
    """Return how the operator's prover is reached."""
    given = settings.operator
    token = None
    if given.prover_token is not None:
        token = given.prover_token.get_secret_value()
    elif given.prover_token_file is not None:
        token = text_of(given.prover_token_file, "operator.prover_token_file").strip()
    return TeeProverClientOptions(
        url=given.prover_url, token=token, prove_timeout=given.prove_timeout
    )


def open_protection(settings: Settings, scope: ProtectionScope) -> SlashingProtection:
    """Open the slashing-protection database of one key at one AVS."""
    name = f"signed-{scope.operator_id.hex0x[2:18]}.sqlite"
    return SlashingProtection(settings.operator.data_dir / name, scope)


@asynccontextmanager
async def open_contracts(
    settings: Settings, transport: RpcTransport | None = None
) -> AsyncIterator[OperatorContracts]:
    """Open the L1 endpoint, unless one is given, and find the contracts; nothing can be sent."""
    if transport is not None:
        yield await discover(transport, given_addresses(settings))
        return
    url = require("rpc.l1", settings.rpc.l1)
    async with open_transport(url, endpoint_options(settings)) as opened:
        yield await discover(opened, given_addresses(settings))


@asynccontextmanager
async def open_account(
    settings: Settings, transport: RpcTransport | None = None
) -> AsyncIterator[OperatorAccount]:
    """As `open_contracts`, with the transaction manager of the account."""
    given = settings.operator
    async with AsyncExitStack() as stack:
        contracts = await stack.enter_async_context(open_contracts(settings, transport))
        signer = await stack.enter_async_context(open_signer(settings))
        given.data_dir.mkdir(parents=True, exist_ok=True)
        store = SqliteIntentStore(given.data_dir / "transactions.sqlite")
        stack.callback(store.close)
        options = TransactionOptions(
            confirmations=settings.transactions.confirmations,
            resubmit_after=settings.transactions.resubmit_after,
            fees=fee_policy(settings),
        )
        manager = TransactionManager(contracts.transport, signer, store, options)
        await stack.enter_async_context(manager)
        yield OperatorAccount(contracts=contracts, manager=manager, signer=signer)


def operator_options(settings: Settings) -> OperatorOptions:
    """Return how an operator runs."""
    given = settings.operator
    return OperatorOptions(
        name=given.name,
        avs_name=given.avs_name,
        prover_url=given.prover_url,
        margin=given.margin,
        attest_interval=given.attest_interval,
        push_interval=given.push_interval,
        max_tasks=given.max_tasks,
    )


@asynccontextmanager
async def open_operator(settings: Settings) -> AsyncIterator[OperatorService]:
    """Open `coprove operator run`; servers listen when it is entered."""
    async with open_operator_parts(settings) as parts:
        yield OperatorService(parts, operator_options(settings))


@asynccontextmanager
async def open_operator_parts(settings: Settings) -> AsyncIterator[OperatorParts]:
    """Open all that an operator consists of; servers listen when it is entered."""
    given = settings.operator
    key = bls_key(settings)
    metrics, board = operator_metrics(), HealthBoard()
    async with AsyncExitStack() as stack:
        host, port = _listen(given.node_api, "operator.node_api")
        await stack.enter_async_context(NodeApi(board, metrics, host=host, port=port))
        if given.metrics is not None and given.metrics != given.node_api:
            host, port = _listen(given.metrics, "operator.metrics")
            await stack.enter_async_context(TelemetryServer(metrics, host=host, port=port))
        url = require("rpc.l1", settings.rpc.l1)
        inner = await stack.enter_async_context(open_transport(url, endpoint_options(settings)))
        transport = MeteredTransport(inner, metrics, avs_name=given.avs_name)
        account = await stack.enter_async_context(open_account(settings, transport))
        contracts, l1 = account.contracts, L1Client(transport)
        chain_id = await l1.chain_id()
        avs = contracts.service_manager.address
        protection = open_protection(
            settings,
            ProtectionScope(
                chain_id=chain_id, service_manager=avs, operator_id=key.public_key.operator_id
            ),
        )
        stack.callback(protection.close)
        signer = ProtectedSigner(key, protection)
        audience = audience_of(given.aggregator_url)
        scope = SessionScope(audience=audience, chain_id=chain_id, service_manager=avs)
        aggregator = await stack.enter_async_context(
            AggregatorClient(AggregatorOptions(url=given.aggregator_url), BlsSession(signer, scope))
        )
        prover = await stack.enter_async_context(TimedProver(prover_options(settings)))
        route = LivenessRoute(
            manager=account.manager,
            registry=contracts.prover_registry,
            verifier=contracts.verifier,
            public_key=key.public_key.g1.encoded,
            endpoint=given.prover_url,
            consent=account.signer if isinstance(account.signer, LocalSigner) else None,
        )
        pcs = await stack.enter_async_context(PcsClient(PcsOptions(url=given.pcs_url or INTEL_PCS)))
        registrar = Registrar(
            transport=transport,
            chain_id=chain_id,
            manager=account.manager,
            registry=contracts.prover_registry,
            prover=prover,
            collateral=FoundCollateral(contracts, pcs),
            options=RegistrarOptions(margin=given.margin),
            route=route,
            operator=await contracts.registries.operator_from_id(key.public_key.operator_id),
        )
        view = OnChainView(
            manager=contracts.service_manager,
            registries=contracts.registries,
            verifier=contracts.verifier,
            key=key.public_key,
        )
        worker = TaskWorker(
            checker=TaskChecker(l1, view),
            prover=StateProver(
                prover,
                await _witnesses(settings, stack),
                view,
                await _rollup_node(settings, stack),
            ),
            signer=signer,
            aggregator=aggregator,
            board=board,
            metrics=metrics,
            options=TaskOptions(avs_name=given.avs_name),
        )
        yield OperatorParts(
            contracts=contracts,
            transport=transport,
            key=key.public_key,
            account=account.signer.address,
            registrar=registrar,
            route=route,
            prover=prover,
            worker=worker,
            confirmations=Confirmations(view, patience=given.confirm_patience),
            fees=await _fees(settings, contracts, registrar.operator),
            aggregator=aggregator,
            board=board,
            metrics=metrics,
        )


async def _fees(settings: Settings, contracts: OperatorContracts, operator: Address) -> Fees | None:
    if settings.operator.rewards is None:
        return None
    found = await avs_rewards(settings, contracts.transport, contracts.service_manager)
    return Fees(contracts.transport, found, operator)


async def _witnesses(settings: Settings, stack: AsyncExitStack) -> WitnessSource:
    given = settings.operator
    if given.chain is not None:
        return RecordedWitnesses(given.chain)
    executor = await open_executor(workers=settings.prover.workers, dask=settings.prover.dask)
    stack.callback(executor.close)
    return NodeWitnesses(
        executor,
        live_endpoints(settings),
        endpoint_options(settings),
        options=live_options(settings),
        cache=given.data_dir / "chain",
    )


async def _rollup_node(settings: Settings, stack: AsyncExitStack) -> RollupNodeClient | None:
    url = settings.rpc.node or settings.rpc.l2
    if not settings.operator.check_roots or url is None:
        return None
    options = endpoint_options(settings)
    return RollupNodeClient(await stack.enter_async_context(open_transport(url, options)))


def _listen(text: str, what: str) -> tuple[str, int]:
    """Return host and port; Go's spelling without a host means all interfaces."""
    host, _, port = text.rpartition(":")
    if int(port) > 65535:
        raise SettingError(what, expected="a port below 65536", actual=port)
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - as it was asked


def _address(text: str | None) -> Address | None:
    return None if text is None else Address.from_hex(text)
