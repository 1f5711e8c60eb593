"""Limits and constants of the derivation, and which fork sets each.

Every function takes the timestamp (seconds) of the L1 block that the pipeline stands on, as the
specification's "Protocol Parameters" table does: https://specs.optimism.io/protocol/derivation.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.types import Fork

if TYPE_CHECKING:
    from coprove.types import RollupConfig

__all__ = [
    "BATCHER_VERSION",
    "FRAME_OVERHEAD",
    "MAX_FRAME_LENGTH",
    "MAX_SEQUENCER_DRIFT_FJORD",
    "MAX_SPAN_BATCH_ELEMENTS",
    "channel_timeout",
    "max_channel_bank_size",
    "max_rlp_bytes_per_channel",
    "max_sequencer_drift",
]

BATCHER_VERSION: Final = 0
"""First byte of a batcher transaction that carries frames."""

MAX_FRAME_LENGTH: Final = 1_000_000
"""Bytes of data in one frame, at most."""

FRAME_OVERHEAD: Final = 200
"""Bytes that a buffered frame counts beside its data, towards the limits of bank and channel."""

MAX_SPAN_BATCH_ELEMENTS: Final = 10_000_000
"""Blocks in a span batch, and transactions in a span batch or in one of its blocks, at most."""

MAX_SEQUENCER_DRIFT_FJORD: Final = 1800
"""Seconds that an L2 block with transactions may be ahead of its L1 origin, from Fjord."""


def max_channel_bank_size(config: RollupConfig, l1_timestamp: int) -> int:
    """Return how many bytes all buffered channels may hold together before Holocene."""
    return 1_000_000_000 if config.is_active(Fork.FJORD, l1_timestamp) else 100_000_000


def max_rlp_bytes_per_channel(config: RollupConfig, l1_timestamp: int) -> int:
    """Return how many decompressed bytes of a channel are read; the rest is ignored."""
    return 100_000_000 if config.is_active(Fork.FJORD, l1_timestamp) else 10_000_000


def channel_timeout(config: RollupConfig, l1_timestamp: int) -> int:
    """Return how many L1 blocks after its first one a channel may still take frames."""
    return config.channel_timeout_at(l1_timestamp)


def max_sequencer_drift(config: RollupConfig, l1_timestamp: int) -> int:
    """Return the seconds that a block with transactions may be ahead of its L1 origin's time."""
    if config.is_active(Fork.FJORD, l1_timestamp):
        return MAX_SEQUENCER_DRIFT_FJORD
    return config.max_sequencer_drift
