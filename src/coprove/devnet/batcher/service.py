"""The batcher's loop: look at the heads, take new blocks in, close and post channels."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from coprove.derivation.compression import Compression
from coprove.derivation.l1_info import l2_block_ref
from coprove.devnet.batcher.channels import (
    batched_block,
    calldata_gas,
    channel_data,
    cut_frames,
)
from coprove.devnet.batcher.state import BatcherState, PostedChannel, reason_to_start_over
from coprove.devnet.service import run_loop
from coprove.primitives import keccak256
from coprove.telemetry import MetricKind, MetricSpec, get_logger

if TYPE_CHECKING:
    from coprove.devnet.batcher.config import BatcherConfig
    from coprove.devnet.sender import Sender
    from coprove.rpc import L1Client, L2Client, RollupNodeClient, SyncStatus
    from coprove.telemetry import Metrics
    from coprove.types import RollupConfig

__all__ = ["BLOCKS_POSTED", "CHANNELS", "FRAME_BYTES", "START_OVERS", "Batcher"]

CHANNELS = MetricSpec(
    name="coprove_devnet_batcher_channels", kind=MetricKind.COUNTER, help="Channels posted."
)
BLOCKS_POSTED = MetricSpec(
    name="coprove_devnet_batcher_l2_blocks", kind=MetricKind.COUNTER, help="L2 blocks posted."
)
FRAME_BYTES = MetricSpec(
    name="coprove_devnet_batcher_calldata",
    kind=MetricKind.COUNTER,
    unit="bytes",
    help="Calldata posted.",
)
START_OVERS = MetricSpec(
    name="coprove_devnet_batcher_start_overs",
    kind=MetricKind.COUNTER,
    help="Times the batcher went back to the safe head.",
)
_FETCH_BLOCKS = 100
_log = get_logger(part="batcher")


class Batcher:
    """Posts the unsafe chain to the inbox; holds no state that a restart would miss."""

    def __init__(
        self,
        config: BatcherConfig,
        rollup: RollupConfig,
        *,
        l1: L1Client,
        l2: L2Client,
        node: RollupNodeClient,
        sender: Sender,
        metrics: Metrics,
    ) -> None:
        """`sender` signs and sends from the account that the system config names as batcher."""
        self._config, self._rollup = config, rollup
        self._l1, self._l2, self._node, self._sender = l1, l2, node, sender
        self._metrics = metrics
        self._state = BatcherState()

    async def run(self) -> None:
        """Settle what an earlier run left in flight, then batch for ever."""
        await self._settle_earlier_run()
        await run_loop(self._tick, pause=self._config.poll_interval, metrics=self._metrics)

    async def _settle_earlier_run(self) -> None:
        """Wait until the account has nothing pending and the node has read all it sent.

        Starting from the safe head before that would post the same blocks again.
        """
        await self._sender.settle(self._config.in_flight_timeout)
        head = await self._l1.block_number()
        while True:
            status = await self._node.sync_status()
            if status.current_l1.number >= head:
                break
            await asyncio.sleep(self._config.poll_interval)
        _log.info("nothing in flight", l1_block=head)

    async def _tick(self) -> None:
        status = await self._node.sync_status()
        reason = reason_to_start_over(self._state, status)
        if reason is not None:
            self._metrics.inc(START_OVERS)
            _log.info("starting at the safe head", why=reason, l2_block=status.safe_l2.number)
            self._state.start_at(status.safe_l2.id)
        self._state.drop_safe(status.safe_l2.number)
        await self._take_in(status)
        if self._channel_is_due(status):
            await self._post_channel()

    async def _take_in(self, status: SyncStatus) -> None:
        """Fetch blocks up to the unsafe head, as long as each follows the one before."""
        tip = self._state.tip
        if tip is None:
            return
        room = self._config.max_channel_blocks * 2 - len(self._state.queue)
        last = min(status.unsafe_l2.number, tip.number + min(_FETCH_BLOCKS, room))
        numbers = range(tip.number + 1, last + 1)
        for block in await self._l2.blocks(list(numbers)):
            if block.header.parent_hash != tip.hash:
                _log.info("the unsafe chain is another one", l2_block=block.header.number)
                self._state.start_at(status.safe_l2.id)
                return
            ref = l2_block_ref(self._rollup, block.header, block.transactions[0])
            self._state.queue.append(batched_block(block, ref))
            tip = self._state.tip = ref.id
            if self._state.opened_at is None:
                self._state.opened_at = status.head_l1.number

    def _channel_is_due(self, status: SyncStatus) -> bool:
        opened = self._state.opened_at
        if not self._state.queue or opened is None:
            return False
        is_old = status.head_l1.number - opened >= self._config.max_channel_duration
        return is_old or len(self._state.queue) >= self._config.max_channel_blocks

    async def _post_channel(self) -> None:
        """Close a channel over the queue, send its frames and wait until all are on L1.

        From Holocene on derivation takes frames in order only: nonces put them into it.
        """
        queue = self._state.queue
        blocks = [queue[i] for i in range(min(len(queue), self._config.max_channel_blocks))]
        data = channel_data(
            blocks,
            config=self._rollup,
            span=self._config.batch_type == "span",
            compression=Compression(self._config.compression),
        )
        channel_id = secrets.token_bytes(16)
        frames = cut_frames(data, channel_id=channel_id, max_size=self._config.max_frame_size)
        receipts = await asyncio.gather(
            *(
                self._sender.send(
                    key=f"frame-{keccak256(frame).hex()}",
                    to=self._rollup.batch_inbox_address,
                    data=frame,
                    gas_limit=calldata_gas(frame),
                )
                for frame in frames
            )
        )
        included_at = max(receipt.block_number for receipt in receipts)
        self._metrics.inc(FRAME_BYTES, sum(map(len, frames)))
        first, last = blocks[0].ref, blocks[-1].ref
        for _ in blocks:
            queue.popleft()
        self._state.opened_at = included_at if queue else None
        self._state.posted.append(
            PostedChannel(first=first.number, last=last.id, included_at=included_at)
        )
        self._metrics.inc(CHANNELS)
        self._metrics.inc(BLOCKS_POSTED, len(blocks))
        _log.info(
            "channel posted",
            channel=channel_id,
            first=first.number,
            last=last.number,
            frames=len(frames),
            bytes=len(data),
            l1_block=included_at,
        )
