"""Deployment of the multi-prover AVS over registries that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Function, signature_types
from coprove.contracts.artifacts import load_artifact
from coprove.contracts.avs.calls import (
    act_call,
    set_liveness_verifier_call,
    set_rewards_call,
)
from coprove.contracts.avs.rewards import SUBMIT_SIGNATURE
from coprove.contracts.avs.slashing import SLASH_SIGNATURE
from coprove.contracts.oracle_deployment import create
from coprove.contracts.proxies import deploy_placeholder, empty_proxy, fill_proxy
from coprove.contracts.settlement import ContractCall
from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.contracts.eigenlayer.addresses import EigenLayerCore, Middleware
    from coprove.contracts.transactions import TransactionManager
    from coprove.rpc import RpcTransport
    from coprove.types import Address

__all__ = [
    "AvsContracts",
    "AvsRoles",
    "deploy_liveness_verifier",
    "deploy_service_manager",
    "new_avs_address",
    "set_up_avs",
]

_METADATA: Final = Function("updateAVSMetadataURI(address,string)")
_REGISTRAR: Final = Function("setAVSRegistrar(address,address)")
_APPOINT: Final = Function("setAppointee(address,address,address,bytes4)")
_OPERATOR_KEYS: Final = Function("changeOperatorKeys(address)")
_TRANSFER_OWNERSHIP: Final = Function("transferOwnership(address)")
_CREATE_SETS: Final = "createOperatorSets(address,(uint32,address[])[])"
_ADD_STRATEGIES: Final = "addStrategiesToOperatorSet(address,uint32,address[])"
_LEAVE_SETS: Final = "deregisterFromOperatorSets((address,address,uint32[]))"
_MULTIPLIER: Final = 10**18


@dataclass(frozen=True, slots=True, kw_only=True)
class AvsRoles:
    """Who may do what in an AVS."""

    owner: Address
    """Sets roles, thresholds and modules."""
    state_confirmer: Address
    """Confirms states: the aggregator's account."""
    poa_manager: Address
    """Keeps the allow-list."""
    committee_manager: Address
    """Keeps committees and their rollups."""
    poa_enabled: bool = False
    """Whether only listed operators count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AvsContracts:
    """The AVS' own contracts."""

    service_manager: Address
    """The AVS."""
    state_checker: Address
    """Reads and checks what was signed."""
    slasher: Address
    """Punishes."""
    rewards: Address
    """Pays."""


async def new_avs_address(manager: TransactionManager, *, key: str) -> Address:
    """Return the address of an AVS to be: a proxy of nothing, which the sender may upgrade.

    Registries are made for an AVS and the AVS for registries, so one must have an address first.
    """
    nothing = await deploy_placeholder(manager, key=f"{key}/empty")
    return await empty_proxy(
        manager, key=f"{key}/proxy", placeholder=nothing, owner=manager.address
    )


async def deploy_service_manager(
    manager: TransactionManager,
    transport: RpcTransport,
    *,
    avs: Address,
    core: EigenLayerCore,
    middleware: Middleware,
    roles: AvsRoles,
    strategies: Sequence[Address],
    slash_wad: int,
    reward_intervals_before: int = 0,
    key: str,
) -> AvsContracts:
    """Put the service manager behind its address; deploy what slashes and pays for it.

    `strategies` are how an operator's stakers share what it gets. `slash_wad` is what an offence
    costs, of 10^18. Rewards go to who is staked in the interval (a day) of a confirmation, or so
    many before it. `key` names the deployment, which goes on where it stopped.
    """
    if not strategies:
        raise InputError("strategies", expected="one or more", actual="none")
    checker = await create(
        manager,
        f"{key}/checker",
        load_artifact("StateChecker"),
        bytes(middleware.registry_coordinator),
        bytes(middleware.stake_registry),
        bytes(middleware.bls_apk_registry),
    )
    artifact = load_artifact("MultiProverServiceManager")
    eigenlayer = (
        bytes(checker),
        bytes(middleware.index_registry),
        bytes(core.avs_directory),
        bytes(core.allocation_manager),
        bytes(core.permission_controller),
    )
    await fill_proxy(
        manager,
        transport,
        avs,
        artifact,
        eigenlayer,
        key=f"{key}/manager",
        initializer=artifact.call(
            "initialize",
            bytes(core.pauser_registry),
            0,
            bytes(roles.owner),
            bytes(roles.state_confirmer),
            bytes(roles.poa_manager),
            bytes(roles.committee_manager),
            roles.poa_enabled,
        ),
    )
    slasher = await create(
        manager,
        f"{key}/slasher",
        load_artifact("AvsSlasher"),
        bytes(roles.owner),
        bytes(avs),
        slash_wad,
    )
    rewards = await create(
        manager,
        f"{key}/rewards",
        load_artifact("AvsRewards"),
        bytes(roles.owner),
        bytes(avs),
        bytes(core.rewards_coordinator),
        [(bytes(strategy), _MULTIPLIER) for strategy in sorted(strategies)],
        reward_intervals_before,
    )
    return AvsContracts(
        service_manager=avs, state_checker=checker, slasher=slasher, rewards=rewards
    )


