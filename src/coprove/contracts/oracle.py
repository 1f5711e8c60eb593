"""The L2 output oracle: typed reader, events and calldata.

The ABI is OPSuccinctL2OutputOracle v1.0.0's, so the reader serves deployed ones as well. Both
generations answer what is read here; `generations` has what they do not share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Event, Function
from coprove.contracts.caller import ContractReader
from coprove.errors import InputError
from coprove.types import ZERO_HASH, Address, Hash32

if TYPE_CHECKING:
    from coprove.contracts.caller import Block
    from coprove.rpc import RpcTransport

__all__ = [
    "OutputOracle",
    "OutputProposal",
    "OutputProposed",
    "OutputsDeleted",
    "add_proposer_call",
    "checkpoint_call",
    "delete_outputs_call",
    "disable_optimistic_mode_call",
    "enable_optimistic_mode_call",
    "propose_call",
    "propose_optimistic_call",
    "remove_proposer_call",
]

_UINT: Final = "(uint256)"
_WORD: Final = "(bytes32)"
_PROPOSAL: Final = "((bytes32,uint128,uint128))"
_GET_OUTPUT = Function("getL2Output(uint256)", _PROPOSAL)
_GET_OUTPUT_AFTER = Function("getL2OutputAfter(uint256)", _PROPOSAL)
_GET_INDEX_AFTER = Function("getL2OutputIndexAfter(uint256)", _UINT)
_HISTORIC = Function("historicBlockHashes(uint256)", _WORD)
_APPROVED = Function("approvedProposers(address)", "(bool)")
_OPTIMISTIC = Function("optimisticMode()", "(bool)")
_TIMESTAMP = Function("computeL2Timestamp(uint256)", _UINT)
_PROPOSE = Function("proposeL2Output(bytes32,uint256,uint256,bytes)")
_PROPOSE_OPTIMISTIC = Function("proposeL2Output(bytes32,uint256,bytes32,uint256)")
_CHECKPOINT = Function("checkpointBlockHash(uint256)")
_DELETE = Function("deleteL2Outputs(uint256)")
_ENABLE = Function("enableOptimisticMode(uint256)")
_DISABLE = Function("disableOptimisticMode(uint256)")
_ADD_PROPOSER = Function("addProposer(address)")
_REMOVE_PROPOSER = Function("removeProposer(address)")
_PROPOSED = Event("OutputProposed(bytes32,uint256,uint256,uint256)", (True, True, True, False))
_DELETED = Event("OutputsDeleted(uint256,uint256)", (True, True))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputProposal:
    """An output in the contract's list."""

    output_root: Hash32
    """Its root."""
    timestamp: int
    """L1 time of the proposal, in seconds."""
    l2_block_number: int
    """Its L2 block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputProposed:
    """The event of a proposal."""

    output_root: Hash32
    """The output."""
    l2_output_index: int
    """Its index in the list."""
    l2_block_number: int
    """Its L2 block."""
    l1_timestamp: int
    """L1 time of the proposal, in seconds."""
    tx_hash: Hash32
    """L1 transaction."""
    l1_block_number: int
    """L1 block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsDeleted:
    """The event of a deletion by the challenger."""

    previous_next_index: int
    """Number of outputs before."""
    new_next_index: int
    """Number of outputs after."""
    tx_hash: Hash32
    """L1 transaction."""
    l1_block_number: int
    """L1 block."""


