"""Where a range's derivation starts, the rule that op-node and the range program share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coprove.types import L2BlockRef, RollupConfig

__all__ = ["starts_pipeline"]


def starts_pipeline(config: RollupConfig, block: L2BlockRef, agreed: L2BlockRef) -> bool:
    """Tell whether the pipeline may start at `block` when the agreed block is `agreed`.

    True at genesis, and where the block's L1 origin is a channel timeout behind the agreed
    block's: then no channel that is open at the agreed block began earlier.
    """
    if block.number <= config.genesis.l2.number:
        return True
    timeout = config.channel_timeout_at(block.timestamp)
    return block.l1_origin.number + timeout <= agreed.l1_origin.number
