"""The L2 side of a live witness: headers back to the pipeline's start, blocks and witnesses."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.derivation.l1_info import l2_block_ref
from coprove.program.agreed import starts_pipeline
from coprove.rpc.errors import WrongDataError
from coprove.rpc.tasks import together
from coprove.witness.errors import ChainReorgError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.rpc import EthBlock, EthHeader, ExecutionWitness, L2Client
    from coprove.types import Hash32, L2BlockRef, RollupConfig

__all__ = [
    "BlockWithWitness",
    "L2Side",
    "Lookback",
    "block_ref",
    "collect_blocks",
    "collect_headers",
    "look_back",
]

_CHUNK = 16
_FIRST_LOOK = 64
_NEXT_LOOK = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookback:
    """The L2 chain from the pipeline's start to the agreed block."""

    start: EthBlock
    """The block where the pipeline starts, whole."""
    start_ref: L2BlockRef
    """Its reference."""
    agreed: EthBlock
    """The agreed block, whole."""
    agreed_ref: L2BlockRef
    """Its reference."""
    headers: tuple[EthHeader, ...]
    """All headers from start to agreed, ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class L2Side:
    """What a range needs of L2, and its own blocks."""

    headers: tuple[EthHeader, ...]
    """Headers up to the agreed block, ascending."""
    blocks: tuple[EthBlock, ...]
    """The blocks of the range."""
    nodes: tuple[bytes, ...]
    """Trie nodes of the state before the range."""
    codes: tuple[bytes, ...]
    """Contract codes of that state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockWithWitness:
    """A block to execute, and what the node says its execution reads."""

    block: EthBlock
    """The whole block."""
    witness: ExecutionWitness
    """The node's witness."""


async def look_back(config: RollupConfig, l2: L2Client, agreed: L2BlockRef) -> Lookback:
    """Return the chain from the pipeline's start to `agreed`, checked by parent links.

    Where the start is, is read from deposits that are not checked themselves; the start block,
    fetched whole, is, and so a server that lies about the others gains nothing.
    """
    agreed_block = await l2.block(agreed.hash)
    if agreed_block.header.number != agreed.number:
        raise WrongDataError(
            f"L2 block {agreed.hash}",
            expected=f"number {agreed.number}, as the rollup node says",
            actual=agreed_block.header.number,
        )
    headers: list[EthHeader] = [agreed_block]
    ref = block_ref(config, agreed_block)
    agreed_ref = ref
    size = _FIRST_LOOK
    while not starts_pipeline(config, ref, agreed_ref):
        top = headers[0].header.number
        numbers = list(range(max(config.genesis.l2.number, top - size), top))
        found = await l2.headers(numbers)
        firsts = await l2.first_transactions(numbers)
        for header, first in zip(reversed(found), reversed(firsts), strict=True):
            _check_link(header, headers[0])
            headers.insert(0, header)
            ref = l2_block_ref(config, header.header, first)
            if starts_pipeline(config, ref, agreed_ref):
                break
        size = _NEXT_LOOK
    start = await l2.block(headers[0].hash)
    return Lookback(
        start=start,
        start_ref=block_ref(config, start),
        agreed=agreed_block,
        agreed_ref=agreed_ref,
        headers=tuple(headers),
    )


async def collect_headers(l2: L2Client, first: int, before: EthHeader) -> tuple[EthHeader, ...]:
    """Return the headers from number `first` up to the parent of `before`, ascending."""
    headers = await l2.headers(list(range(first, before.header.number)))
    for parent, child in itertools.pairwise([*headers, before]):
        _check_link(parent, child)
    return tuple(headers)


async def collect_blocks(
    l2: L2Client,
    agreed: EthHeader,
    to_block: int,
    to_hash: Hash32,
    progress: Callable[[str, int, int], None],
) -> list[BlockWithWitness]:
    """Return the blocks after `agreed` up to `to_block`, whole and with witnesses.

    Raises ChainReorgError when they do not lead from `agreed` to the hash `to_hash`.
    """
    first = agreed.header.number + 1
    total = to_block - agreed.header.number
    done = 0

    async def chunk(start: int) -> list[BlockWithWitness]:
        nonlocal done
        blocks = await l2.blocks(list(range(start, min(start + _CHUNK, to_block + 1))))
        witnesses = await l2.execution_witnesses(blocks)
        done += len(blocks)
        progress("L2 blocks", done, total)
        return [
            BlockWithWitness(block=block, witness=witness)
            for block, witness in zip(blocks, witnesses, strict=True)
        ]

    parts = await together(*(chunk(start) for start in range(first, to_block + 1, _CHUNK)))
    found = [item for part in parts for item in part]
    chain: Sequence[EthHeader] = [agreed, *(item.block for item in found)]
    for parent, child in itertools.pairwise(chain):
        _check_link(parent, child)
    if chain[-1].hash != to_hash:
        raise ChainReorgError(f"L2 block {to_block} is {chain[-1].hash}, not {to_hash} any more")
    return found


def block_ref(config: RollupConfig, block: EthBlock) -> L2BlockRef:
    """Return the reference that a whole block shows."""
    first = block.transactions[0] if block.transactions else None
    return l2_block_ref(config, block.header, first)


def _check_link(parent: EthHeader, child: EthHeader) -> None:
    if child.header.parent_hash != parent.hash:
        raise ChainReorgError(
            f"L2 block {child.header.number} has parent {child.header.parent_hash}, "
            f"but block {parent.header.number} was {parent.hash}"
        )
