"""Headers of states and names of tasks, as `MultiProverServiceManager` hashes them."""

from __future__ import annotations

from dataclasses import dataclass

from eth_abi.abi import encode

from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Hash32

__all__ = ["STATE_HEADER_TYPE", "ReducedStateHeader", "StateHeader", "task_id"]

STATE_HEADER_TYPE = "(uint256,bytes,bytes,bytes,bytes,uint32)"
"""ABI type of a StateHeader."""
_REDUCED_TYPE = "(uint256,bytes,bytes,uint32)"


def task_id(committee_id: int, start_block: int, end_block: int) -> Hash32:
    """Return the name of a range as a committee's task (`taskIdOf`)."""
    return Hash32(
        keccak256(encode(["uint256", "uint64", "uint64"], [committee_id, start_block, end_block]))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReducedStateHeader:
    """What operators sign the hash of; InputError for numbers that the contract does not have."""

    committee_id: int
    """Committee whose task it is."""
    metadata: bytes
    """The range."""
    state: bytes
    """What the operator's prover found."""
    reference_block: int
    """L1 block at which stakes count."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 0 <= self.committee_id < 2**256:
            raise InputError("committee id", expected="below 2^256", actual=self.committee_id)
        if not 0 <= self.reference_block < 2**32:
            raise InputError("reference block", expected="below 2^32", actual=self.reference_block)

    def digest(self) -> Hash32:
        """Return keccak256 of the ABI encoding: what is signed."""
        values = (self.committee_id, self.metadata, self.state, self.reference_block)
        return Hash32(keccak256(encode([_REDUCED_TYPE], [values])))


@dataclass(frozen=True, slots=True, kw_only=True)
class StateHeader:
    """What is confirmed: what was signed, and with which quorums."""

    committee_id: int
    """Committee whose task it is."""
    metadata: bytes
    """The range."""
    state: bytes
    """What the provers found."""
    quorum_numbers: tuple[int, ...]
    """The committee's quorums, ascending."""
    thresholds: tuple[int, ...]
    """Percent of each quorum's stake that signed, at least."""
    reference_block: int
    """L1 block at which stakes count."""

    def reduced(self) -> ReducedStateHeader:
        """Return what operators signed."""
        return ReducedStateHeader(
            committee_id=self.committee_id,
            metadata=self.metadata,
            state=self.state,
            reference_block=self.reference_block,
        )

    def to_abi(self) -> tuple[object, ...]:
        """Return the values in the order of the struct."""
        return (
            self.committee_id,
            self.metadata,
            self.state,
            bytes(self.quorum_numbers),
            bytes(self.thresholds),
            self.reference_block,
        )

    def hash(self) -> Hash32:
        """Return keccak256 of the ABI encoding, the first part of a confirmation's record."""
        return Hash32(keccak256(encode([STATE_HEADER_TYPE], [self.to_abi()])))
