"""The L2 side of a live witness: headers back to the pipeline's start, and the range's blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.derivation.l1_info import l2_block_ref
from coprove.errors import InputError
from coprove.program.agreed import starts_pipeline
from coprove.rpc.errors import WrongDataError
from coprove.rpc.tasks import both

if TYPE_CHECKING:
    from coprove.rpc import EthBlock, EthHeader, L2Client
    from coprove.types import L2BlockRef, RollupConfig
    from coprove.witness.chain import Chain

__all__ = ["L2Side", "Lookback", "block_ref", "look_back"]

_FIRST_LOOK = 64
_NEXT_LOOK = 512
_LOOKS = 3
"""Times that the start is looked for: an altered deposit points elsewhere, which shows."""


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


async def look_back(
    config: RollupConfig,
    l2: L2Client,
    chains: tuple[Chain[EthBlock], Chain[EthHeader]],
    agreed: EthBlock,
) -> Lookback:
    """Return the chain from the pipeline's start to `agreed`, checked by parent links.

    Where the start is, is read from deposits that are not checked themselves. The start block and
    the one behind it are, and show that it is the last block where the pipeline may start.
    """
    blocks, headers = chains
    agreed_ref = block_ref(config, agreed)
    for _ in range(_LOOKS):
        found = await _find_start(config, l2, headers, agreed, agreed_ref)
        if len(found) == 1:
            whole = [agreed]
        else:
            whole = await blocks.named([header.hash for header in found[:2]])
        refs = [block_ref(config, block) for block in whole]
        starts = [starts_pipeline(config, ref, agreed_ref) for ref in refs]
        if starts in ([True], [True, False]):
            return Lookback(
                start=whole[0],
                start_ref=refs[0],
                agreed=agreed,
                agreed_ref=agreed_ref,
                headers=tuple(found),
            )
    raise WrongDataError(
        f"first transactions of L2 blocks from {l2.transport.name}",
        expected="the L1 origins of the blocks",
        actual="others",
    )


async def _find_start(
    config: RollupConfig,
    l2: L2Client,
    chain: Chain[EthHeader],
    agreed: EthBlock,
    agreed_ref: L2BlockRef,
) -> list[EthHeader]:
    """Return the headers up to `agreed` from where the deposits say that the pipeline starts."""
    headers: list[EthHeader] = [agreed]
    size = _FIRST_LOOK
    if starts_pipeline(config, agreed_ref, agreed_ref):
        return headers
    while True:
        top = headers[0].header.number
        lowest = max(config.genesis.l2.number, top - size)
        found, firsts = await both(
            chain.up_to(lowest, top - 1, headers[0].header.parent_hash),
            l2.first_transactions(range(lowest, top)),
        )
        for header, first in zip(reversed(found), reversed(firsts), strict=True):
            headers.insert(0, header)
            try:
                ref = l2_block_ref(config, header.header, first)
            except InputError:
                whole = await l2.block(header.hash)
                ref = block_ref(config, whole)
            if starts_pipeline(config, ref, agreed_ref):
                return headers
        size = _NEXT_LOOK


def block_ref(config: RollupConfig, block: EthBlock) -> L2BlockRef:
    """Return the reference that a whole block shows."""
    first = block.transactions[0] if block.transactions else None
    return l2_block_ref(config, block.header, first)
