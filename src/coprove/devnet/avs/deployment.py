"""EigenLayer and the AVS on a new devnet, with its operators registered and restaked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.avs.operator.discovery import GivenAddresses, discover
from coprove.avs.operator.membership import Membership
from coprove.contracts.avs import Committee, RollupPolicy, fund_reserve_call
from coprove.contracts.avs.deployment import AvsRoles, new_avs_address
from coprove.contracts.avs.plan import AvsPlan, CommitteePlan, QuorumPlan, deploy_avs
from coprove.contracts.eigenlayer import (
    WAD,
    approve_call,
    set_rewards_updater_call,
    transfer_call,
)
from coprove.contracts.eigenlayer.deployment import (
    DevTimes,
    deploy_eigenlayer,
    deploy_middleware,
)
from coprove.contracts.transactions import (
    LocalSigner,
    MemoryIntentStore,
    TransactionManager,
    TransactionOptions,
)
from coprove.devnet.accounts import DevAccounts, Role
from coprove.devnet.avs.keys import bls_key_of, operator_account
from coprove.devnet.l1 import L1_CHAIN_ID
from coprove.devnet.manifest import AvsManifest
from coprove.devnet.tee.deployment import PARAMETERS, platform_of
from coprove.types import Address

if TYPE_CHECKING:
    from coprove.avs.operator.discovery import OperatorContracts
    from coprove.rpc import JsonRpcTransport
    from coprove.types import Hash32

__all__ = ["COMMITTEE", "QUORUMS", "STAKE", "deploy_devnet_avs"]

COMMITTEE: Final = 1
"""Id of the devnet's committee."""
STAKE: Final = 100 * WAD
"""What each operator deposits."""
QUORUMS: Final = 2
"""Of SGX provers the first, of TDX provers the second; operators are in them in turn."""
_WINDOW: Final = 30 * 86_400
_REWARD: Final = 10**18
_RESERVE: Final = 10**24
_SLASH: Final = WAD // 4
_FUNDS: Final = 10**20


async def deploy_devnet_avs(
    manager: TransactionManager,
    transport: JsonRpcTransport,
    *,
    operators: int,
    registry: Address,
    oracle: Address,
    l2_chain_id: int,
    rollup_config_hash: Hash32,
    interval: int,
    l2_genesis_time: int,
    l2_block_time: int,
) -> AvsManifest:
    """Deploy EigenLayer, the AVS and its operators on an L1 that mines at once.

    Quorum 0 is of SGX provers, quorum 1 of TDX provers; operator i runs what `platform_of` says
    and is in that one's quorum. Ranges are the outputs' own: `interval` blocks from block 1.
    """
    dev = await deploy_eigenlayer(manager, transport, chain_id=L1_CHAIN_ID, times=DevTimes())
    avs = await new_avs_address(manager, key="avs")
    middleware = await deploy_middleware(
        manager, transport, dev.core, avs=avs, key="avs/middleware"
    )
    confirmer = Address.from_hex(DevAccounts().account(Role.AGGREGATOR).address.lower())
    platforms = [platform_of(quorum) for quorum in range(QUORUMS)]
    plan = AvsPlan(
        core=dev.core,
        roles=AvsRoles(
            owner=manager.address,
            state_confirmer=confirmer,
            poa_manager=manager.address,
            committee_manager=manager.address,
        ),
        strategies=(dev.strategy,),
        slash_wad=_SLASH,
        reward_intervals_before=1,
        registry=registry,
        max_blocks=PARAMETERS.max_block_age,
        validity=PARAMETERS.ttl,
        metadata_uri="https://example.org/coprove-devnet.json",
        quorums=tuple(
            QuorumPlan(platform=platform, strategies=(dev.strategy,)) for platform in platforms
        ),
        committees=(
            CommitteePlan(
                committee=Committee(
                    committee_id=COMMITTEE,
                    description="devnet",
                    metadata=b"",
                    quorums=tuple(range(QUORUMS)),
                ),
                policy=RollupPolicy(
                    l2_chain_id=l2_chain_id,
                    rollup_config_hash=rollup_config_hash,
                    oracle=oracle,
                    first_block=1,
                    interval=interval,
                    l2_genesis_time=l2_genesis_time,
                    l2_block_time=l2_block_time,
                    window=_WINDOW,
                    minimum_reward=_REWARD,
                    reward=_REWARD,
                    reward_token=dev.token,
                ),
            ),
        ),
    )
    deployed = await deploy_avs(manager, transport, plan, avs=avs, middleware=middleware, key="avs")
    for number, call in enumerate(
        (approve_call(dev.token, avs, _RESERVE), fund_reserve_call(avs, dev.token, _RESERVE))
    ):
        await manager.send(key=f"avs/reserve/{number}", to=call.to, data=call.data)
    await manager.send(key="avs/confirmer", to=confirmer, value=_FUNDS)
    updater = Address.from_hex(DevAccounts().account(Role.REWARDS).address.lower())
    await manager.send(key="avs/updater/funds", to=updater, value=_FUNDS)
    call = set_rewards_updater_call(dev.core.rewards_coordinator, updater)
    await manager.send(key="avs/updater", to=call.to, data=call.data)
    contracts = await discover(transport, GivenAddresses(service_manager=avs))
    for index in range(operators):
        give = transfer_call(dev.token, operator_account(index), STAKE)
        await manager.send(key=f"avs/stake/{index}", to=give.to, data=give.data)
        await _restake(transport, contracts, dev.strategy, index)
    return AvsManifest(
        service_manager=str(avs),
        slasher=str(deployed.contracts.slasher),
        rewards=str(deployed.contracts.rewards),
        liveness_verifier=str(deployed.liveness_verifier),
        registry_coordinator=str(middleware.registry_coordinator),
        stake_registry=str(middleware.stake_registry),
        bls_apk_registry=str(middleware.bls_apk_registry),
        index_registry=str(middleware.index_registry),
        operator_state_retriever=str(middleware.operator_state_retriever),
        delegation_manager=str(dev.core.delegation_manager),
        rewards_coordinator=str(dev.core.rewards_coordinator),
        token=str(dev.token),
        strategy=str(dev.strategy),
        operators=operators,
    )


async def _restake(
    transport: JsonRpcTransport, contracts: OperatorContracts, strategy: Address, index: int
) -> None:
    """Take operator number `index` through the steps that `coprove operator` has for people."""
    quorum = index % QUORUMS
    signer = LocalSigner(DevAccounts().account(Role.OPERATOR + index))
    options = TransactionOptions(confirmations=1, poll_interval=0.05)
    async with TransactionManager(transport, signer, MemoryIntentStore(), options) as own:
        membership = Membership(contracts, own)
        await membership.register(metadata_uri="", allocation_delay=0)
        await membership.deposit(strategy, STAKE)
        await membership.opt_in([quorum], bls_key_of(index), socket="")
        await membership.allocate(quorum, WAD // 2)
