"""Build unsafe blocks: when, on which L1 origin, and with what.

The rules are op-node's: a block every block time, the newest L1 origin that is confirmed and not
younger than the block, no pool transactions past the maximum drift or in a fork's first block.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from coprove.derivation.attributes import prepare_attributes
from coprove.derivation.parameters import max_sequencer_drift
from coprove.devnet.node.history import system_config_of
from coprove.errors import Reset, Temporary
from coprove.types import Fork

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.devnet.node.chain import Chain
    from coprove.devnet.node.config import NodeConfig
    from coprove.devnet.node.l1 import L1View
    from coprove.devnet.node.mempool import Mempool
    from coprove.devnet.node.status import SyncStatus
    from coprove.devnet.node.store import StoredBlock
    from coprove.types import L1BlockRef, L1ChainConfig, L2BlockRef

__all__ = ["OriginReorgError", "Sequencer", "WaitForL1Error"]

_RETRY = 0.25
_ORIGIN_TIMEOUT = 0.5
_log = structlog.get_logger("coprove.devnet.node.sequencer")


class OriginReorgError(Reset):
    """The L1 origin of the unsafe head is not canonical any more."""


class WaitForL1Error(Temporary):
    """The next block needs an L1 block that is not there yet."""


class Sequencer:
    """Builds one block after the other on the unsafe head."""

    def __init__(
        self,
        *,
        chain: Chain,
        mempool: Mempool,
        l1: L1View,
        status: SyncStatus,
        config: NodeConfig,
        l1_chain_config: L1ChainConfig,
        request_reset: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`request_reset` tells the verifier why the heads must be set again; `clock` is Unix."""
        self._chain = chain
        self._mempool = mempool
        self._l1 = l1
        self._status = status
        self._config = config
        self._l1_chain_config = l1_chain_config
        self._request_reset = request_reset
        self._clock = clock
        self.blocks_built = 0

    async def run(self) -> None:
        """Build blocks until cancelled."""
        while True:
            await asyncio.sleep(self._delay())
            if self._status.is_resetting or self._is_too_far_ahead():
                await asyncio.sleep(_RETRY)
                continue
            try:
                await self.build_block()
            except Reset as error:
                self._request_reset(str(error))
                await asyncio.sleep(_RETRY)
            except Temporary as error:
                _log.warning("sequencer.waiting", reason=str(error))
                await asyncio.sleep(_RETRY)

    def _delay(self) -> float:
        due = self._chain.unsafe.timestamp + self._chain.config.block_time
        return max(0.0, due - self._clock())

    def _is_too_far_ahead(self) -> bool:
        most = self._config.sequencer_max_safe_lag
        return most > 0 and self._chain.unsafe.number - self._chain.safe.number >= most

    async def find_origin(self, parent: L2BlockRef) -> L1BlockRef:
        """Choose the L1 origin of the block after `parent`.

        `OriginReorgError` when the parent's own is gone, `WaitForL1Error` when only a block that
        L1 does not have yet would do.
        """
        current = await self._l1.by_hash(parent.l1_origin.hash)
        if current is None:
            raise OriginReorgError(f"L1 origin {parent.l1_origin.hash} is gone")
        timestamp = parent.timestamp + self._chain.config.block_time
        following = await self._next_origin(current)
        if following is not None and timestamp >= following.timestamp:
            return following
        drift = max_sequencer_drift(self._chain.config, current.timestamp)
        if timestamp - current.timestamp > drift and following is None:
            raise WaitForL1Error(
                f"block at {timestamp} is past the drift of L1 origin {current.number}"
            )
        return current

    async def _next_origin(self, current: L1BlockRef) -> L1BlockRef | None:
        head, number = self._status.head_l1, current.number + 1
        if head is None or number + self._config.sequencer_l1_confs > head.number:
            return None
        try:
            async with asyncio.timeout(_ORIGIN_TIMEOUT):
                following = await self._l1.canonical(number)
        except (Temporary, TimeoutError):
            # An L1 that does not answer must not stop L2: what was seen of it will do for a while.
            following = self._l1.known(number)
        if following is not None and following.parent_hash != current.hash:
            raise OriginReorgError(f"L1 block {current.number} {current.hash} was replaced")
        return following

    async def build_block(self) -> StoredBlock | None:
        """Build one block on the unsafe head; None when the head moved meanwhile."""
        parent = self._chain.unsafe
        origin_ref = await self.find_origin(parent)
        origin = await self._l1.block(origin_ref.hash)
        prepared = prepare_attributes(
            self._chain.config,
            self._l1_chain_config,
            parent,
            system_config_of(self._chain, self._chain.block(parent.hash)),
            origin,
        )
        candidates: list[bytes] = []
        takes_pool = self._takes_pool(prepared.attributes.timestamp, origin_ref)
        if takes_pool:
            candidates = self._mempool.candidates()
        attributes = replace(prepared.attributes, no_tx_pool=not takes_pool)
        async with self._chain.lock:
            if self._chain.unsafe.hash != parent.hash or self._status.is_resetting:
                return None
            block, invalid = await self._chain.build(parent.hash, attributes, candidates)
            self._chain.set_unsafe(block.hash)
        self._mempool.drop(invalid)
        self.blocks_built += 1
        _log.debug(
            "sequencer.built",
            number=block.number,
            hash=f"0x{block.hash.hex()}",
            transactions=len(block.transactions),
            l1_origin=origin_ref.number,
        )
        return block

    def _takes_pool(self, timestamp: int, origin: L1BlockRef) -> bool:
        config = self._chain.config
        if timestamp > origin.timestamp + max_sequencer_drift(config, origin.timestamp):
            return False
        # A fork's first block holds its upgrade transactions and nothing of the pool.
        return not any(
            config.activates_at(fork, timestamp) for fork in Fork if fork >= Fork.ECOTONE
        )
