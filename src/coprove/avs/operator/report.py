"""How an operator stands on chain, for `coprove operator status` and the preflight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.rpc import L1Client
from coprove.rpc.fields import quantity

if TYPE_CHECKING:
    from coprove.avs.operator.discovery import OperatorContracts
    from coprove.contracts.attestation import LivenessStatus
    from coprove.contracts.eigenlayer import OperatorStatus
    from coprove.types import Address, Hash32

__all__ = ["OperatorReport", "QuorumReport", "StrategyReport", "report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyReport:
    """An operator in one strategy of a quorum."""

    strategy: Address
    """The strategy."""
    shares: int
    """Shares that are delegated to it."""
    allocated: int
    """Magnitude that the quorum's operator set can slash, of 10^18."""
    pending: int
    """What will be added to it, or taken away."""
    effect_block: int
    """L1 block from which that holds; 0: nothing is pending."""
    left: int
    """What slashings left of its magnitude, of 10^18."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumReport:
    """An operator in one quorum."""

    quorum: int
    """Its number."""
    is_member: bool
    """Whether it is in it."""
    stake: int
    """Its stake there."""
    total: int
    """The quorum's."""
    minimum: int
    """Least stake to enter."""
    counts: bool
    """Whether its signature would count now."""
    strategies: tuple[StrategyReport, ...]
    """What its stake rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorReport:
    """An operator at the AVS; all of it read at the newest block."""

    account: Address
    """The operator."""
    balance: int
    """Its wei."""
    is_operator: bool
    """Whether it is one at EigenLayer."""
    allocation_delay: int | None
    """Blocks after which allocations hold; None: not set yet."""
    operator_id: Hash32 | None
    """Id of the BLS key that it registered; None: none."""
    status: OperatorStatus
    """Where it stands at the RegistryCoordinator."""
    is_listed: bool
    """Whether the allow-list lets it count."""
    prover: Address | None
    """Its prover, where one answers."""
    liveness: LivenessStatus | None
    """How that prover stands."""
    is_attached: bool
    """Whether it counts under the operator's BLS key."""
    quorums: tuple[QuorumReport, ...]
    """All quorums of the AVS."""


async def report(
    contracts: OperatorContracts,
    account: Address,
    *,
    public_key: bytes | None = None,
    prover: Address | None = None,
) -> OperatorReport:
    """Read how an operator stands; `public_key` is X and Y of its BLS key, `prover` its prover."""
    registries, core = contracts.registries, contracts.eigenlayer
    l1 = L1Client(contracts.transport)
    answer = await l1.transport.call("eth_getBalance", [account.hex0x, "latest"])
    operator_id = await registries.operator_id(account)
    head = await l1.block_number()
    is_attached = False
    if public_key is not None and prover is not None:
        is_attached = await contracts.verifier.is_live(public_key, prover)
    return OperatorReport(
        account=account,
        balance=quantity(answer, "balance", 256),
        is_operator=await core.is_operator(account),
        allocation_delay=await core.allocation_delay(account),
        operator_id=operator_id,
        status=await registries.status(account),
        is_listed=await contracts.service_manager.is_listed(account),
        prover=prover,
        liveness=None if prover is None else await contracts.prover_registry.liveness(prover),
        is_attached=is_attached,
        quorums=tuple(
            [
                await _quorum(contracts, account, operator_id, number, head)
                for number in range(await registries.quorum_count())
            ]
        ),
    )


async def _quorum(
    contracts: OperatorContracts,
    account: Address,
    operator_id: Hash32 | None,
    number: int,
    head: int,
) -> QuorumReport:
    registries, manager = contracts.registries, contracts.service_manager
    member, stake, counts = False, 0, False
    if operator_id is not None:
        member = number in await registries.quorums_of(operator_id)
        stake = await registries.stake(operator_id, number)
        counts = await manager.counts(operator_id, number, reference_block=head)
    strategies: tuple[Address, ...] = ()
    if not await registries.is_m2_quorum(number):
        strategies = await contracts.eigenlayer.strategies(manager.address, number)
    return QuorumReport(
        quorum=number,
        is_member=member,
        stake=stake,
        total=await registries.total_stake(number),
        minimum=await registries.minimum_stake(number),
        counts=member and counts,
        strategies=tuple(
            [await _strategy(contracts, account, number, item) for item in strategies]
        ),
    )


async def _strategy(
    contracts: OperatorContracts, account: Address, quorum: int, strategy: Address
) -> StrategyReport:
    core, avs = contracts.eigenlayer, contracts.service_manager.address
    (shares,) = await core.shares(account, [strategy])
    allocation = await core.allocation(account, avs, quorum, strategy)
    return StrategyReport(
        strategy=strategy,
        shares=shares,
        allocated=allocation.magnitude,
        pending=allocation.pending,
        effect_block=allocation.effect_block,
        left=await core.max_magnitude(account, strategy),
    )
