"""The L2 side that a range starts from, believed only as far as the agreed output root goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.derivation import L2Block, PipelineStart
from coprove.derivation.l1_info import l2_block_ref, system_config_from_l2_block
from coprove.derivation.parameters import MAX_SEQUENCER_DRIFT_FJORD
from coprove.primitives import keccak256, ordered_trie_root
from coprove.program.errors import ProgramInputError
from coprove.types import BlockHeader, Hash32, L2BlockRef, RollupConfig, SystemConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.program.inputs import L2BlockInput, RangeInput
    from coprove.program.l1 import VerifiedL1

__all__ = ["AgreedChain", "agreed_chain", "starts_pipeline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedChain:
    """The verified L2 chain up to the agreed block, and where derivation starts."""

    header: bytes
    """RLP of the agreed block's header."""
    ancestors: tuple[bytes, ...]
    """RLP of the headers before it, ascending, for BLOCKHASH."""
    start: PipelineStart
    """Where the pipeline starts reading L1, with the system configs it needs."""
    history: VerifiedL2
    """The blocks that span batches may overlap."""


def agreed_chain(config: RollupConfig, given: RangeInput, l1: VerifiedL1) -> AgreedChain:
    """Check the agreed output, the header chain before it and the pipeline's start.

    Raises ProgramInputError naming the first part that does not fit.
    """
    if (root := given.agreed_output.hash()) != given.agreed_output_root:
        raise ProgramInputError("agreed output", expected=given.agreed_output_root, actual=root)
    chain = VerifiedL2(config, given.l2_blocks, given.agreed_output.block_hash)
    state_root = chain.headers[-1].state_root
    if state_root != given.agreed_output.state_root:
        raise ProgramInputError(
            "agreed state root", expected=state_root, actual=given.agreed_output.state_root
        )
    start, start_config = chain.started_from(given.l2_start_number, "L2 start block")
    safe, safe_config = chain.started_from(chain.headers[-1].number, "agreed L2 block")
    for what, ref in (("L2 start block", start), ("agreed L2 block", safe)):
        if (found := l1.hash_of(ref.l1_origin.number)) != ref.l1_origin.hash:
            raise ProgramInputError(
                f"L1 origin of the {what}",
                expected=f"{ref.l1_origin.hash} in the chain of l1_head",
                actual=found,
            )
    if l1.first.number != start.l1_origin.number:
        raise ProgramInputError(
            "first L1 block", expected=start.l1_origin.number, actual=l1.first.number
        )
    if not starts_pipeline(config, start, safe, origin_time=l1.first.timestamp):
        raise ProgramInputError(
            "L1 origin of the L2 start block",
            expected=f"a channel timeout of L1 blocks before {safe.l1_origin.number}, or genesis",
            actual=start.l1_origin.number,
        )
    return AgreedChain(
        header=given.l2_blocks[-1].header,
        ancestors=tuple(block.header for block in given.l2_blocks[:-1]),
        start=PipelineStart(
            l1_origin=l1.first,
            l1_system_config=start_config,
            safe_head=safe,
            safe_head_system_config=safe_config,
        ),
        history=chain,
    )


def starts_pipeline(
    config: RollupConfig, block: L2BlockRef, agreed: L2BlockRef, *, origin_time: int | None = None
) -> bool:
    """Tell whether the pipeline may start at `block` when the agreed block is `agreed`.

    True at genesis, and where the block's L1 origin is a channel timeout behind the agreed
    block's: then no channel that is open at the agreed block began earlier. The timeout is that
    of the origin's time in seconds. Who looks for a start and does not know that time leaves it
    out, and may be sent back further than needed while Granite is young.
    """
    if block.number <= config.genesis.l2.number:
        return True
    if origin_time is None:
        origin_time = block.timestamp - MAX_SEQUENCER_DRIFT_FJORD
    timeout = config.channel_timeout_at(origin_time)
    return block.l1_origin.number + timeout <= agreed.l1_origin.number


class VerifiedL2:
    """L2 blocks whose headers hang on the agreed block's hash; an L2History for the pipeline.

    Transactions are checked against the header when a block is first looked at.
    """

    def __init__(self, config: RollupConfig, blocks: Sequence[L2BlockInput], head: Hash32) -> None:
        """Check by parent links that the headers end in `head`; ProgramInputError if not."""
        if not blocks:
            raise ProgramInputError("L2 blocks", expected="at least the agreed one", actual="none")
        self._config = config
        self._blocks = blocks
        self._verified: dict[int, L2Block] = {}
        self.headers: list[BlockHeader] = []
        """The decoded headers, ascending."""
        self._hashes: list[Hash32] = []
        expected = head
        for index in range(len(blocks) - 1, -1, -1):
            actual = Hash32(keccak256(blocks[index].header))
            if actual != expected:
                raise ProgramInputError(
                    f"L2 header {index}", expected=f"hash {expected}", actual=actual
                )
            header = BlockHeader.decode_rlp(blocks[index].header)
            self.headers.append(header)
            self._hashes.append(actual)
            expected = header.parent_hash
        self.headers.reverse()
        self._hashes.reverse()

    def block_by_number(self, number: int) -> L2Block | None:
        """Return the block, None when it or its transactions are not in the input.

        Raises ProgramInputError when the transactions do not give the header's root.
        """
        index = number - self.headers[0].number
        if not 0 <= index < len(self.headers):
            return None
        found = self._verified.get(index)
        if found is None and self._blocks[index].transactions is not None:
            found = self._verified[index] = self._verify(index)
        return found

    def started_from(self, number: int, what: str) -> tuple[L2BlockRef, SystemConfig]:
        """Return the reference and the system config that a block shows."""
        block = self.block_by_number(number)
        if block is None:
            raise ProgramInputError(what, expected=f"L2 block {number} whole", actual="nothing")
        header = self.headers[number - self.headers[0].number]
        first = block.transactions[0] if block.transactions else None
        return block.ref, system_config_from_l2_block(self._config, header, first)

    def _verify(self, index: int) -> L2Block:
        header, transactions = self.headers[index], self._blocks[index].transactions or ()
        genesis = self._config.genesis.l2
        if header.number == genesis.number:
            if self._hashes[index] != genesis.hash or transactions:
                raise ProgramInputError(
                    "L2 genesis block",
                    expected=f"{genesis.hash} without transactions",
                    actual=f"{self._hashes[index]} with {len(transactions)}",
                )
        else:
            root = ordered_trie_root(transactions)
            if root != header.transactions_root or not transactions:
                raise ProgramInputError(
                    f"transactions of L2 block {header.number}",
                    expected=f"root {header.transactions_root}, with an L1-attributes deposit",
                    actual=f"0x{root.hex()}",
                )
        first = transactions[0] if transactions else None
        return L2Block(ref=l2_block_ref(self._config, header, first), transactions=transactions)
