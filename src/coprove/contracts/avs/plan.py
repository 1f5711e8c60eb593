"""What an AVS is to be, and its deployment from the first contract to its committees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.contracts.avs.calls import (
    add_committee_call,
    add_tee_quorum_call,
    set_rollup_policy_call,
)
from coprove.contracts.avs.deployment import (
    AvsContracts,
    AvsRoles,
    deploy_liveness_verifier,
    deploy_service_manager,
    set_up_avs,
)
from coprove.contracts.eigenlayer.deployment import create_quorum
from coprove.contracts.oracle_deployment import has_code
from coprove.errors import InputError
from coprove.types import Address

if TYPE_CHECKING:
    from coprove.attestation import Platform
    from coprove.contracts.avs.records import Committee, RollupPolicy
    from coprove.contracts.eigenlayer.addresses import EigenLayerCore, Middleware
    from coprove.contracts.settlement import ContractCall
    from coprove.contracts.transactions import TransactionManager
    from coprove.rpc import RpcTransport

__all__ = ["AvsPlan", "CommitteePlan", "DeployedAvs", "QuorumPlan", "deploy_avs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumPlan:
    """A quorum, which is an operator set too."""

    platform: Platform
    """What its provers run on."""
    strategies: tuple[Address, ...]
    """What counts as stake."""
    minimum_stake: int = 1
    """Least stake of an operator."""
    max_operators: int = 200
    """How many there can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitteePlan:
    """A committee and what it is asked about."""

    committee: Committee
    """Its quorums are places in the plan's list."""
    policy: RollupPolicy
    """Its rollup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AvsPlan:
    """All that an AVS begins with."""

    core: EigenLayerCore
    """EigenLayer."""
    roles: AvsRoles
    """Who may do what; the owner and the committee manager are the account that deploys."""
    strategies: tuple[Address, ...]
    """How an operator's stakers share what it gets."""
    slash_wad: int
    """What an offence costs, of 10^18."""
    reward_intervals_before: int
    """Rewards are for who was staked so many days before the confirmation."""
    registry: Address
    """The TEEProverRegistry."""
    max_blocks: int
    """How old a report of a prover may be."""
    validity: int
    """Seconds that it counts."""
    metadata_uri: str
    """Where people find the AVS' name and logo."""
    quorums: tuple[QuorumPlan, ...]
    """From number 0."""
    committees: tuple[CommitteePlan, ...]
    """One for each rollup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedAvs:
    """Where it is."""

    contracts: AvsContracts
    """The AVS' own contracts."""
    liveness_verifier: Address
    """Its view of the registry of provers."""


async def deploy_avs(
    manager: TransactionManager,
    transport: RpcTransport,
    plan: AvsPlan,
    *,
    avs: Address,
    middleware: Middleware,
    key: str,
) -> DeployedAvs:
    """Put an AVS behind the address that `new_avs_address` gave, over registries made for it.

    The sender owns the registries' coordinator, and has the plan's roles of owner and committee
    manager, and whatever the plan names has code: InputError otherwise, before anything is sent.
    `key` names the deployment, which goes on where it stopped.
    """
    for name in ("owner", "committee_manager"):
        if getattr(plan.roles, name) != manager.address:
            actual = getattr(plan.roles, name)
            raise InputError(
                f"roles.{name}", expected=f"the sender {manager.address}", actual=actual
            )
    free = set(range(len(plan.quorums)))
    for item in plan.committees:
        named = item.committee.quorums
        if len(named) != len(set(named)) or not set(named) <= free:
            raise InputError(
                f"quorums of committee {item.committee.committee_id}",
                expected=f"some of {sorted(free)}, which no other committee has",
                actual=named,
            )
        free -= set(named)
    await _check_code(transport, plan, middleware)
    contracts = await deploy_service_manager(
        manager,
        transport,
        avs=avs,
        core=plan.core,
        middleware=middleware,
        roles=plan.roles,
        strategies=plan.strategies,
        slash_wad=plan.slash_wad,
        reward_intervals_before=plan.reward_intervals_before,
        key=key,
    )
    liveness = await deploy_liveness_verifier(
        manager,
        registry=plan.registry,
        operator_keys=middleware.bls_apk_registry,
        owner=plan.roles.owner,
        max_blocks=plan.max_blocks,
        validity=plan.validity,
        key=f"{key}/liveness",
    )
    await set_up_avs(
        manager,
        contracts,
        core=plan.core,
        middleware=middleware,
        liveness_verifier=liveness,
        metadata_uri=plan.metadata_uri,
        key=f"{key}/setup",
    )
    for number, quorum in enumerate(plan.quorums):
        await create_quorum(
            manager,
            middleware.registry_coordinator,
            strategies=quorum.strategies,
            minimum_stake=quorum.minimum_stake,
            max_operators=quorum.max_operators,
            key=f"{key}/quorum/{number}",
        )
    for step, call in _committee_calls(avs, plan):
        await manager.send(key=f"{key}/{step}", to=call.to, data=call.data)
    return DeployedAvs(contracts=contracts, liveness_verifier=liveness)


async def _check_code(transport: RpcTransport, plan: AvsPlan, middleware: Middleware) -> None:
    named = {**plan.core.to_json(), **middleware.to_json(), "registry": str(plan.registry)}
    for number, quorum in enumerate(plan.quorums):
        for strategy in quorum.strategies:
            named[f"quorums.{number}: {strategy}"] = str(strategy)
    for name, text in named.items():
        if not await has_code(transport, Address.from_hex(text)):
            raise InputError(name, expected="a deployed contract", actual=text)


def _committee_calls(avs: Address, plan: AvsPlan) -> list[tuple[str, ContractCall]]:
    """Bind quorums to kinds of environment, make committees of them, and say their rollups."""
    calls = [
        (f"tee/{number}", add_tee_quorum_call(avs, quorum=number, tee=quorum.platform.number))
        for number, quorum in enumerate(plan.quorums)
    ]
    for item in plan.committees:
        id_ = item.committee.committee_id
        calls.append((f"committee/{id_}", add_committee_call(avs, item.committee)))
        calls.append((f"policy/{id_}", set_rollup_policy_call(avs, id_, item.policy)))
    return calls
