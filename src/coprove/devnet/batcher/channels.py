"""From L2 blocks to the frames of a channel: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.derivation.compression import Compression, compress
from coprove.derivation.frames import FRAME_ENVELOPE, Frame, encode_frames
from coprove.derivation.singular import SingularBatch
from coprove.derivation.span import encode_span_batch
from coprove.errors import InputError
from coprove.primitives import rlp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.rpc import EthBlock
    from coprove.types import L2BlockRef, RollupConfig

__all__ = ["BatchedBlock", "batched_block", "calldata_gas", "channel_data", "cut_frames"]

_DEPOSIT_TYPE: Final = 0x7E
_MAX_FRAMES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchedBlock:
    """An L2 block as the batcher holds it."""

    ref: L2BlockRef
    """Which block it is, with its L1 origin."""
    batch: SingularBatch
    """What of it goes to L1."""


def batched_block(block: EthBlock, ref: L2BlockRef) -> BatchedBlock:
    """Take from `block` what derivation cannot know: its user transactions."""
    users = tuple(raw for raw in block.transactions if raw[0] != _DEPOSIT_TYPE)
    return BatchedBlock(
        ref=ref,
        batch=SingularBatch(
            parent_hash=ref.parent_hash,
            epoch_number=ref.l1_origin.number,
            epoch_hash=ref.l1_origin.hash,
            timestamp=ref.timestamp,
            transactions=users,
        ),
    )


def channel_data(
    blocks: Sequence[BatchedBlock],
    *,
    config: RollupConfig,
    span: bool,
    compression: Compression,
) -> bytes:
    """Return the compressed bytes of the channel that holds `blocks`, which must be consecutive."""
    if span:
        batches = [
            encode_span_batch(
                [block.batch for block in blocks],
                # The first block of an epoch is the one that changed its parent's origin.
                first_changes_origin=blocks[0].ref.sequence_number == 0,
                config=config,
            )
        ]
    else:
        batches = [block.batch.encode() for block in blocks]
    return compress(b"".join(rlp.encode(batch) for batch in batches), compression)


def calldata_gas(data: bytes) -> int:
    """Return the gas of a transaction that only carries `data`, by EIP-7623's floor price."""
    zeros = data.count(0)
    return 21_000 + 10 * (zeros + 4 * (len(data) - zeros))


def cut_frames(data: bytes, *, channel_id: bytes, max_size: int) -> list[bytes]:
    """Return the data of the batcher transactions that carry a channel, one frame in each.

    `max_size` bounds each of them, the version byte and the frame's own head included.
    """
    room = max_size - FRAME_ENVELOPE - 1
    pieces = [data[at : at + room] for at in range(0, len(data), room)]
    if not 0 < len(pieces) <= _MAX_FRAMES:
        raise InputError("channel", expected=f"1 to {_MAX_FRAMES} frames", actual=len(pieces))
    return [
        encode_frames(
            [
                Frame(
                    channel_id=channel_id,
                    number=number,
                    data=piece,
                    is_last=number == len(pieces) - 1,
                )
            ]
        )
        for number, piece in enumerate(pieces)
    ]