class OutputOracle:
    """Reads an L2 output oracle; each method takes a block number or tag to read at."""

    def __init__(self, transport: RpcTransport, address: Address) -> None:
        """Share the endpoint's transport."""
        self.contract = ContractReader(transport, address)

    @property
    def address(self) -> Address:
        """Address of the contract's proxy."""
        return self.contract.address

    async def latest_block_number(self, *, block: Block = "latest") -> int:
        """Return the L2 block of the latest output."""
        return await self._uint("latestBlockNumber", block)

    async def next_block_number(self, *, block: Block = "latest") -> int:
        """Return the lowest L2 block that the next output may have."""
        return await self._uint("nextBlockNumber", block)

    async def latest_output_index(self, *, block: Block = "latest") -> int:
        """Return the index of the latest output."""
        return await self._uint("latestOutputIndex", block)

    async def next_output_index(self, *, block: Block = "latest") -> int:
        """Return the index that the next output will have."""
        return await self._uint("nextOutputIndex", block)

    async def starting_block_number(self, *, block: Block = "latest") -> int:
        """Return the L2 block at which the list begins."""
        return await self._uint("startingBlockNumber", block)

    async def starting_timestamp(self, *, block: Block = "latest") -> int:
        """Return the time of the starting block, in seconds."""
        return await self._uint("startingTimestamp", block)

    async def submission_interval(self, *, block: Block = "latest") -> int:
        """Return the least number of L2 blocks from one output to the next."""
        return await self._uint("submissionInterval", block)

    async def l2_block_time(self, *, block: Block = "latest") -> int:
        """Return the seconds between two L2 blocks."""
        return await self._uint("l2BlockTime", block)

    async def finalization_period_seconds(self, *, block: Block = "latest") -> int:
        """Return the seconds until an output is final."""
        return await self._uint("finalizationPeriodSeconds", block)

    async def compute_l2_timestamp(self, l2_block: int, *, block: Block = "latest") -> int:
        """Return the time of an L2 block, in seconds."""
        return int(await self.contract.call(_TIMESTAMP, l2_block, block=block))

    async def aggregation_vkey(self, *, block: Block = "latest") -> Hash32:
        """Return the verification key of the aggregation program."""
        return await self._word("aggregationVkey", block)

    async def range_vkey_commitment(self, *, block: Block = "latest") -> Hash32:
        """Return the commitment to the verification key of the range program."""
        return await self._word("rangeVkeyCommitment", block)

    async def rollup_config_hash(self, *, block: Block = "latest") -> Hash32:
        """Return the hash of the rollup configuration."""
        return await self._word("rollupConfigHash", block)

    async def owner(self, *, block: Block = "latest") -> Address:
        """Return the owner."""
        return await self._address("owner", block)

    async def challenger(self, *, block: Block = "latest") -> Address:
        """Return the challenger."""
        return await self._address("challenger", block)

    async def verifier(self, *, block: Block = "latest") -> Address:
        """Return the SP1 verifier or gateway."""
        return await self._address("verifier", block)

    async def version(self, *, block: Block = "latest") -> str:
        """Return the semantic version of the implementation."""
        return str(await self.contract.call(Function("version()", "(string)"), block=block))

    async def optimistic_mode(self, *, block: Block = "latest") -> bool:
        """Whether outputs are accepted without a proof."""
        return bool(await self.contract.call(_OPTIMISTIC, block=block))

    async def may_propose(self, account: Address, *, block: Block = "latest") -> bool:
        """Whether an account may propose: it is approved, or everyone is."""
        approved = await self.contract.call(_APPROVED, bytes(account), block=block)
        return bool(approved) or bool(await self.contract.call(_APPROVED, bytes(20), block=block))

    async def historic_block_hash(self, number: int, *, block: Block = "latest") -> Hash32 | None:
        """Return the checkpointed hash of an L1 block; None when it was not checkpointed."""
        value = Hash32(await self.contract.call(_HISTORIC, number, block=block))
        return None if value == ZERO_HASH else value

    async def get_l2_output(self, index: int, *, block: Block = "latest") -> OutputProposal:
        """Return the output at an index; CallRevertedError when there is none."""
        return _proposal(await self.contract.call(_GET_OUTPUT, index, block=block))

    async def get_l2_output_after(
        self, l2_block: int, *, block: Block = "latest"
    ) -> OutputProposal:
        """Return the first output at or above an L2 block; CallRevertedError when none is."""
        return _proposal(await self.contract.call(_GET_OUTPUT_AFTER, l2_block, block=block))

    async def get_l2_output_index_after(self, l2_block: int, *, block: Block = "latest") -> int:
        """Return the index of that output."""
        return int(await self.contract.call(_GET_INDEX_AFTER, l2_block, block=block))

    async def outputs_proposed(
        self, *, first: int, last: Block = "latest", l2_block: int | None = None
    ) -> list[OutputProposed]:
        """Return the proposals of the L1 blocks from `first` to `last`, both included.

        With `l2_block` those of that L2 block alone.
        """
        topics = () if l2_block is None else (None, None, l2_block.to_bytes(32))
        return [
            OutputProposed(
                output_root=Hash32(entry.values[0]),
                l2_output_index=entry.values[1],
                l2_block_number=entry.values[2],
                l1_timestamp=entry.values[3],
                tx_hash=entry.tx_hash,
                l1_block_number=entry.block_number,
            )
            for entry in await self.contract.logs(_PROPOSED, first=first, last=last, topics=topics)
        ]

    async def outputs_deleted(self, *, first: int, last: Block = "latest") -> list[OutputsDeleted]:
        """Return the deletions of the L1 blocks from `first` to `last`, both included."""
        return [
            OutputsDeleted(
                previous_next_index=entry.values[0],
                new_next_index=entry.values[1],
                tx_hash=entry.tx_hash,
                l1_block_number=entry.block_number,
            )
            for entry in await self.contract.logs(_DELETED, first=first, last=last)
        ]

    async def _uint(self, name: str, block: Block) -> int:
        return int(await self.contract.call(Function(f"{name}()", _UINT), block=block))

    async def _word(self, name: str, block: Block) -> Hash32:
        return Hash32(await self.contract.call(Function(f"{name}()", _WORD), block=block))

    async def _address(self, name: str, block: Block) -> Address:
        value = await self.contract.call(Function(f"{name}()", "(address)"), block=block)
        return Address.from_hex(value, name)


