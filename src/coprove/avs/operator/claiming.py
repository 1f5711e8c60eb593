"""An operator's rewards: what the AVS gave it, what EigenLayer holds for it, and the claim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.contracts.eigenlayer import RewardTree
from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coprove.contracts import TransactionManager
    from coprove.contracts.avs.rewards import AvsRewards
    from coprove.contracts.eigenlayer import Earnings, RewardsCoordinator
    from coprove.types import Address, Hash32

__all__ = ["Claimed", "TokenRewards", "claim_rewards", "rewards_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRewards:
    """Rewards in one token, in its smallest unit."""

    token: Address
    """What is paid."""
    settled: int
    """What the AVS handed to EigenLayer for the operator and its stakers."""
    tasks: int
    """For so many tasks."""
    claimed: int
    """What the operator claimed of the token, ever, from all AVSs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What a claim brought."""

    amounts: Mapping[Address, int]
    """By token; nothing when all was claimed before."""
    transaction: Hash32 | None
    """The claim; None when there was nothing to claim."""


async def rewards_of(
    operator: Address, rewards: AvsRewards, coordinator: RewardsCoordinator, *, first: int
) -> list[TokenRewards]:
    """Return what an operator got from the AVS since an L1 block, by token."""
    amounts: dict[Address, list[int]] = {}
    for item in await rewards.settled(first=first):
        if operator in item.amounts:
            amounts.setdefault(item.token, []).append(item.amounts[operator])
    return [
        TokenRewards(
            token=token,
            settled=sum(parts),
            tasks=len(parts),
            claimed=await coordinator.claimed(operator, token),
        )
        for token, parts in sorted(amounts.items())
    ]


async def claim_rewards(
    manager: TransactionManager,
    coordinator: RewardsCoordinator,
    earnings: Earnings,
    *,
    earner: Address,
    recipient: Address,
) -> Claimed:
    """Claim all of an earner's that is left, under the root that the earnings have on chain.

    InputError when that root was not posted, cannot be claimed under, or another account claims
    for the earner; CallRevertedError for what EigenLayer refuses.
    """
    claimer = await coordinator.claimer(earner)
    if claimer != manager.address:
        raise InputError("account", expected=f"{claimer}, which claims", actual=manager.address)
    tree = RewardTree(earnings)
    posted = await coordinator.posted(tree.root)
    if posted is None:
        raise InputError("earnings", expected="those of a root that was posted", actual=tree.root)
    now = await coordinator.now()
    if posted.is_disabled or posted.activated_at > now:
        actual = "taken back" if posted.is_disabled else f"at {now}"
        expected = f"claimable from {posted.activated_at}"
        raise InputError(f"root {posted.index}", expected=expected, actual=actual)
    left = {
        token: amount - await coordinator.claimed(earner, token)
        for token, amount in tree.of(earner).items()
    }
    left = {token: amount for token, amount in left.items() if amount > 0}
    if not left:
        return Claimed(amounts={}, transaction=None)
    call = tree.claim_call(
        coordinator.address,
        root_index=posted.index,
        earner=earner,
        recipient=recipient,
        tokens=left,
    )
    # A run that was cut off goes on with what it sent: what is left is what it was.
    key = f"claim/{earner}/{posted.index}/{sum(left.values())}"
    mined = await manager.send(key=key, to=call.to, data=call.data)
    return Claimed(amounts=left, transaction=mined.tx_hash)
