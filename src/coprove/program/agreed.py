"""The L2 side that a range starts from, believed only as far as the agreed output root goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.derivation import PipelineStart
from coprove.derivation.l1_info import l2_block_ref, system_config_from_l2_block
from coprove.primitives import keccak256, ordered_trie_root
from coprove.program.errors import ProgramInputError
from coprove.types import BlockHeader, Hash32, L2BlockRef, RollupConfig, SystemConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.program.inputs import RangeInput
    from coprove.program.l1 import VerifiedL1

__all__ = ["AgreedChain", "agreed_chain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedChain:
    """The verified L2 headers up to the agreed block, and where derivation starts."""

    header: bytes
    """RLP of the agreed block's header."""
    ancestors: tuple[bytes, ...]
    """RLP of the headers before it, ascending, for BLOCKHASH."""
    start: PipelineStart
    """Where the pipeline starts reading L1, with the system configs it needs."""


def agreed_chain(config: RollupConfig, given: RangeInput, l1: VerifiedL1) -> AgreedChain:
    """Check the agreed output, the header chain before it and the pipeline's start.

    Raises ProgramInputError naming the first part that does not fit.
    """
    if (root := given.agreed_output.hash()) != given.agreed_output_root:
        raise ProgramInputError("agreed output", expected=given.agreed_output_root, actual=root)
    headers = _l2_chain(given.l2_headers, given.agreed_output.block_hash)
    agreed, agreed_hash = headers[-1]
    if agreed.state_root != given.agreed_output.state_root:
        raise ProgramInputError(
            "agreed state root", expected=agreed.state_root, actual=given.agreed_output.state_root
        )
    index = given.l2_start_number - headers[0][0].number
    if not 0 <= index < len(headers):
        raise ProgramInputError(
            "L2 start number",
            expected=f"one of {headers[0][0].number} to {agreed.number}",
            actual=given.l2_start_number,
        )
    start, start_config = _block(
        config, *headers[index], given.l2_start_transactions, "L2 start block"
    )
    safe, safe_config = _block(
        config, agreed, agreed_hash, given.l2_agreed_transactions, "agreed L2 block"
    )
    _check_start(config, start, safe)
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
    return AgreedChain(
        header=given.l2_headers[-1],
        ancestors=given.l2_headers[:-1],
        start=PipelineStart(
            l1_origin=l1.first,
            l1_system_config=start_config,
            safe_head=safe,
            safe_head_system_config=safe_config,
        ),
    )


def _check_start(config: RollupConfig, start: L2BlockRef, safe: L2BlockRef) -> None:
    """Check that no channel still open at the agreed block can have begun before the start."""
    if start.number == config.genesis.l2.number:
        return
    timeout = config.channel_timeout_at(start.timestamp)
    if start.l1_origin.number + timeout > safe.l1_origin.number:
        raise ProgramInputError(
            "L1 origin of the L2 start block",
            expected=f"at least {timeout} L1 blocks before {safe.l1_origin.number}, or genesis",
            actual=start.l1_origin.number,
        )


def _l2_chain(headers: Sequence[bytes], head: Hash32) -> list[tuple[BlockHeader, Hash32]]:
    """Check by parent links that the headers end in `head`; return them with their hashes."""
    if not headers:
        raise ProgramInputError("L2 headers", expected="at least the agreed block", actual="none")
    chain: list[tuple[BlockHeader, Hash32]] = []
    expected = head
    for index in range(len(headers) - 1, -1, -1):
        actual = Hash32(keccak256(headers[index]))
        if actual != expected:
            raise ProgramInputError(
                f"L2 header {index}", expected=f"hash {expected}", actual=actual
            )
        header = BlockHeader.decode_rlp(headers[index])
        chain.append((header, actual))
        expected = header.parent_hash
    chain.reverse()
    return chain


def _block(
    config: RollupConfig,
    header: BlockHeader,
    block_hash: Hash32,
    transactions: Sequence[bytes],
    what: str,
) -> tuple[L2BlockRef, SystemConfig]:
    """Return the reference and system config that a block's transactions show."""
    if header.number == config.genesis.l2.number:
        if block_hash != config.genesis.l2.hash:
            raise ProgramInputError(what, expected=config.genesis.l2.hash, actual=block_hash)
    else:
        root = ordered_trie_root(transactions)
        if root != header.transactions_root:
            raise ProgramInputError(
                f"transactions of the {what}",
                expected=f"root {header.transactions_root}",
                actual=f"0x{root.hex()}",
            )
        if not transactions:
            raise ProgramInputError(
                f"transactions of the {what}", expected="an L1-attributes deposit", actual="none"
            )
    first = transactions[0] if transactions else None
    return (
        l2_block_ref(config, header, first),
        system_config_from_l2_block(config, header, first),
    )
