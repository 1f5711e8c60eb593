"""Where outputs settle, whatever the contract's generation: the protocol that a proposer uses.

`open_output_contract` finds out which generation a deployed contract is and returns the object for
it. The two generations are OPSuccinctL2OutputOracle v1 (four-argument proposeL2Output) and v3
(named configs, six arguments, and optionally a DisputeGameFactory in between). Its v2 is spoken to
as well and counts as the first: one set of keys, but five arguments, with the prover's address.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Protocol

from coprove.primitives import keccak256
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from coprove.contracts.caller import Block
    from coprove.contracts.oracle import OutputProposal, OutputProposed

__all__ = [
    "GENESIS_CONFIG",
    "ContractCall",
    "Generation",
    "OutputClaim",
    "OutputContract",
    "ProgramKeys",
    "ProposingRight",
    "config_name_hash",
]

GENESIS_CONFIG: Final = "opsuccinct_genesis"
"""Name of the config that the second generation is initialized with."""


class Generation(IntEnum):
    """Which contract an oracle speaks as."""

    FIRST = 1
    """OPSuccinctL2OutputOracle v1, and v2 which adds the prover's address: one set of keys."""
    SECOND = 2
    """OPSuccinctL2OutputOracle v3: named configs, prover's address, fallback timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractCall:
    """A transaction as the manager sends it."""

    to: Address
    """Contract that is called."""
    data: bytes
    """Calldata."""
    value: int = 0
    """Wei that goes with it: the bond of a dispute game."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramKeys:
    """What a contract binds a proof to."""

    aggregation_vkey: Hash32
    """Verification key of the aggregation program."""
    range_vkey_commitment: Hash32
    """Commitment to the verification key of the range program."""
    rollup_config_hash: Hash32
    """`RollupConfig.config_hash()` of the chain."""

    def differing(self, other: ProgramKeys) -> list[str]:
        """Return the names of the fields that are not the same in both."""
        return [
            field.name
            for field in fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputClaim:
    """An output to propose, with its proof."""

    output_root: Hash32
    """The output."""
    l2_block: int
    """Its L2 block, at or above `next_block_number`."""
    l1_block: int
    """Checkpointed L1 block that the proof's l1Head is."""
    proof: bytes
    """On-chain bytes of the aggregation proof."""
    prover: Address = Address(bytes(20))  # noqa: RUF009 - an immutable value
    """Who is credited; bound by proofs where `has_prover_address` says so, else unused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposingRight:
    """Whether an account may propose now, and since when or from when everyone may."""

    is_approved: bool
    """The account, or everyone, is on the contract's list."""
    open_after: int | None
    """L1 time, in seconds, after which everyone may propose unless an output comes before; None
    where there is no such time (first generation, optimistic mode)."""
    l1_time: int
    """Time of the L1 block that was asked, in seconds."""

    @property
    def allowed(self) -> bool:
        """Whether a proposal would pass the contract's check of the sender."""
        return self.is_approved or (self.open_after is not None and self.l1_time > self.open_after)


class OutputContract(Protocol):
    """The contract that a chain's outputs settle in.

    Every reading method takes an L1 block number or tag to read at. Errors: CallRevertedError with
    the contract's own reason, InputError for answers of another shape, and the transport's.
    """

    @property
    def address(self) -> Address:
        """The contract that tools are given: the oracle's proxy."""

    @property
    def generation(self) -> Generation:
        """Which interface it speaks."""

    @property
    def has_prover_address(self) -> bool:
        """Whether proofs commit to a prover's address (224 bytes of public values, not 192)."""

    async def version(self, *, block: Block = "latest") -> str:
        """Return the semantic version of the implementation."""

    async def latest_output(self, *, block: Block = "latest") -> OutputProposal:
        """Return the latest output: the pre-state of the next proof."""

    async def latest_block_number(self, *, block: Block = "latest") -> int:
        """Return the L2 block of the latest output."""

    async def next_block_number(self, *, block: Block = "latest") -> int:
        """Return the lowest L2 block that the next output may have."""

    async def submission_interval(self, *, block: Block = "latest") -> int:
        """Return the least number of L2 blocks from one output to the next."""

    async def starting_block_number(self, *, block: Block = "latest") -> int:
        """Return the L2 block at which the list begins."""

    async def finalization_period_seconds(self, *, block: Block = "latest") -> int:
        """Return the seconds until an output is final."""

    async def get_l2_output_after(
        self, l2_block: int, *, block: Block = "latest"
    ) -> OutputProposal:
        """Return the first output at or above an L2 block; CallRevertedError when none is."""

    async def keys(self, *, block: Block = "latest") -> ProgramKeys:
        """Return what proofs must be made for; UnknownConfigError when the config is not there."""

    async def optimistic_mode(self, *, block: Block = "latest") -> bool:
        """Whether outputs are accepted without a proof, and with one refused."""

    async def proposing_right(self, account: Address, *, block: Block = "latest") -> ProposingRight:
        """Return whether an account may propose, and from when everyone may."""

    async def historic_block_hash(self, number: int, *, block: Block = "latest") -> Hash32 | None:
        """Return the checkpointed hash of an L1 block; None when it was not checkpointed."""

    def checkpoint_call(self, l1_block: int) -> ContractCall:
        """Return the call that records the hash of one of the last 256 L1 blocks."""

    async def propose_call(self, claim: OutputClaim) -> ContractCall:
        """Return the call that proposes an output with its proof, by the contract's own route."""

    def propose_optimistic_call(
        self, *, output_root: Hash32, l2_block: int, l1_hash: Hash32, l1_block: int
    ) -> ContractCall:
        """Return the call of a proposal in optimistic mode; a zero hash leaves its check out."""

    async def simulate(self, call: ContractCall, *, sender: Address) -> None:
        """Run a call on the latest state; CallRevertedError names the contract's reason."""

    async def find_output(self, l2_block: int, *, first: int = 0) -> OutputProposed | None:
        """Return the event of the output at exactly this L2 block, if the list holds one.

        `first` is the lowest L1 block to look in. A deleted output is not found.
        """


def config_name_hash(name: str) -> Hash32:
    """Return how a named config is addressed on chain: keccak256 of its name."""
    return Hash32(keccak256(name.encode()))
