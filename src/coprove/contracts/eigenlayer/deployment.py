"""EigenLayer on a development chain: its own contracts, and stand-ins for what no package has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Function
from coprove.contracts.artifacts import load_artifact
from coprove.contracts.eigenlayer.addresses import EigenLayerCore, Middleware
from coprove.contracts.eigenlayer.artifacts import load_eigenlayer_artifact
from coprove.contracts.mock_proof import is_dev_chain
from coprove.contracts.oracle_deployment import create
from coprove.contracts.proxies import deploy_placeholder, empty_proxy, fill_proxy
from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.contracts.transactions import TransactionManager
    from coprove.rpc import RpcTransport
    from coprove.types import Address

__all__ = ["DevEigenLayer", "DevTimes", "create_quorum", "deploy_eigenlayer", "deploy_middleware"]

_VERSION: Final = "v1.0.0"
_SUPPLY: Final = 10**30
_WHITELIST: Final = Function("addStrategiesToDepositWhitelist(address[])")
_CREATE_QUORUM: Final = Function(
    "createTotalDelegatedStakeQuorum((uint32,uint16,uint16),uint96,(address,uint96)[])"
)
_MULTIPLIER: Final = 10**18


@dataclass(frozen=True, slots=True, kw_only=True)
class DevTimes:
    """EigenLayer's times, short: on mainnet they are days and weeks."""

    withdrawal_delay: int = 10
    """Blocks before a withdrawal; slashing reaches it until then."""
    deallocation_delay: int = 10
    """Blocks in which what is taken out of an allocation can still be slashed."""
    allocation_configuration_delay: int = 0
    """Blocks before a new allocation delay holds."""
    calculation_interval: int = 86_400
    """Seconds; unit of the times of rewards. EigenLayer takes whole days alone."""
    genesis: int = 0
    """Unix seconds before which there are no rewards; a multiple of the interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevEigenLayer:
    """EigenLayer of a development chain."""

    core: EigenLayerCore
    """Its contracts."""
    token: Address
    """A token that the deployer has all of."""
    strategy: Address
    """Takes deposits of it."""


async def deploy_eigenlayer(
    manager: TransactionManager,
    transport: RpcTransport,
    *,
    chain_id: int,
    times: DevTimes,
    key: str = "eigenlayer",
) -> DevEigenLayer:
    """Deploy EigenLayer's core; the sender owns it and posts its rewards' roots.

    `key` names the deployment: called again with it, after a crash too, it goes on where it
    stopped. InputError outside development chains: no public chain needs a second EigenLayer.
    """
    if not is_dev_chain(chain_id):
        raise InputError("chain id", expected="a development chain", actual=chain_id)
    owner = manager.address
    pods = await create(manager, f"{key}/pods", load_artifact("DevEigenPodManager"))
    pauser = await create(
        manager, f"{key}/pauser", load_artifact("DevPauserRegistry"), bytes(owner)
    )
    permissions = await create(
        manager,
        f"{key}/permissions",
        load_eigenlayer_artifact("PermissionController"),
        _VERSION,
    )
    placeholder = await deploy_placeholder(manager, key=f"{key}/empty")
    names = ("delegation", "strategies", "directory", "allocations", "rewards")
    delegation, strategies, directory, allocations, rewards = [
        await empty_proxy(manager, key=f"{key}/{name}/proxy", placeholder=placeholder, owner=owner)
        for name in names
    ]

    async def fill(name: str, proxy: Address, contract: str, arguments: tuple[object, ...],
                   *initial: object) -> None:  # fmt: skip
        artifact = load_eigenlayer_artifact(contract)
        await fill_proxy(
            manager,
            transport,
            proxy,
            artifact,
            *arguments,
            key=f"{key}/{name}",
            initializer=artifact.call("initialize", bytes(owner), *initial),
        )

    await fill(
        "delegation",
        delegation,
        "DelegationManager",
        (
            bytes(strategies),
            bytes(pods),
            bytes(allocations),
            bytes(pauser),
            bytes(permissions),
            times.withdrawal_delay,
            _VERSION,
        ),
        0,
    )
    await fill(
        "strategies",
        strategies,
        "StrategyManager",
        (bytes(delegation), bytes(pauser), _VERSION),
        bytes(owner),
        0,
    )
    await fill(
        "directory", directory, "AVSDirectory", (bytes(delegation), bytes(pauser), _VERSION), 0
    )
    await fill(
        "allocations",
        allocations,
        "AllocationManager",
        (
            bytes(delegation),
            bytes(pauser),
            bytes(permissions),
            times.deallocation_delay,
            times.allocation_configuration_delay,
            _VERSION,
        ),
        0,
    )
    interval = times.calculation_interval
    await fill(
        "rewards",
        rewards,
        "RewardsCoordinator",
        (
            (
                bytes(delegation),
                bytes(strategies),
                bytes(allocations),
                bytes(pauser),
                bytes(permissions),
                interval,
                interval * 100,
                interval * 1000,
                interval * 100,
                times.genesis,
                _VERSION,
            ),
        ),
        0,
        bytes(owner),
        0,
        0,
    )
    token = await create(manager, f"{key}/token", load_artifact("DevToken"), _SUPPLY)
    strategy = await create(
        manager, f"{key}/strategy", load_artifact("DevStrategy"), bytes(strategies), bytes(token)
    )
    await manager.send(
        key=f"{key}/strategy/whitelist", to=strategies, data=_WHITELIST.encode([bytes(strategy)])
    )
    return DevEigenLayer(
        core=EigenLayerCore(
            delegation_manager=delegation,
            strategy_manager=strategies,
            avs_directory=directory,
            allocation_manager=allocations,
            rewards_coordinator=rewards,
            permission_controller=permissions,
            pauser_registry=pauser,
        ),
        token=token,
        strategy=strategy,
    )


async def deploy_middleware(
    manager: TransactionManager,
    transport: RpcTransport,
    core: EigenLayerCore,
    *,
    avs: Address,
    key: str,
) -> Middleware:
    """Deploy the registries of an AVS; the sender owns them, the AVS is its own ejector.

    The registry of operators' lists is a stand-in: a development chain's only.
    """
    owner = manager.address
    placeholder = await deploy_placeholder(manager, key=f"{key}/empty")
    coordinator = await empty_proxy(
        manager, key=f"{key}/coordinator/proxy", placeholder=placeholder, owner=owner
    )
    stakes = await create(
        manager,
        f"{key}/stakes",
        load_eigenlayer_artifact("StakeRegistry"),
        bytes(coordinator),
        bytes(core.delegation_manager),
        bytes(core.avs_directory),
        bytes(core.allocation_manager),
    )
    keys = await create(
        manager, f"{key}/keys", load_eigenlayer_artifact("BLSApkRegistry"), bytes(coordinator)
    )
    indices = await create(
        manager, f"{key}/indices", load_artifact("DevIndexRegistry"), bytes(coordinator)
    )
    sockets = await create(
        manager, f"{key}/sockets", load_artifact("DevSocketRegistry"), bytes(coordinator)
    )
    artifact = load_eigenlayer_artifact("RegistryCoordinator")
    registries = (
        bytes(stakes),
        bytes(keys),
        bytes(indices),
        bytes(sockets),
        bytes(core.allocation_manager),
        bytes(core.pauser_registry),
    )
    initializer = artifact.call("initialize", bytes(owner), bytes(owner), bytes(avs), 0, bytes(avs))
    await fill_proxy(
        manager,
        transport,
        coordinator,
        artifact,
        (bytes(avs), registries),
        key=f"{key}/coordinator",
        initializer=initializer,
    )
    retriever = await create(
        manager, f"{key}/retriever", load_eigenlayer_artifact("OperatorStateRetriever")
    )
    return Middleware(
        registry_coordinator=coordinator,
        stake_registry=stakes,
        bls_apk_registry=keys,
        index_registry=indices,
        operator_state_retriever=retriever,
    )


async def create_quorum(
    manager: TransactionManager,
    coordinator: Address,
    *,
    strategies: Sequence[Address],
    minimum_stake: int,
    key: str,
    max_operators: int = 200,
) -> None:
    """Create the next quorum, in which delegated stake counts. For the coordinator's owner."""
    weights = [(bytes(strategy), _MULTIPLIER) for strategy in strategies]
    data = _CREATE_QUORUM.encode((max_operators, 11_000, 200), minimum_stake, weights)
    await manager.send(key=key, to=coordinator, data=data)
