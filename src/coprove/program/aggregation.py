"""The aggregation program: consecutive ranges become one claim under one L1 block hash.

It makes the checks of op-succinct's aggregation guest. The range proofs themselves are verified
by whoever runs it (in the ZK lane inside the proof system, by `rangeVkeyCommitment`); natively a
range is believed because it was run here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from coprove.primitives import keccak256
from coprove.program.errors import ChainingError, ProgramInputError
from coprove.types import Address, AggregationOutputs, BlockHeader, BootInfo, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AggregationInput", "run_aggregation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregationInput:
    """What the aggregation program reads."""

    boot_infos: tuple[BootInfo, ...]
    """The claims of the ranges, in ascending order of blocks."""
    l1_headers: tuple[bytes, ...]
    """RLP of consecutive L1 headers, ascending, from the earliest l1_head of the ranges to the
    checkpoint."""
    checkpoint_l1_head: Hash32
    """Hash of the L1 block that the contract checkpointed."""
    range_vkey_commitment: Hash32
    """Commitment to the range program's verification key, as the contract has it."""
    prover_address: Address | None = None
    """Who is to be credited; only in outputs of today's form (224 bytes)."""


def run_aggregation(given: AggregationInput) -> AggregationOutputs:
    """Check that the ranges chain and lie below the checkpoint; return the joint claim.

    Raises ChainingError when a range does not start where the one before ended, does not advance,
    has another rollup config, or has an l1_head outside the header chain; ProgramInputError when
    the headers are malformed.
    """
    ranges = given.boot_infos
    if not ranges:
        raise ProgramInputError("ranges", expected="at least one", actual="none")
    for index, (before, after) in enumerate(pairwise(ranges), start=1):
        if after.l2_pre_root != before.l2_post_root:
            raise ChainingError(
                f"range {index} agreed root", expected=before.l2_post_root, actual=after.l2_pre_root
            )
        if after.l2_block_number <= before.l2_block_number:
            raise ChainingError(
                f"range {index} block number",
                expected=f"more than {before.l2_block_number}",
                actual=after.l2_block_number,
            )
        if after.rollup_config_hash != before.rollup_config_hash:
            raise ChainingError(
                f"range {index} rollup config hash",
                expected=before.rollup_config_hash,
                actual=after.rollup_config_hash,
            )
    l1_chain = _l1_chain(given.l1_headers, given.checkpoint_l1_head)
    for index, claim in enumerate(ranges):
        if claim.l1_head not in l1_chain:
            raise ChainingError(
                f"range {index} L1 head",
                expected=f"one of the {len(l1_chain)} L1 blocks up to the checkpoint",
                actual=claim.l1_head,
            )
    return AggregationOutputs(
        l1_head=given.checkpoint_l1_head,
        l2_pre_root=ranges[0].l2_pre_root,
        l2_post_root=ranges[-1].l2_post_root,
        l2_block_number=ranges[-1].l2_block_number,
        rollup_config_hash=ranges[-1].rollup_config_hash,
        range_vkey_commitment=given.range_vkey_commitment,
        prover_address=given.prover_address,
    )


def _l1_chain(headers: Sequence[bytes], checkpoint: Hash32) -> frozenset[Hash32]:
    """Check by parent links that the headers end in the checkpoint; return their hashes."""
    if not headers:
        raise ProgramInputError("L1 headers", expected="at least one", actual="none")
    hashes: set[Hash32] = set()
    expected = checkpoint
    for index in range(len(headers) - 1, -1, -1):
        actual = Hash32(keccak256(headers[index]))
        if actual != expected:
            raise ChainingError(f"L1 header {index}", expected=f"hash {expected}", actual=actual)
        hashes.add(actual)
        expected = BlockHeader.decode_rlp(headers[index]).parent_hash
    return frozenset(hashes)
