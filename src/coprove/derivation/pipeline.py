"""The derivation pipeline: L1 blocks in, the attributes of the next L2 block out.

Source: https://specs.optimism.io/protocol/derivation.html#l2-chain-derivation-pipeline
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from coprove.derivation.attributes import prepare_attributes
from coprove.derivation.batch_stages import BatchQueue, BatchStage, NextBatch, Wait
from coprove.derivation.deposits import DEPOSIT_TYPE
from coprove.derivation.epochs import Epochs
from coprove.derivation.errors import PipelineError
from coprove.derivation.l1_stream import L1Stream
from coprove.derivation.safe_chain import DerivedChain
from coprove.types import Fork

if TYPE_CHECKING:
    from coprove.derivation.source import L1Block, L1Source, L2History
    from coprove.types import (
        L1BlockRef,
        L1ChainConfig,
        L2BlockRef,
        PayloadAttributes,
        RollupConfig,
        SystemConfig,
    )

__all__ = ["DerivedAttributes", "Pipeline", "PipelineStart"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineStart:
    """Where a pipeline begins to read L1, and which L2 block it derives the child of first."""

    l1_origin: L1BlockRef
    """First L1 block to read: a channel timeout behind the safe head's origin, or genesis."""
    l1_system_config: SystemConfig
    """System config at that L1 block."""
    safe_head: L2BlockRef
    """Newest L2 block that is taken as it is."""
    safe_head_system_config: SystemConfig
    """System config that `system_config_from_l2_block` reads from the safe head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedAttributes:
    """The next L2 block, to be executed on its parent."""

    attributes: PayloadAttributes
    """All that decides the block."""
    parent: L2BlockRef
    """The block that it follows."""
    epoch: L1BlockRef
    """Its L1 origin."""
    derived_from: L1BlockRef
    """L1 block that the pipeline stood on: the block is safe once this one is."""
    last_in_batch: bool
    """Whether no further block follows from the same span batch."""

    def is_replaced(self, config: RollupConfig) -> bool:
        """Say whether `deposits_only` stands in when this payload breaks a rule.

        Holocene's rule holds by the L1 block that the block was derived from, as its rules of
        batches do; before, the payload is dropped without a replacement.
        """
        return config.is_active(Fork.HOLOCENE, self.derived_from.timestamp)

    def deposits_only(self) -> DerivedAttributes:
        """Return the block that stands in, from Holocene, when this payload breaks a rule."""
        kept = tuple(raw for raw in self.attributes.transactions if raw[0] == DEPOSIT_TYPE)
        return replace(self, attributes=replace(self.attributes, transactions=kept))


class Pipeline:
    """Derives L2 blocks one by one; each is asked for with the safe head that it follows.

    The same calls give the same results whether `prefetch` ran in between or not.
    """

    def __init__(
        self,
        config: RollupConfig,
        l1_config: L1ChainConfig,
        source: L1Source,
        start: PipelineStart,
        history: L2History | None = None,
    ) -> None:
        """Start at `start`; `history` gives L2 blocks before its safe head, for span batches."""
        self._config = config
        self._l1_config = l1_config
        self._stream = L1Stream(config, source, start.l1_origin, start.l1_system_config)
        self._epochs = Epochs(start.l1_origin)
        self._chain = DerivedChain(history)
        self._stage: BatchQueue | BatchStage | None = None
        self._blocks: dict[int, L1Block] = {}
        # A block's system config depends on its L1 origin and time alone, so a child that is
        # refused leaves the parent's in place.
        self._system_configs = {start.safe_head.number: start.safe_head_system_config}

    @property
    def origin(self) -> L1BlockRef:
        """L1 block that the pipeline stands on (the look-ahead not counted)."""
        return self._stream.origin

    def prefetch(self) -> bool:
        """Do a step of the half that needs L1 alone, ahead of time; False when there is none.

        Errors of the source go up, as they do from `next_attributes`.
        """
        return self._stream.prefetch()

    def next_attributes(self, safe_head: L2BlockRef) -> DerivedAttributes | None:
        """Return the block after `safe_head`; None when the L1 data is used up for now.

        `safe_head` is the start's, or a block made of the attributes that were returned last, or
        the same as before when those were refused. Raises Reset errors when L1 or the safe head
        turn out to be on another chain, and the source's errors; after a Temporary one it may be
        called again.
        """
        if not self._stream.open():
            return None
        self._chain.set_head(safe_head)
        while True:
            found = self._current_stage().next_batch(safe_head)
            if isinstance(found, NextBatch):
                return self._attributes(safe_head, found)
            if found is Wait.L1_BLOCK and not self._advance(safe_head):
                return None

    def on_invalid_payload(self) -> None:
        """Say that the last attributes broke a rule of execution.

        From Holocene the rest of their span batch and channel is dropped; before, the rest of the
        span goes, and other batches for the same block get their chance. Raises PipelineError when
        blocks of that span were derived already, as they would have to be taken back.
        """
        self._current_stage().flush()

    def _current_stage(self) -> BatchQueue | BatchStage:
        holocene = self._config.is_active(Fork.HOLOCENE, self._stream.origin.timestamp)
        if holocene and not isinstance(self._stage, BatchStage):
            # Batches that wait in the queue are discarded at Holocene's first L1 block.
            self._stage = BatchStage(self._config, self._stream, self._epochs, self._chain)
        elif self._stage is None:
            self._stage = BatchQueue(self._config, self._stream, self._epochs, self._chain)
        return self._stage

    def _advance(self, safe_head: L2BlockRef) -> bool:
        block = self._stream.block
        if not self._stream.advance():
            return False
        if block.header.number >= safe_head.l1_origin.number:
            self._blocks[block.header.number] = block
        oldest = self._current_stage().oldest_inclusion
        self._chain.prune(oldest - self._config.seq_window_size - 1)
        return True

    def _attributes(self, safe_head: L2BlockRef, found: NextBatch) -> DerivedAttributes:
        batch = found.batch
        if batch.epoch_number == self._stream.origin.number:
            epoch = self._stream.block
        else:
            epoch = self._blocks[batch.epoch_number]
        for number in list(self._blocks):
            if number >= safe_head.l1_origin.number:
                break
            del self._blocks[number]
        parent_config = self._system_configs.get(safe_head.number)
        if parent_config is None:
            raise PipelineError(f"L2 block {safe_head.number} was not derived here")
        prepared = prepare_attributes(
            self._config, self._l1_config, safe_head, parent_config, epoch
        )
        deposits = prepared.attributes.transactions
        attributes = replace(prepared.attributes, transactions=(*deposits, *batch.transactions))
        number = safe_head.number + 1
        self._system_configs = {safe_head.number: parent_config, number: prepared.system_config}
        self._chain.set_transactions(number, attributes.transactions)
        return DerivedAttributes(
            attributes=attributes,
            parent=safe_head,
            epoch=epoch.ref,
            derived_from=self._stream.origin,
            last_in_batch=found.is_last,
        )
