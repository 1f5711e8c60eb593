"""EigenLayer's distributor of rewards: roots of what was ever earned, and claims under them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Function
from coprove.contracts.caller import ContractReader
from coprove.contracts.errors import CallRevertedError
from coprove.contracts.settlement import ContractCall
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from coprove.contracts.caller import Block
    from coprove.contracts.eigenlayer.earnings import Earnings
    from coprove.rpc import RpcTransport

__all__ = [
    "DistributionRoot",
    "RewardTree",
    "RewardsCoordinator",
    "set_rewards_updater_call",
    "submit_root_call",
]

_SUBMIT_ROOT: Final = Function("submitRoot(bytes32,uint32)")
_SET_UPDATER: Final = Function("setRewardsUpdater(address)")
_LEAF: Final = "(address,uint256)"
_CLAIM: Final = Function(
    f"processClaim((uint32,uint32,bytes,(address,bytes32),uint32[],bytes[],{_LEAF}[]),address)"
)
_CURRENT: Final = Function("currRewardsCalculationEndTimestamp()", "(uint32)")
_ROOTS: Final = Function("getDistributionRootsLength()", "(uint256)")
_ROOT: Final = Function("getDistributionRootAtIndex(uint256)", "((bytes32,uint32,uint32,bool))")
_INDEX: Final = Function("getRootIndexFromHash(bytes32)", "(uint32)")
_CLAIMED: Final = Function("cumulativeClaimed(address,address)", "(uint256)")
_CLAIMER: Final = Function("claimerFor(address)", "(address)")
_EARNER_SALT: Final = b"\x00"
_TOKEN_SALT: Final = b"\x01"
_NOBODY: Final = Address(bytes(20))


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionRoot:
    """A root as it was posted."""

    index: int
    """Its place among all."""
    root: Hash32
    """The root of a RewardTree."""
    until: int
    """Unix seconds up to which rewards are in it."""
    activated_at: int
    """Unix seconds from which it can be claimed under."""
    is_disabled: bool
    """Whether EigenLayer took it back."""


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

    async def root_at(self, index: int) -> DistributionRoot:
        """Return a root by its place, from 0."""
        root, until, activated_at, is_disabled = await self._reader.call(_ROOT, index)
        return DistributionRoot(
            index=index,
            root=Hash32(root),
            until=until,
            activated_at=activated_at,
            is_disabled=is_disabled,
        )

    async def posted(self, root: Hash32) -> DistributionRoot | None:
        """Return the newest posting of a root; None when it was not posted."""
        try:
            return await self.root_at(int(await self._reader.call(_INDEX, bytes(root))))
        except CallRevertedError:
            return None

    async def claimed(self, earner: Address, token: Address, *, block: Block = "latest") -> int:
        """Return what an earner claimed of a token, ever."""
        return int(await self._reader.call(_CLAIMED, bytes(earner), bytes(token), block=block))

    async def claimer(self, earner: Address) -> Address:
        """Return who may claim for an earner: the earner itself, or whom it named."""
        found = Address.from_hex(await self._reader.call(_CLAIMER, bytes(earner)))
        return earner if found == _NOBODY else found

    async def now(self) -> int:
        """Return the latest block's time, Unix seconds."""
        return await self._reader.block_time()


class RewardTree:
    """Cumulative earnings in the Merkle trees of RewardsCoordinator: tokens below earners.

    On public chains EigenLayer computes and posts it; on a development chain the devnet does.
    """

    def __init__(self, earnings: Earnings) -> None:
        """Build it of all that was ever earned. InputError when that is nothing."""
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

    def of(self, earner: Address) -> Mapping[Address, int]:
        """Return what an earner ever earned, by token; nothing when it is not in the tree."""
        return dict(self._tokens.get(earner, ()))

    def claim_call(
        self,
        coordinator: Address,
        *,
        root_index: int,
        earner: Address,
        recipient: Address,
        tokens: Collection[Address] | None = None,
    ) -> ContractCall:
        """Claim what an earner has of some tokens, or of all, under a posted root.

        For the earner, or its claimer. EigenLayer refuses a token of which nothing is left.
        """
        index, leaves = self._earners.index(earner), self._tokens[earner]
        levels = self._token_trees[earner]
        places = [
            place for place, (token, _) in enumerate(leaves) if tokens is None or token in tokens
        ]
        claim = (
            root_index,
            index,
            _proof(self._tree, index),
            (bytes(earner), levels[-1][0]),
            places,
            [_proof(levels, place) for place in places],
            [(bytes(token), amount) for token, amount in (leaves[place] for place in places)],
        )
        return ContractCall(to=coordinator, data=_CLAIM.encode(claim, bytes(recipient)))


def submit_root_call(coordinator: Address, root: Hash32, *, until: int) -> ContractCall:
    """Post a root of rewards up to a time. For EigenLayer's rewards updater."""
    return ContractCall(to=coordinator, data=_SUBMIT_ROOT.encode(bytes(root), until))


def set_rewards_updater_call(coordinator: Address, updater: Address) -> ContractCall:
    """Let another account post roots. For the coordinator's owner."""
    return ContractCall(to=coordinator, data=_SET_UPDATER.encode(bytes(updater)))


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