async def deploy_liveness_verifier(
    manager: TransactionManager,
    *,
    registry: Address,
    operator_keys: Address,
    owner: Address,
    max_blocks: int,
    validity: int,
    key: str,
) -> Address:
    """Deploy the AVS' view of a TEEProverRegistry, in which a prover counts for a BLS key.

    `operator_keys` is the AVS' BLSApkRegistry; a report may be `max_blocks` old and counts for
    `validity` seconds, within its registration. `owner` may change all of it.
    """
    artifact = load_artifact("TEELivenessVerifier")
    implementation = await create(manager, f"{key}/implementation", artifact)
    verifier = await create(
        manager,
        f"{key}/proxy",
        load_artifact("OracleProxy"),
        bytes(implementation),
        bytes(owner),
        artifact.call("initialize", bytes(manager.address), bytes(registry), max_blocks, validity),
    )
    keys = _OPERATOR_KEYS.encode(bytes(operator_keys))
    await manager.send(key=f"{key}/keys", to=verifier, data=keys)
    if owner != manager.address:
        await manager.send(
            key=f"{key}/owner", to=verifier, data=_TRANSFER_OWNERSHIP.encode(bytes(owner))
        )
    return verifier


async def set_up_avs(
    manager: TransactionManager,
    contracts: AvsContracts,
    *,
    core: EigenLayerCore,
    middleware: Middleware,
    liveness_verifier: Address,
    metadata_uri: str,
    key: str,
) -> None:
    """Make the AVS known at EigenLayer and its modules known to it. The sender owns it.

    Quorums are created after this: their operator sets are the AVS' own.
    """
    avs = bytes(contracts.service_manager)
    allocations = core.allocation_manager
    coordinator = middleware.registry_coordinator

    def appoint(who: Address, target: Address, signature: str) -> ContractCall:
        selector, _ = signature_types(signature)
        data = _APPOINT.encode(avs, bytes(who), bytes(target), selector)
        return ContractCall(to=core.permission_controller, data=data)

    at_eigenlayer = [
        ContractCall(to=allocations, data=_METADATA.encode(avs, metadata_uri)),
        ContractCall(to=allocations, data=_REGISTRAR.encode(avs, bytes(coordinator))),
        appoint(coordinator, allocations, _CREATE_SETS),
        appoint(middleware.stake_registry, allocations, _ADD_STRATEGIES),
        appoint(coordinator, allocations, _LEAVE_SETS),
        appoint(contracts.slasher, allocations, SLASH_SIGNATURE),
        appoint(contracts.rewards, core.rewards_coordinator, SUBMIT_SIGNATURE),
    ]
    calls = [act_call(contracts.service_manager, call) for call in at_eigenlayer]
    calls.append(set_liveness_verifier_call(contracts.service_manager, liveness_verifier))
    calls.append(set_rewards_call(contracts.service_manager, contracts.rewards))
    for number, call in enumerate(calls):
        await manager.send(key=f"{key}/{number}", to=call.to, data=call.data)
