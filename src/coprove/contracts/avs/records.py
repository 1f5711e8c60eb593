"""What the service manager holds and emits, as records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, Self

from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from coprove.contracts.caller import LogEntry
    from coprove.contracts.eigenlayer.registries import G1, G2, CheckSignaturesIndices

__all__ = [
    "NO_ADDRESS",
    "POLICY_TYPE",
    "SIGNED_BY_TYPE",
    "Committee",
    "ConfirmedOutput",
    "PausedPart",
    "RollupPolicy",
    "SignedBy",
    "TaskConfirmed",
    "TaskCreated",
    "TaskRecord",
]

NO_ADDRESS: Final = Address(bytes(20))
"""Stands for none."""
_G1: Final = "(uint256,uint256)"
_G2: Final = "(uint256[2],uint256[2])"
SIGNED_BY_TYPE: Final = f"(uint32[],{_G1}[],{_G1}[],{_G2},{_G1},uint32[],uint32[],uint32[][])"
"""ABI type of NonSignerStakesAndSignature."""
POLICY_TYPE: Final = (
    "(uint256,bytes32,address,uint64,uint64,uint64,uint32,uint32,uint96,uint96,address)"
)
"""ABI type of RollupPolicy."""


class PausedPart(IntEnum):
    """What can be paused."""

    SUBMIT_STATE = 0
    OPERATOR_REGISTRATION = 1
    CREATE_TASK = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBy:
    """Who signed a state and who did not: NonSignerStakesAndSignature."""

    non_signers: tuple[G1, ...]
    """Keys of the non-signers, ascending by their hash."""
    quorum_apks: tuple[G1, ...]
    """Sum of each quorum's keys."""
    apk_g2: G2
    """Sum of the signers' keys in G2, each as often as it is in a quorum."""
    sigma: G1
    """Sum of their signatures, with the same multiplicity."""
    indices: CheckSignaturesIndices
    """Places in the registries' histories."""

    def to_abi(self) -> tuple[object, ...]:
        """Return the values in the order of the struct."""
        return (
            self.indices.non_signer_quorum_bitmap,
            self.non_signers,
            self.quorum_apks,
            self.apk_g2,
            self.sigma,
            self.indices.quorum_apk,
            self.indices.total_stake,
            self.indices.non_signer_stake,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Committee:
    """Operators that handle the same tasks."""

    committee_id: int
    """From 1."""
    description: str
    """For people."""
    metadata: bytes
    """For example the code that provers run."""
    quorums: tuple[int, ...]
    """Its quorums, ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupPolicy:
    """Which rollup a committee is asked about, and which ranges are tasks by themselves."""

    l2_chain_id: int
    """EIP-155 id of the rollup."""
    rollup_config_hash: Hash32
    """Hash of its configuration."""
    oracle: Address
    """Holds proven outputs; zero: none."""
    first_block: int
    """First block of range 0, from 1."""
    interval: int
    """Blocks of a range; 0: only created tasks."""
    l2_genesis_time: int
    """Unix seconds of L2 block 0."""
    l2_block_time: int
    """Seconds between L2 blocks."""
    window: int
    """Seconds from a range's last block in which it can be confirmed."""
    minimum_reward: int
    """Least reward of a created task."""
    reward: int
    """Reward of a range by policy."""
    reward_token: Address
    """What rewards are paid in; zero: there are none."""

    def range_from(self, number: int) -> tuple[int, int]:
        """Return first and last block of range `number`, from 0."""
        start = self.first_block + number * self.interval
        return start, start + self.interval - 1

    def to_abi(self) -> tuple[object, ...]:
        """Return the values in the order of the struct."""
        return (
            self.l2_chain_id,
            bytes(self.rollup_config_hash),
            bytes(self.oracle),
            self.first_block,
            self.interval,
            self.l2_genesis_time,
            self.l2_block_time,
            self.window,
            self.minimum_reward,
            self.reward,
            bytes(self.reward_token),
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Read the struct."""
        return cls(
            l2_chain_id=values[0],
            rollup_config_hash=Hash32(values[1]),
            oracle=Address.from_hex(values[2]),
            first_block=values[3],
            interval=values[4],
            l2_genesis_time=values[5],
            l2_block_time=values[6],
            window=values[7],
            minimum_reward=values[8],
            reward=values[9],
            reward_token=Address.from_hex(values[10]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """What the contract holds of a task; all zero when it was neither created nor confirmed."""

    creator: Address
    """Who created it; zero: by policy."""
    deadline: int
    """Unix seconds of a created task."""
    reward: int
    """What its signers share."""
    reward_token: Address
    """In what."""
    confirmed_at: int
    """Unix seconds; 0: it is not."""
    confirmed_block: int
    """L1 block of the confirmation."""
    reference_block: int
    """L1 block at which stakes counted."""
    settled: bool
    """Whether the reward was paid or taken back."""
    output_root: Hash32
    """Output root of the last block."""
    batch_hash: Hash32
    """What range it is, and up to which L1 head."""
    record_hash: Hash32
    """Hash of header, signatories and block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedOutput:
    """What a committee found."""

    output_root: Hash32
    """Output root of the last block."""
    batch_hash: Hash32
    """What range it is, and up to which L1 head."""
    confirmed_at: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCreated:
    """Somebody asked and paid."""

    task_id: Hash32
    """The task."""
    committee_id: int
    """Whose it is."""
    creator: Address
    """Who pays."""
    start_block: int
    """First block of the range."""
    end_block: int
    """Last block of the range."""
    deadline: int
    """Unix seconds."""
    reward: int
    """What its signers will share."""
    log: LogEntry
    """Where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskConfirmed:
    """A state was confirmed."""

    task_id: Hash32
    """The task."""
    committee_id: int
    """Whose it was."""
    start_block: int
    """First block of the range."""
    end_block: int
    """Last block of the range."""
    output_root: Hash32
    """Output root of the last block."""
    reference_block: int
    """L1 block at which stakes counted."""
    non_signers: tuple[Hash32, ...]
    """Ids of the operators that did not sign, ascending."""
    signed_stakes: tuple[int, ...]
    """Signed stake of each of the committee's quorums."""
    total_stakes: tuple[int, ...]
    """Total stake of each."""
    log: LogEntry
    """Where it is."""