def propose_call(*, output_root: Hash32, l2_block: int, l1_block: int, proof: bytes) -> bytes:
    """Return the calldata of a proposal with a proof; `l1_block` must be checkpointed."""
    return _PROPOSE.encode(bytes(output_root), l2_block, l1_block, proof)


def propose_optimistic_call(
    *, output_root: Hash32, l2_block: int, l1_hash: Hash32 = ZERO_HASH, l1_block: int = 0
) -> bytes:
    """Return the calldata of a proposal in optimistic mode; a zero hash leaves its check out."""
    return _PROPOSE_OPTIMISTIC.encode(bytes(output_root), l2_block, bytes(l1_hash), l1_block)


def checkpoint_call(l1_block: int) -> bytes:
    """Return the calldata that records the hash of one of the last 256 L1 blocks."""
    return _CHECKPOINT.encode(l1_block)


def delete_outputs_call(index: int) -> bytes:
    """Return the calldata that deletes the outputs from an index on; for the challenger."""
    return _DELETE.encode(index)


def enable_optimistic_mode_call(finalization_period_seconds: int) -> bytes:
    """Return the calldata that switches optimistic mode on; for the owner."""
    return _ENABLE.encode(finalization_period_seconds)


def disable_optimistic_mode_call(finalization_period_seconds: int) -> bytes:
    """Return the calldata that switches optimistic mode off; for the owner."""
    return _DISABLE.encode(finalization_period_seconds)


def add_proposer_call(proposer: Address) -> bytes:
    """Return the calldata that approves a proposer; for the owner."""
    return _ADD_PROPOSER.encode(bytes(proposer))


def remove_proposer_call(proposer: Address) -> bytes:
    """Return the calldata that takes a proposer's approval back; for the owner."""
    return _REMOVE_PROPOSER.encode(bytes(proposer))


def _proposal(values: object) -> OutputProposal:
    if not isinstance(values, tuple) or len(values) != 3:
        raise InputError("output proposal", expected="three values", actual=values)
    return OutputProposal(
        output_root=Hash32(values[0]), timestamp=values[1], l2_block_number=values[2]
    )
