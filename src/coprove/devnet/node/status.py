"""What the parts of the node tell each other, and RPC, of L1 and of derivation."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coprove.types import L1BlockRef, L2BlockRef

__all__ = ["SyncStatus"]


@dataclass(slots=True, kw_only=True)
class SyncStatus:
    """A mutable board, written by the L1 poller and the verifier on the event loop."""

    head_l1: L1BlockRef | None = None
    """Newest L1 block."""
    safe_l1: L1BlockRef | None = None
    """L1's safe block."""
    finalized_l1: L1BlockRef | None = None
    """L1's finalized block."""
    current_l1: L1BlockRef | None = None
    """L1 block that derivation has come to."""
    pending_safe_l2: L2BlockRef | None = None
    """Last derived block; ahead of the safe head inside a span batch."""
    last_poll: float = field(default_factory=time.monotonic)
    """When L1 last answered, on the monotonic clock."""
    is_resetting: bool = True
    """Whether the heads are being set again, so that the sequencer must wait."""
    resets: int = 0
    """How often the heads were set again since the start."""
