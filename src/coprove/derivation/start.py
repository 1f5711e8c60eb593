"""Where to start a pipeline for a safe L2 block: far enough back that no open channel is missed.

Source: https://specs.optimism.io/protocol/derivation.html#finding-the-sync-starting-point
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from coprove.derivation.errors import L1ReorgError, MissingL2BlockError
from coprove.derivation.pipeline import PipelineStart
from coprove.derivation.source import L2History
from coprove.errors import Temporary

if TYPE_CHECKING:
    from coprove.derivation.source import L1Source
    from coprove.types import BlockId, L1BlockRef, L2BlockRef, RollupConfig, SystemConfig

_T = TypeVar("_T")

__all__ = ["L1BlockMissingError", "L2Blocks", "pipeline_start"]


class L1BlockMissingError(Temporary):
    """The L1 origin of an L2 block is not there (yet)."""


class L2Blocks(L2History, Protocol):
    """The safe L2 chain back to genesis, with the system config that each block shows."""

    def system_config(self, number: int) -> SystemConfig | None:
        """Return what `system_config_from_l2_block` reads from the safe block of that number."""


def pipeline_start(
    config: RollupConfig, source: L1Source, blocks: L2Blocks, safe_head: L2BlockRef
) -> PipelineStart:
    """Walk back from `safe_head` until its L1 origin is a channel timeout away, or to genesis.

    Raises L1ReorgError when an L1 origin is not canonical, L1BlockMissingError when it is not
    there, MissingL2BlockError when `blocks` ends too early.
    """
    newest = safe_head.l1_origin.number
    block = safe_head
    origin = _l1_block(source, block.l1_origin)
    while (
        block.number > config.genesis.l2.number
        and block.l1_origin.number > config.genesis.l1.number
        and block.l1_origin.number + config.channel_timeout_at(origin.timestamp) > newest
    ):
        block = _required(blocks.block_by_number(block.number - 1), block.number - 1).ref
        if block.l1_origin.number != origin.number:
            origin = _l1_block(source, block.l1_origin)
    return PipelineStart(
        l1_origin=origin,
        l1_system_config=_required(blocks.system_config(block.number), block.number),
        safe_head=safe_head,
        safe_head_system_config=_required(blocks.system_config(safe_head.number), safe_head.number),
    )


def _l1_block(source: L1Source, wanted: BlockId) -> L1BlockRef:
    found = source.block_by_number(wanted.number)
    if found is None:
        raise L1BlockMissingError(f"L1 block {wanted.number} {wanted.hash}")
    if found.hash != wanted.hash:
        raise L1ReorgError(wanted.number, expected=wanted.hash, actual=found.hash)
    return found.ref


def _required(value: _T | None, number: int) -> _T:
    if value is None:
        raise MissingL2BlockError(number)
    return value
