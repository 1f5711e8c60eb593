"""Deriving a collected range once, without executing it: is the L1 data enough, and what of the
older L2 chain do its span batches overlap?
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.derivation import L2Block, MissingL2BlockError
from coprove.program import L2BlockInput, RangeInput, rehearse
from coprove.witness.errors import ChainReorgError
from coprove.witness.l2 import block_ref

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coprove.rpc import EthBlock, EthHeader, L2Client
    from coprove.types import RollupConfig
    from coprove.witness.chain import Chain
    from coprove.witness.l2 import L2Side

__all__ = ["LiveRehearsal", "l2_inputs", "rehearse_live"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRehearsal:
    """What deriving the range showed."""

    headers: tuple[EthHeader, ...]
    """Headers up to the agreed block, back to the oldest block that derivation asked for."""
    overlapped: Mapping[int, tuple[bytes, ...]]
    """Transactions of the older blocks that derivation asked for, by number."""
    reached: int
    """Number of the last block that was derived as it is."""
    exhausted: bool
    """Whether it ended there because the L1 data did."""
    l1_end: int
    """Number of the L1 block that gave the last block."""


def l2_inputs(
    headers: Sequence[EthHeader], whole: Mapping[int, tuple[bytes, ...]]
) -> tuple[L2BlockInput, ...]:
    """Return blocks of these headers, those of `whole` with their transactions."""
    return tuple(
        L2BlockInput(header=header.rlp, transactions=whole.get(header.header.number))
        for header in headers
    )


async def rehearse_live(
    config: RollupConfig,
    l2: L2Client,
    chain: Chain[EthHeader],
    given: RangeInput,
    side: L2Side,
) -> LiveRehearsal:
    """Derive the range on a worker thread; fetch each older block that it asks for, and repeat.

    Raises ChainReorgError when such a block is not of the chain that was collected.
    """
    blocks = [
        L2Block(ref=block_ref(config, block), transactions=block.transactions)
        for block in side.blocks
    ]
    older = _OlderBlocks(config)
    while True:
        try:
            found = await asyncio.to_thread(rehearse, given, blocks, older)
            break
        except MissingL2BlockError as missing:
            if not 0 <= missing.number < blocks[0].ref.number or missing.number in older.fetched:
                raise
            older.add(await l2.block(missing.number))
    headers = side.headers
    first = headers[0].header.number
    if found.asked and min(found.asked) < first:
        lowest, tip = min(found.asked), headers[0].header.parent_hash
        headers = (*await chain.up_to(lowest, first - 1, tip), *headers)
        first = lowest
    for number in found.asked:
        if older.fetched[number].hash != headers[number - first].hash:
            raise ChainReorgError(f"L2 block {number} changed while the range was read")
    return LiveRehearsal(
        headers=headers,
        overlapped={number: older.fetched[number].transactions for number in found.asked},
        reached=found.reached,
        exhausted=found.exhausted,
        l1_end=found.l1_end,
    )


class _OlderBlocks:
    """Safe L2 blocks fetched so far, as derivation asks for them (its L2History)."""

    def __init__(self, config: RollupConfig) -> None:
        self._config = config
        self.fetched: dict[int, EthBlock] = {}

    def add(self, block: EthBlock) -> None:
        self.fetched[block.header.number] = block

    def block_by_number(self, number: int) -> L2Block | None:
        block = self.fetched.get(number)
        if block is None:
            return None
        return L2Block(ref=block_ref(self._config, block), transactions=block.transactions)
