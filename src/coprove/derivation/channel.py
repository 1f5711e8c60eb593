"""Channels: frames put together again, until the last one is there or time runs out.

Before Holocene a bank holds many open channels and takes frames in any order; from Holocene one
staging channel takes them strictly in order.
Sources: https://specs.optimism.io/protocol/derivation.html#channel-bank and
https://specs.optimism.io/protocol/holocene/derivation.html#channel-bank
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from coprove.derivation.parameters import (
    channel_timeout,
    max_channel_bank_size,
    max_rlp_bytes_per_channel,
)
from coprove.types import Fork

if TYPE_CHECKING:
    from coprove.derivation.frames import Frame
    from coprove.types import L1BlockRef, RollupConfig

__all__ = ["Channel", "ChannelAssembler", "ChannelBank", "ChannelStage", "ReadyChannel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyChannel:
    """A whole channel."""

    channel_id: bytes
    """Its 16-byte id."""
    data: bytes
    """Its compressed bytes, the data of all frames in order."""


@dataclass(slots=True, kw_only=True)
class Channel:
    """The frames of one channel so far."""

    channel_id: bytes
    """Its 16-byte id."""
    opened_at: int
    """Number of the L1 block that held its first seen frame."""
    frames: dict[int, Frame] = field(default_factory=dict)
    """Frames by number."""
    size: int = 0
    """Data bytes plus 200 a frame, as the bank's limit counts them."""
    last: int | None = None
    """Number of the closing frame, once it was seen."""

    def add(self, frame: Frame) -> bool:
        """Take `frame` of this channel and say so, or refuse a duplicate or one past the end."""
        if frame.number in self.frames:
            return False
        if self.last is not None and (frame.is_last or frame.number >= self.last):
            return False
        if frame.is_last:
            self.last = frame.number
            beyond = [number for number in self.frames if number > frame.number]
            for number in beyond:
                del self.frames[number]
            if beyond:
                # The reference node stops counting the frames that stay, too.
                self.size = 0
        self.frames[frame.number] = frame
        self.size += frame.size
        return True

    @property
    def is_ready(self) -> bool:
        """Whether every frame up to the closing one is there."""
        return self.last is not None and len(self.frames) == self.last + 1

    def is_timed_out(self, config: RollupConfig, origin: L1BlockRef) -> bool:
        """Whether the channel was opened too many L1 blocks before `origin`."""
        return self.opened_at + channel_timeout(config, origin.timestamp) < origin.number

    def join(self) -> ReadyChannel:
        """Return the data of a channel that is ready."""
        data = b"".join(self.frames[number].data for number in range(len(self.frames)))
        return ReadyChannel(channel_id=self.channel_id, data=data)


class ChannelStage(Protocol):
    """Takes frames one at a time and gives whole channels, as seen from an L1 origin."""

    def read(self, origin: L1BlockRef) -> ReadyChannel | None:
        """Remove and return the next channel that is ready at `origin`; None: more frames."""

    def ingest(self, frame: Frame, origin: L1BlockRef) -> None:
        """Take a frame that L1 block `origin` holds."""


class ChannelBank:
    """Before Holocene: many open channels, first in first out, bounded by their total size."""

    def __init__(self, config: RollupConfig) -> None:
        """Start with an empty bank."""
        self._config = config
        # Insertion order is the order of opening.
        self._channels: dict[bytes, Channel] = {}
        self._size = 0

    def read(self, origin: L1BlockRef) -> ReadyChannel | None:
        """Drop timed-out channels at the front, then give the first that is ready.

        Before Canyon only the front channel may be read, so one that is not ready blocks others.
        """
        while self._channels:
            oldest = next(iter(self._channels.values()))
            if not oldest.is_timed_out(self._config, origin):
                break
            self._remove(oldest)
        scan_all = self._config.is_active(Fork.CANYON, origin.timestamp)
        for channel in self._channels.values():
            if channel.is_ready and not channel.is_timed_out(self._config, origin):
                self._remove(channel)
                return channel.join()
            if not scan_all:
                break
        return None

    def ingest(self, frame: Frame, origin: L1BlockRef) -> None:
        """Add the frame to its channel, opening one if needed, then prune the oldest channels."""
        channel = self._channels.get(frame.channel_id)
        if channel is None:
            channel = Channel(channel_id=frame.channel_id, opened_at=origin.number)
            self._channels[frame.channel_id] = channel
        if channel.is_timed_out(self._config, origin):
            return
        before = channel.size
        if not channel.add(frame):
            return
        self._size += channel.size - before
        limit = max_channel_bank_size(self._config, origin.timestamp)
        while self._size > limit:
            self._remove(next(iter(self._channels.values())))

    def _remove(self, channel: Channel) -> None:
        del self._channels[channel.channel_id]
        self._size -= channel.size


class ChannelAssembler:
    """From Holocene: one staging channel, frames in strict order."""

    def __init__(self, config: RollupConfig) -> None:
        """Start without a staging channel."""
        self._config = config
        self._channel: Channel | None = None

    def read(self, origin: L1BlockRef) -> ReadyChannel | None:
        """Drop the staging channel when it timed out; give it when it is whole."""
        channel = self._channel
        if channel is None:
            return None
        if channel.is_timed_out(self._config, origin):
            self._channel = None
            return None
        if not channel.is_ready:
            return None
        self._channel = None
        return channel.join()

    def ingest(self, frame: Frame, origin: L1BlockRef) -> None:
        """Open a new staging channel with a first frame, or take the staging channel's next.

        A channel that outgrows the limit of its compressed size is dropped.
        """
        if frame.number == 0:
            self._channel = Channel(channel_id=frame.channel_id, opened_at=origin.number)
        channel = self._channel
        if channel is None or channel.channel_id != frame.channel_id:
            return
        if frame.number != len(channel.frames) or not channel.add(frame):
            return
        if channel.size > max_rlp_bytes_per_channel(self._config, origin.timestamp):
            self._channel = None
