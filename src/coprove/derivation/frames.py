"""Frames: the chunks of a channel, as they lie in batcher transactions and blobs.

frame = channel_id (16) ++ frame_number (u16) ++ length (u32) ++ data ++ is_last (0 or 1), integers
big-endian; a batcher transaction is the version byte 0 and one or more frames, nothing else.
Source: https://specs.optimism.io/protocol/derivation.html#frame-format
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from coprove.derivation.parameters import BATCHER_VERSION, FRAME_OVERHEAD, MAX_FRAME_LENGTH
from coprove.errors import InputError

__all__ = ["FRAME_ENVELOPE", "Frame", "encode_frames", "parse_frames", "prune_frames"]

_HEAD: Final = struct.Struct(">16sHI")

FRAME_ENVELOPE: Final = _HEAD.size + 1
"""Bytes of a frame beside its data (23)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One chunk of a channel."""

    channel_id: bytes
    """16 bytes that name the channel, chosen by the batcher."""
    number: int
    """Place of the frame in its channel, from 0; u16."""
    data: bytes
    """Part of the channel's compressed bytes; at most 1,000,000 of them."""
    is_last: bool
    """Whether this frame closes the channel."""

    @property
    def size(self) -> int:
        """Bytes that the frame counts towards the limits of a channel and of the bank."""
        return len(self.data) + FRAME_OVERHEAD

    def encode(self) -> bytes:
        """Return the frame's bytes, without the version byte of a batcher transaction."""
        head = _HEAD.pack(self.channel_id, self.number, len(self.data))
        return head + self.data + (b"\x01" if self.is_last else b"\x00")


def encode_frames(frames: list[Frame]) -> bytes:
    """Return the data of a batcher transaction that carries `frames`."""
    return bytes([BATCHER_VERSION]) + b"".join(frame.encode() for frame in frames)


def parse_frames(data: bytes) -> list[Frame]:
    """Parse the data of a batcher transaction: all of its frames, at least one, or an error.

    Raises InputError when a byte is out of place; such a transaction counts as a whole as invalid.
    """
    if not data or data[0] != BATCHER_VERSION:
        raise InputError("batcher transaction", expected="version byte 0", actual=data[:1].hex())
    frames: list[Frame] = []
    offset, end = 1, len(data)
    while offset < end:
        if end - offset < FRAME_ENVELOPE:
            raise InputError("frame", expected="23 bytes or more", actual=end - offset)
        channel_id, number, length = _HEAD.unpack_from(data, offset)
        if length > MAX_FRAME_LENGTH:
            raise InputError("frame data", expected="1,000,000 bytes at most", actual=length)
        start = offset + _HEAD.size
        stop = start + length
        if stop >= end:
            raise InputError("frame data", expected=f"{length} bytes and is_last", actual=end)
        if data[stop] > 1:
            raise InputError("frame is_last", expected="0 or 1", actual=data[stop])
        frames.append(
            Frame(
                channel_id=channel_id,
                number=number,
                data=data[start:stop],
                is_last=data[stop] == 1,
            )
        )
        offset = stop + 1
    if not frames:
        raise InputError("batcher transaction", expected="one frame or more", actual="none")
    return frames


def prune_frames(frames: list[Frame]) -> list[Frame]:
    """Keep only the frames in strict order, as Holocene's frame queue does.

    Of neighbours of one channel the second must follow the first and the first must not be last;
    a first frame throws out the unclosed channel before it; other frames of a new channel go.
    Source: https://specs.optimism.io/protocol/holocene/derivation.html#frame-queue
    """
    kept: list[Frame] = []
    for frame in frames:
        if not kept:
            kept.append(frame)
            continue
        last = kept[-1]
        if last.channel_id == frame.channel_id:
            if not last.is_last and frame.number == last.number + 1:
                kept.append(frame)
        elif frame.number == 0:
            while kept and not kept[-1].is_last:
                # Each of these is the unclosed tail of a channel: the frames of it that precede
                # have the same channel, so removing from the back removes that channel alone.
                kept.pop()
            # A channel that was closed before it in the same transaction stays closed.
            if not kept or kept[-1].channel_id != frame.channel_id:
                kept.append(frame)
    return kept
