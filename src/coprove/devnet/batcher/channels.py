"""From L2 blocks to the data of batcher transactions: pure functions over derivation's encoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.derivation.channel_out import BatchType, ChannelOut, batch_from_block, split_channel
from coprove.derivation.frames import encode_frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.derivation.compression import Compression
    from coprove.derivation.singular import SingularBatch
    from coprove.rpc import EthBlock
    from coprove.types import L2BlockRef, RollupConfig

__all__ = ["BatchedBlock", "batched_block", "calldata_gas", "channel_data", "cut_frames"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchedBlock:
    """An L2 block as the batcher holds it."""

    ref: L2BlockRef
    """Which block it is, with its L1 origin."""
    batch: SingularBatch
    """What of it goes to L1."""


def batched_block(block: EthBlock, ref: L2BlockRef) -> BatchedBlock:
    """Take from `block` what derivation cannot know: its user transactions."""
    return BatchedBlock(ref=ref, batch=batch_from_block(ref, block.transactions))


def channel_data(
    blocks: Sequence[BatchedBlock],
    *,
    config: RollupConfig,
    span: bool,
    compression: Compression,
) -> bytes:
    """Return the compressed bytes of the channel that holds `blocks`, which must be consecutive."""
    channel = ChannelOut(
        config,
        bytes(16),  # the id is given when the data is cut into frames
        batch_type=BatchType.SPAN if span else BatchType.SINGULAR,
        compression=compression,
    )
    for block in blocks:
        channel.add(block.batch, block.ref.sequence_number)
    return channel.compressed()


def calldata_gas(data: bytes) -> int:
    """Return the gas of a transaction that only carries `data`, by EIP-7623's floor price."""
    zeros = data.count(0)
    return 21_000 + 10 * (zeros + 4 * (len(data) - zeros))


def cut_frames(data: bytes, *, channel_id: bytes, max_size: int) -> list[bytes]:
    """Return the data of the batcher transactions that carry a channel, one frame in each.

    `max_size` bounds each of them, the version byte and the frame's own head included. Raises
    InputError when that takes more than 65,536 frames or leaves no room.
    """
    return [encode_frames([frame]) for frame in split_channel(channel_id, data, max_size - 1)]
