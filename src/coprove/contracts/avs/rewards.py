"""Rewards: how a task's reward is split, and how EigenLayer's distributor is claimed from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Event, Function
from coprove.contracts.avs.headers import STATE_HEADER_TYPE
from coprove.contracts.caller import ContractReader
from coprove.contracts.settlement import ContractCall
from coprove.errors import InputError
from coprove.primitives import keccak256
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
    "RewardTree",
    "RewardsCoordinator",
    "settle_call",
    "split_reward",
    "submit_root_call",
]

SUBMIT_SIGNATURE: Final = (
    "createOperatorDirectedAVSRewardsSubmission(address,((address,uint96)[],address,"
    "(address,uint256)[],uint32,uint32,string)[])"
)
"""What the rewards contract is appointed to call at the RewardsCoordinator."""
_SETTLE: Final = Function(f"settle({STATE_HEADER_TYPE},bytes32[],uint32[][])")
_SERVICE_MANAGER: Final = Function("serviceManager()", "(address)")
_SETTLED: Final = Event(
    "RewardSettled(bytes32,address,address[],uint256[])", (True, True, False, False)
)
_SUBMIT_ROOT: Final = Function("submitRoot(bytes32,uint32)")
_LEAF: Final = "(address,uint256)"
_CLAIM: Final = Function(
    f"processClaim((uint32,uint32,bytes,(address,bytes32),uint32[],bytes[],{_LEAF}[]),address)"
)
_CURRENT: Final = Function("currRewardsCalculationEndTimestamp()", "(uint32)")
_ROOTS: Final = Function("getDistributionRootsLength()", "(uint256)")
_CLAIMED: Final = Function("cumulativeClaimed(address,address)", "(uint256)")
_EARNER_SALT: Final = b"\x00"
_TOKEN_SALT: Final = b"\x01"


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


class RewardsCoordinator:
    """Reads EigenLayer's distributor of rewards."""

    def __init__(self, transport: RpcTransport, address: Address) -> None:
        """Share the endpoint's transport."""
        self._reader = ContractReader(transport, address)
        self.address = address

    async def calculated_until(self) -> int:
        """Return the Unix seconds up to which rewards were calculated."""
        return int(await self._reader.call(_CURRENT))

    async def root_count(self) -> int:
        """Return how many roots were posted."""
        return int(await self._reader.call(_ROOTS))

    async def claimed(self, earner: Address, token: Address) -> int:
        """Return what an earner claimed of a token, ever."""
        return int(await self._reader.call(_CLAIMED, bytes(earner), bytes(token)))


class RewardTree:
    """Cumulative earnings in the Merkle trees of RewardsCoordinator: tokens below earners.

    On public chains EigenLayer computes and posts it; on a development chain the devnet does.
    """

    def __init__(self, earnings: Mapping[Address, Mapping[Address, int]]) -> None:
        """`earnings` are by earner and token, all that was ever earned. InputError when empty."""
        if not earnings or not all(earnings.values()):
            raise InputError("earnings", expected="some of each earner", actual="none")
        self._earners = sorted(earnings)
        self._tokens = {earner: sorted(earnings[earner].items()) for earner in self._earners}
        self._token_trees = {
            earner: _levels(
                [
                    keccak256(_TOKEN_SALT + token + amount.to_bytes(32, "big"))
                    for token, amount in tokens
                ]
            )
            for earner, tokens in self._tokens.items()
        }
        self._tree = _levels(
            [
                keccak256(_EARNER_SALT + earner + self._token_trees[earner][-1][0])
                for earner in self._earners
            ]
        )

    @property
    def root(self) -> Hash32:
        """What is posted."""
        return Hash32(self._tree[-1][0])

    def claim_call(
        self, coordinator: Address, *, root_index: int, earner: Address, recipient: Address
    ) -> ContractCall:
        """Claim all that an earner has in the tree under a posted root. For the earner."""
        index, tokens = self._earners.index(earner), self._tokens[earner]
        levels = self._token_trees[earner]
        claim = (
            root_index,
            index,
            _proof(self._tree, index),
            (bytes(earner), levels[-1][0]),
            list(range(len(tokens))),
            [_proof(levels, place) for place in range(len(tokens))],
            [(bytes(token), amount) for token, amount in tokens],
        )
        return ContractCall(to=coordinator, data=_CLAIM.encode(claim, bytes(recipient)))


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


def submit_root_call(coordinator: Address, root: Hash32, *, until: int) -> ContractCall:
    """Post a root of rewards up to a time. For EigenLayer's rewards updater."""
    return ContractCall(to=coordinator, data=_SUBMIT_ROOT.encode(bytes(root), until))


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Return a Merkle tree from the leaves, filled up with zeros to a power of two, to the root."""
    size = 1
    while size < len(leaves):
        size *= 2
    levels = [[*leaves, *[bytes(32)] * (size - len(leaves))]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append(
            [keccak256(below[place] + below[place + 1]) for place in range(0, len(below), 2)]
        )
    return levels


def _proof(levels: Sequence[Sequence[bytes]], index: int) -> bytes:
    """Return a leaf's siblings from below, one after the other."""
    return b"".join(level[index >> depth ^ 1] for depth, level in enumerate(levels[:-1]))
