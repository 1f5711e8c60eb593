"""Executing and building L2 blocks on the native kernel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from coprove import _native
from coprove.errors import InputError
from coprove.execution.errors import kernel_errors
from coprove.types import Address, Fork, Hash32, OutputRoot, PayloadAttributes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.execution.store import NodeStore
    from coprove.types import RollupConfig

__all__ = [
    "BlockExecutor",
    "BlockTimes",
    "BlockWitness",
    "BuiltBlock",
    "ExecutedBlock",
    "RejectedTransaction",
    "chain_rules",
]

_FORKS = tuple(fork for fork in Fork if fork not in {Fork.BEDROCK, Fork.DELTA})
"""The forks that change execution, in the order in which the kernel takes their times."""
_U64_LIMIT = 1 << 64


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockWitness:
    """What a stateless executor needs for one block, besides the attributes."""

    nodes: tuple[bytes, ...]
    """RLP of trie nodes, each once: all paths that were read or changed."""
    codes: tuple[bytes, ...]
    """Contract codes that ran or were looked at."""
    headers: tuple[bytes, ...]
    """Header RLPs from the parent back to the one that BLOCKHASH needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockTimes:
    """Where the kernel's time went, in seconds."""

    senders: float
    """Decoding transactions and recovering their senders."""
    transactions: float
    """Running the transactions, with their reads from the tries."""
    tries: float
    """Writing the changes to the tries and hashing them."""
    sealing: float
    """Roots over transactions and receipts, bloom, header, witness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutedBlock:
    """A block and what its execution gave."""

    header: bytes
    """RLP of the header."""
    hash: Hash32
    """Hash of the header."""
    number: int
    """Block number."""
    gas_used: int
    """Gas used by all transactions."""
    state_root: Hash32
    """State root after the block."""
    receipts_root: Hash32
    """Root over the receipts."""
    transactions: tuple[bytes, ...]
    """Transactions in EIP-2718 form."""
    receipts: tuple[bytes, ...]
    """Receipts in EIP-2718 form, a deposit's nonce included from Regolith on."""
    senders: tuple[Address, ...]
    """Sender of each transaction."""
    witness: BlockWitness | None
    """What the block read, when the executor records."""
    times: BlockTimes = field(compare=False)
    """Where the time went."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedTransaction:
    """A candidate that a built block left out."""

    index: int
    """Position among the candidates."""
    reason: str
    """Which rule it breaks, or what it did not fit into."""
    permanent: bool
    """True when no later block on this chain could hold it either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltBlock:
    """A block that a sequencer built."""

    block: ExecutedBlock
    """The block."""
    rejected: tuple[RejectedTransaction, ...]
    """Candidates that are not in it."""


class BlockExecutor:
    """Executes blocks one after the other, from the state of a given header.

    By default the state is a witness: pre-state nodes only are read from the store, and the tries
    stay in memory from block to block. With `commit` the store holds the whole state: what a block
    changes is written there, so that any executor or reader can start at the new root. With
    `record` each block comes with its witness: all that it read when committing, else what it read
    for the first time since the executor began.

    `ancestors` are header RLPs for BLOCKHASH, linked to the head by parent hashes, in any order.
    A call that fails leaves the executor at its former head. Safe to use from several threads, one
    call at a time; the interpreter lock is free while a block runs.
    """

    __slots__ = ("_native", "config")

    def __init__(
        self,
        config: RollupConfig,
        parent_header: bytes,
        store: NodeStore,
        ancestors: Sequence[bytes] = (),
        *,
        commit: bool = False,
        record: bool = False,
    ) -> None:
        """Start at `parent_header` (RLP). InputError for a header that is none or not linked."""
        self.config = config
        with kernel_errors():
            self._native = _native.Executor(
                chain_rules(config), parent_header, store.native, ancestors, commit, record
            )

    def execute(self, attributes: PayloadAttributes) -> ExecutedBlock:
        """Execute exactly the transactions of `attributes` and move to the new block.

        Raises InvalidPayloadError when a transaction breaks a rule, MissingStateError when the
        store lacks a node or code, WitnessError for state that is no state, InputError for
        attributes that do not fit the fork (such as a missing EIP-1559 field).
        """
        return self._run(attributes, ())[0]

    def build(self, attributes: PayloadAttributes, candidates: Sequence[bytes]) -> BuiltBlock:
        """Like `execute`, then add in order those `candidates` that are valid and fit.

        A candidate never makes the call fail; a transaction of `attributes` may.
        """
        block, rejected = self._run(attributes, candidates)
        return BuiltBlock(
            block=block,
            rejected=tuple(
                RejectedTransaction(index=index, reason=reason, permanent=permanent)
                for index, reason, permanent in rejected
            ),
        )

    def _run(
        self, attributes: PayloadAttributes, candidates: Sequence[bytes]
    ) -> tuple[ExecutedBlock, list[tuple[int, str, bool]]]:
        for what, value in (
            ("timestamp", attributes.timestamp),
            ("gasLimit", attributes.gas_limit),
            ("minBaseFee", attributes.min_base_fee or 0),
        ):
            if not 0 <= value < _U64_LIMIT:
                raise InputError(what, expected="an integer of 64 bits", actual=value)
        with kernel_errors():
            found = self._native.build(
                attributes.timestamp,
                attributes.prev_randao,
                attributes.suggested_fee_recipient,
                attributes.parent_beacon_block_root,
                attributes.gas_limit,
                attributes.eip_1559_params,
                attributes.min_base_fee,
                attributes.transactions,
                candidates,
            )
        return _executed(found), found["rejected"]

    def output_root(self) -> OutputRoot:
        """Return the preimage of the head's output root.

        MissingStateError when the L2ToL1MessagePasser's account path is not in the store.
        """
        with kernel_errors():
            return OutputRoot(
                state_root=Hash32(self._native.state_root),
                message_passer_storage_root=Hash32(self._native.message_passer_root()),
                block_hash=Hash32(self._native.head_hash),
            )

    @property
    def header(self) -> bytes:
        """RLP of the head's header."""
        return self._native.header

    @property
    def head_hash(self) -> Hash32:
        """Hash of the head."""
        return Hash32(self._native.head_hash)


def chain_rules(config: RollupConfig) -> _native.ChainRules:
    """Return what of a rollup config matters to the kernel."""
    times = [config.fork_times[fork - 1] for fork in _FORKS]
    with kernel_errors():
        return _native.ChainRules(
            config.l2_chain_id,
            times,
            config.base_fee.elasticity,
            config.base_fee.denominator,
            config.base_fee.denominator_canyon,
        )


def _executed(found: dict[str, Any]) -> ExecutedBlock:
    witness = None
    if found["witness"] is not None:
        nodes, codes, headers = found["witness"]
        witness = BlockWitness(nodes=tuple(nodes), codes=tuple(codes), headers=tuple(headers))
    senders, run, tries, sealing = found["times"]
    return ExecutedBlock(
        header=found["header"],
        hash=Hash32(found["hash"]),
        number=found["number"],
        gas_used=found["gas_used"],
        state_root=Hash32(found["state_root"]),
        receipts_root=Hash32(found["receipts_root"]),
        transactions=tuple(found["transactions"]),
        receipts=tuple(found["receipts"]),
        senders=tuple(Address(sender) for sender in found["senders"]),
        witness=witness,
        times=BlockTimes(senders=senders, transactions=run, tries=tries, sealing=sealing),
    )
