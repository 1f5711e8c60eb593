"""Rewards of confirmed tasks, for the rewards contract."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.avs.aggregator.confirm_call import ConfirmCall
from coprove.avs.aggregator.errors import ConfirmationLostError
from coprove.contracts.avs.rewards import settle_call
from coprove.storage import NOBODY, AvsSettlementKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.avs.aggregator.settlement.due import Due
    from coprove.contracts import ContractCall
    from coprove.contracts.avs import ServiceManager
    from coprove.contracts.caller import Block
    from coprove.contracts.eigenlayer import QuorumRegistries
    from coprove.storage import AvsSettlementLog, UnsettledReward
    from coprove.types import Address, Hash32

__all__ = ["Rewards"]

_LIMIT = 64


@dataclass(frozen=True, slots=True)
class _Reward:
    manager: ServiceManager
    registries: QuorumRegistries
    rewards: Address
    unsettled: UnsettledReward

    @property
    def kind(self) -> AvsSettlementKind:
        return AvsSettlementKind.REWARD

    @property
    def key(self) -> Hash32:
        return self.unsettled.key

    @property
    def operator_id(self) -> Hash32:
        return NOBODY

    async def is_done(self, block: Block) -> bool:
        task = await self.manager.task(self.key, block=block)
        return task.settled or (task.confirmed_at > 0 and task.reward == 0)

    async def call(self) -> ContractCall:
        task = await self.manager.task(self.key)
        if task.confirmed_at == 0:
            raise ConfirmationLostError(f"task {self.key}: the core sends its confirmation again")
        confirmed = ConfirmCall.decode(self.unsettled.calldata)
        header = confirmed.header
        indices = await asyncio.gather(
            *(self._places(quorum, header.reference_block) for quorum in header.quorum_numbers)
        )
        return settle_call(
            self.rewards, header=header, non_signers=confirmed.non_signers, stake_indices=indices
        )

    async def _places(self, quorum: int, block: int) -> tuple[int, ...]:
        """Return where in its history of stakes each operator of a quorum stands at a block."""
        ids = await self.registries.operator_list(quorum, block)
        found = await self.registries.check_signatures_indices(block, [quorum], ids)
        return found.non_signer_stake[0]


class Rewards:
    """Tasks that this aggregator confirmed; who confirms by other ways settles by them too."""

    def __init__(
        self,
        log: AvsSettlementLog,
        manager: ServiceManager,
        registries: QuorumRegistries,
        rewards: Address,
    ) -> None:
        """Read the records and the AVS, and settle at `rewards`."""
        self._log, self._manager = log, manager
        self._registries, self._rewards = registries, rewards

    async def due(self, *, since: float) -> Sequence[Due]:
        """See DueSource."""
        found = await self._log.rewards(since=since, limit=_LIMIT)
        return [_Reward(self._manager, self._registries, self._rewards, one) for one in found]
