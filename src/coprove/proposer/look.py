"""What the contract and the node say at the beginning of a tick."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.proposer.calls import within
from coprove.proposer.steps.startup import require_same_config

if TYPE_CHECKING:
    from coprove.contracts import OutputProposal
    from coprove.proposer.context import Context
    from coprove.rpc import SyncStatus

__all__ = ["Look", "look"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the chains."""

    output: OutputProposal
    """The contract's latest output."""
    next_block: int
    """Lowest L2 block that the next output may have, by the contract."""
    is_optimistic: bool
    """Whether outputs are accepted without a proof, and with one refused."""
    status: SyncStatus
    """The node's heads."""
    tip: int
    """L2 block up to which blocks are proven: finalized, or safe where that is allowed."""
    interval: int
    """L2 blocks from one output to the next at least, by contract and settings."""

    @property
    def latest(self) -> int:
        """L2 block of the latest output."""
        return self.output.l2_block_number


async def look(ctx: Context) -> Look:
    """Ask contract and node; ConfigMismatchError when the contract was bound to something else."""
    limit = ctx.settings.rpc_timeout
    output, next_block, is_optimistic, status = await asyncio.gather(
        within(limit, "latest output", ctx.contract.latest_output()),
        within(limit, "next block", ctx.contract.next_block_number()),
        within(limit, "optimistic mode", ctx.contract.optimistic_mode()),
        within(limit, "sync status", ctx.node.sync_status()),
    )
    if not is_optimistic:
        await require_same_config(ctx.contract, ctx.identity, seconds=limit)
    head = status.safe_l2 if ctx.settings.allow_non_finalized else status.finalized_l2
    return Look(
        output=output,
        next_block=next_block,
        is_optimistic=is_optimistic,
        status=status,
        tip=head.number,
        interval=max(next_block - output.l2_block_number, ctx.settings.submission_interval, 1),
    )
