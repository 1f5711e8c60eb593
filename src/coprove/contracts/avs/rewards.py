"""Rewards: how a task's reward is split, and what was handed to EigenLayer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Event, Function
from coprove.contracts.avs.headers import STATE_HEADER_TYPE
from coprove.contracts.caller import ContractReader
from coprove.contracts.settlement import ContractCall
from coprove.errors import InputError
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coprove.contracts.avs.headers import StateHeader
    from coprove.contracts.caller import Block
    from coprove.rpc import RpcTransport

__all__ = [
    "SUBMIT_SIGNATURE",
    "AvsRewards",
    "RewardSettled",
    "settle_call",
    "split_reward",
]

SUBMIT_SIGNATURE: Final = (
    "createOperatorDirectedAVSRewardsSubmission(address,((address,uint96)[],address,"
    "(address,uint256)[],uint32,uint32,string)[])"
)
"""What the rewards contract is appointed to call at the RewardsCoordinator."""
_SETTLE: Final = Function(f"settle({STATE_HEADER_TYPE},bytes32[],uint32[][])")
_SERVICE_MANAGER: Final = Function("serviceManager()", "(address)")
_COORDINATOR: Final = Function("rewardsCoordinator()", "(address)")
_SETTLED: Final = Event(
    "RewardSettled(bytes32,address,address[],uint256[])", (True, True, False, False)
)


def split_reward(amount: int, quorums: Sequence[Mapping[Address, int]]) -> dict[Address, int]:
    """Return what each signer gets, by address ascending, as `AvsRewards.splitOf` does.

    `quorums` are the signers' stakes in each quorum. A quorum gets an equal part, a signer as much
    of that as it has of the signed stake; what division leaves goes to the lowest address.
    InputError when a quorum has no signed stake.
    """
    parts: defaultdict[Address, int] = defaultdict(int)
    for stakes in quorums:
        signed = sum(stakes.values())
        if signed == 0:
            raise InputError("signed stake", expected="more than none", actual=0)
        for operator, stake in stakes.items():
            parts[operator] += amount // len(quorums) * stake // signed
    split = {operator: part for operator, part in sorted(parts.items()) if part}
    if not split:
        raise InputError("reward", expected="enough to split", actual=amount)
    split[next(iter(split))] += amount - sum(split.values())
    return split


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardSettled:
    """A task's reward was handed to EigenLayer."""

    task_id: Hash32
    """The task."""
    token: Address
    """What is paid."""
    amounts: Mapping[Address, int]
    """What each operator gets."""


class AvsRewards:
    """Reads the AVS' rewards contract."""

    def __init__(self, transport: RpcTransport, address: Address) -> None:
        """Share the endpoint's transport."""
        self._reader = ContractReader(transport, address)
        self.address = address

    async def service_manager(self) -> Address:
        """Return the AVS whose tasks it pays for."""
        return Address.from_hex(await self._reader.call(_SERVICE_MANAGER))

    async def coordinator(self) -> Address:
        """Return EigenLayer's distributor, which pays."""
        return Address.from_hex(await self._reader.call(_COORDINATOR))

    async def settled(self, *, first: int, last: Block = "latest") -> list[RewardSettled]:
        """Return what was settled in L1 blocks, in its order."""
        logs = await self._reader.logs(_SETTLED, first=first, last=last)
        return [
            RewardSettled(
                task_id=Hash32(log.values[0]),
                token=Address.from_hex(log.values[1]),
                amounts={
                    Address.from_hex(operator): amount
                    for operator, amount in zip(log.values[2], log.values[3], strict=True)
                },
            )
            for log in logs
        ]


def settle_call(
    rewards: Address,
    *,
    header: StateHeader,
    non_signers: Sequence[Hash32],
    stake_indices: Sequence[Sequence[int]],
) -> ContractCall:
    """Hand a confirmed task's reward to EigenLayer.

    `stake_indices` are, for each quorum and each operator in the order of its list at the
    reference block, the place in that operator's history of stakes.
    """
    ids = [bytes(id_) for id_ in non_signers]
    data = _SETTLE.encode(header.to_abi(), ids, [list(places) for places in stake_indices])
    return ContractCall(to=rewards, data=data)
