"""What the aggregator's parts ask of each other: the registry's view, task sources, the way to the
chain. Tests bring their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coprove.attestation import Platform
    from coprove.avs.bls import PublicKey
    from coprove.avs.tasks import TaskDraft
    from coprove.types import Address, Hash32

__all__ = [
    "LiveProver",
    "OperatorRecord",
    "OperatorSet",
    "QuorumStakes",
    "RegistryView",
    "TaskSource",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRecord:
    """A registered operator."""

    operator_id: Hash32
    """keccak256 of its G1 key."""
    address: Address
    """Its account at EigenLayer."""
    key: PublicKey
    """Its BLS key in both groups, as registered with a proof of possession."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumStakes:
    """A quorum at one block."""

    number: int
    """Its number."""
    total: int
    """Stake of all its operators, as the StakeRegistry states it."""
    stakes: Mapping[Hash32, int]
    """Stake of each operator that was in it, by operator id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSet:
    """Who could sign at a reference block."""

    block: int
    """The reference block's number."""
    block_hash: Hash32
    """Its hash when this was read."""
    operators: Mapping[Hash32, OperatorRecord]
    """Operators of any of the quorums, by id."""
    quorums: tuple[QuorumStakes, ...]
    """The quorums that were asked for, ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveProver:
    """The prover whose word counts for an operator."""

    address: Address
    """Address of its secp256k1 key, which signs PoEs."""
    valid_until: int
    """Unix seconds until which it counts if nothing changes."""
    platform: Platform | None = None
    """Kind of its environment: in a quorum of another kind it does not count. None: not known."""


class RegistryView(Protocol):
    """What the chain says of operators; all methods may raise Temporary errors."""

    async def operator_set(self, block: int, quorums: Sequence[int]) -> OperatorSet:
        """Return who could sign at a block; Reset when that block was reorged away meanwhile."""
        ...

    async def live_prover(self, operator_id: Hash32, *, reference_block: int) -> LiveProver | None:
        """Return an operator's prover if the contract would count it for that block now.

        Cheap when asked again: answers are kept while no event changes them and they last.
        """
        ...


class TaskSource(Protocol):
    """Where tasks come from."""

    name: str
    """For logs and metrics."""

    async def poll(self) -> Sequence[TaskDraft]:
        """Return what is there to sign, oldest first; the same drafts may come again."""
        ...
