"""Derive the safe chain from L1 and reconcile the unsafe one with it.

The safe head moves only here: when a derived block equals the unsafe block in its place, or when
the derived block takes its place. Finality follows from L1's.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import structlog

from coprove.derivation import Pipeline, pipeline_start
from coprove.devnet.node.attributes import differences
from coprove.devnet.node.history import StoredHistory
from coprove.devnet.node.l1 import BlockingL1Source
from coprove.devnet.node.reset import find_heads
from coprove.errors import Reset, Temporary
from coprove.execution import InvalidPayloadError

if TYPE_CHECKING:
    from coprove.derivation import DerivedAttributes
    from coprove.devnet.node.chain import Chain
    from coprove.devnet.node.config import NodeConfig
    from coprove.devnet.node.l1 import L1View
    from coprove.devnet.node.status import SyncStatus
    from coprove.types import L1ChainConfig, L2BlockRef

__all__ = ["L1ReorgSeenError", "Verifier"]

_MAX_BACKOFF = 10.0
_RESET_PAUSE = 0.1
_log = structlog.get_logger("coprove.devnet.node.verifier")


class L1ReorgSeenError(Reset):
    """An L1 block that the heads stand on is not canonical any more."""


class Verifier:
    """Follows L1; owns the pipeline and the safe and finalized heads."""

    def __init__(
        self,
        *,
        chain: Chain,
        l1: L1View,
        status: SyncStatus,
        config: NodeConfig,
        l1_chain_config: L1ChainConfig,
    ) -> None:
        """Nothing is read before `run`."""
        self._chain = chain
        self._l1 = l1
        self._status = status
        self._config = config
        self._l1_chain_config = l1_chain_config
        self._pipeline: Pipeline | None = None
        self._source: BlockingL1Source | None = None
        # A thread of its own: asyncio's serve whoever calls the node.
        self._derivation = ThreadPoolExecutor(1, thread_name_prefix="derivation")
        self._head: L2BlockRef = chain.safe
        self._reset_reason: str | None = "start"

    def request_reset(self, reason: str) -> None:
        """Set the heads again before the next step."""
        self._reset_reason = self._reset_reason or reason
        self._l1.forget_numbers()
        self._status.is_resetting = True
        self._l1.changed.set()

    def close(self) -> None:
        """Wake a derivation that waits for L1; nothing can be derived afterwards."""
        if self._source is not None:
            self._source.close()

    async def poll_l1(self) -> None:
        """Follow the L1 heads until cancelled; an outage is waited out."""
        pause = self._config.l1_poll_interval
        while True:
            try:
                if await self._l1.poll():
                    await self._check_canonical()
                pause = self._config.l1_poll_interval
            except Reset as error:
                self.request_reset(str(error))
            except Temporary as error:
                pause = min(_MAX_BACKOFF, 2 * pause)
                _log.warning("l1.unavailable", reason=str(error), retry_in=pause)
            await asyncio.sleep(pause)

    async def _check_canonical(self) -> None:
        for name, block in (
            ("derivation's position", self._status.current_l1),
            ("the unsafe head's origin", self._chain.unsafe.l1_origin),
        ):
            if block is None:
                continue
            found = await self._l1.canonical(block.number)
            if found is None or found.hash != block.hash:
                raise L1ReorgSeenError(f"{name}, L1 block {block.number} {block.hash}, is gone")

    async def run(self) -> None:
        """Derive until cancelled; ends with an error only when a person must look."""
        pause = self._config.l1_poll_interval
        await self._l1.reached.wait()
        while True:
            try:
                if self._reset_reason is not None:
                    await self.reset()
                self._l1.changed.clear()
                progressed = await self.step()
                pause = self._config.l1_poll_interval
            except Reset as error:
                self.request_reset(str(error))
                await asyncio.sleep(_RESET_PAUSE)
                continue
            except Temporary as error:
                _log.warning("derivation.waiting", reason=str(error), retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(_MAX_BACKOFF, 2 * pause)
                continue
            if not progressed and self._reset_reason is None:
                await self._l1.changed.wait()

    async def reset(self) -> None:
        """Set the heads to what L1 bears out and start the pipeline there."""
        reason, self._reset_reason = self._reset_reason, None
        self._status.is_resetting = True
        try:
            async with self._chain.lock:
                heads = await find_heads(self._chain, self._l1)
                with self._chain.store.transaction():
                    self._chain.store.drop_safe_heads_after(heads.kept_l1_number)
                    self._chain.set_unsafe(heads.unsafe.hash)
                    self._chain.set_safe(heads.safe.hash, None)
            if self._source is not None:
                self._source.close()
            loop = asyncio.get_running_loop()
            source = self._source = BlockingL1Source(self._l1, loop)
            pipeline = await loop.run_in_executor(
                self._derivation, self._open_pipeline, source, heads.safe
            )
        except BaseException:
            # The reason stays, so that the next attempt resets again.
            self._reset_reason = reason
            raise
        self._pipeline = pipeline
        self._head = heads.safe
        self._status.pending_safe_l2 = heads.safe
        self._status.current_l1 = pipeline.origin
        self._status.resets += 1
        if self._reset_reason is None:
            self._status.is_resetting = False
        _log.info(
            "node.reset",
            reason=reason,
            unsafe=heads.unsafe.number,
            safe=heads.safe.number,
            l1=pipeline.origin.number,
        )

    def _open_pipeline(self, source: BlockingL1Source, safe: L2BlockRef) -> Pipeline:
        history = StoredHistory(self._chain)
        config = self._chain.config
        # Where to start lies in what is safe already: nothing to be confirmed there.
        start = pipeline_start(config, source, history, safe)
        source.hide_newest(self._config.verifier_l1_confs)
        return Pipeline(config, self._l1_chain_config, source, start, history)

    async def step(self) -> bool:
        """Derive and apply one block; False when the L1 data is used up."""
        pipeline = self._pipeline
        assert pipeline is not None  # noqa: S101 - reset comes first
        derived = await asyncio.get_running_loop().run_in_executor(
            self._derivation, pipeline.next_attributes, self._head
        )
        self._status.current_l1 = pipeline.origin
        if derived is None:
            await self.finalize()
            return False
        async with self._chain.lock:
            if self._reset_reason is not None:
                return True
            await self._apply(pipeline, derived)
        await self.finalize()
        return True

    async def _apply(self, pipeline: Pipeline, derived: DerivedAttributes) -> None:
        chain = self._chain
        present = chain.canonical(self._head.number + 1)
        if present is not None:
            found = differences(chain.config, derived.attributes, chain.block(present.hash))
            if not found:
                self._promote(present, derived)
                return
            _log.warning("derivation.differs", number=present.number, fields=found)
        block = await self._execute(pipeline, derived)
        if block is not None:
            chain.set_unsafe(block.hash)
            self._promote(block, derived)

    async def _execute(self, pipeline: Pipeline, derived: DerivedAttributes) -> L2BlockRef | None:
        """Execute derived attributes; None when they break a rule and are dropped.

        From Holocene on the block is made of its deposits alone then, and the rest of its channel
        is dropped (specs/protocol/holocene/derivation).
        """
        parent = self._head.hash
        try:
            made = await self._chain.execute(parent, derived.attributes)
        except InvalidPayloadError as error:
            reduced = derived.deposits_only()
            if reduced.attributes.transactions == derived.attributes.transactions:
                raise
            _log.warning(
                "derivation.invalid_payload", number=self._head.number + 1, reason=str(error)
            )
            pipeline.on_invalid_payload()
            if not derived.is_replaced(self._chain.config):
                return None
            present = self._chain.canonical(self._head.number + 1)
            if present is not None and not differences(
                self._chain.config, reduced.attributes, self._chain.block(present.hash)
            ):
                return present
            made = await self._chain.execute(parent, reduced.attributes)
        return self._chain.ref(made.hash)

    def _promote(self, ref: L2BlockRef, derived: DerivedAttributes) -> None:
        self._head = ref
        self._status.pending_safe_l2 = ref
        if derived.last_in_batch:
            self._chain.set_safe(ref.hash, derived.derived_from)
            _log.debug("chain.safe", number=ref.number, derived_from=derived.derived_from.number)

    async def finalize(self) -> None:
        """Move the finalized head to what was safe at L1's finalized block."""
        finalized = self._status.finalized_l1
        if finalized is None:
            return
        entry = self._chain.store.safe_head_at(finalized.number)
        if entry is None or entry.l2_number <= self._chain.finalized.number:
            return
        found = await self._l1.canonical(entry.l1_number)
        if found is not None and found.hash == entry.l1_hash:
            self._chain.set_finalized(entry.l2_hash)
            _log.debug("chain.finalized", number=entry.l2_number)
