"""Settings of the batcher."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coprove.devnet.accounts import Role
from coprove.devnet.settings import ServiceSettings

__all__ = ["BatcherConfig"]


class BatcherConfig(ServiceSettings):
    """How blocks are gathered into channels, and channels cut into frames."""

    batch_type: Literal["span", "singular"] = "span"
    """One span batch a channel, or one singular batch a block."""
    compression: Literal["brotli", "zlib"] = "brotli"
    """How a channel is compressed; brotli needs Fjord."""
    max_channel_duration: int = Field(default=1, ge=1)
    """L1 blocks after which an open channel is closed."""
    max_channel_blocks: int = Field(default=300, ge=1)
    """L2 blocks in a channel at most."""
    max_frame_size: int = Field(default=120_000, ge=100, le=400_000)
    """Bytes of a transaction's calldata at most, so that its gas stays below EIP-7825's cap; a
    longer channel takes several transactions."""
    account: int = Field(default=int(Role.BATCHER), ge=0)
    """Index of the sending account in the development mnemonic."""
    in_flight_timeout: float = Field(default=60.0, gt=0)
    """Seconds to wait, at a start, for transactions of an earlier run to be mined."""
