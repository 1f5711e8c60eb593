"""What the batcher remembers between two looks at the chain, and what it makes of a look.

Nothing here outlives the process: a start, and every surprise, begins again at the safe head.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coprove.devnet.batcher.channels import BatchedBlock
    from coprove.rpc import SyncStatus
    from coprove.types import BlockId

__all__ = ["BatcherState", "PostedChannel", "reason_to_start_over"]

_GRACE_BLOCKS = 2
"""L1 blocks that the node may be past a channel's inclusion before its blocks must be safe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedChannel:
    """A channel whose frames are all on L1."""

    first: int
    """Number of its first L2 block."""
    last: BlockId
    """Its last L2 block."""
    included_at: int
    """Number of the L1 block that holds its last frame."""


@dataclass(slots=True, kw_only=True)
class BatcherState:
    """The blocks above the safe head and where they are on their way to L1."""

    tip: BlockId | None = None
    """Newest L2 block taken in; None before the first look."""
    queue: deque[BatchedBlock] = field(default_factory=deque)
    """Blocks not yet posted, in order."""
    opened_at: int | None = None
    """L1 head when the first block of the queue came."""
    posted: deque[PostedChannel] = field(default_factory=deque)
    """Channels on L1 whose blocks are not yet safe, in order."""

    def start_at(self, safe: BlockId) -> None:
        """Forget everything and go on from `safe`."""
        self.tip, self.opened_at = safe, None
        self.queue.clear()
        self.posted.clear()

    def first_held(self) -> int | None:
        """Return the number of the oldest L2 block that is posted or queued."""
        if self.posted:
            return self.posted[0].first
        return self.queue[0].ref.number if self.queue else None

    def drop_safe(self, safe_number: int) -> None:
        """Forget channels and blocks that have become safe."""
        while self.posted and self.posted[0].last.number <= safe_number:
            self.posted.popleft()
        while self.queue and not self.posted and self.queue[0].ref.number <= safe_number:
            self.queue.popleft()
        if not self.queue:
            self.opened_at = None


def reason_to_start_over(state: BatcherState, status: SyncStatus) -> str | None:
    """Say why the state no longer fits the node's heads; None when it does."""
    tip, safe = state.tip, status.safe_l2
    if tip is None:
        return "first look"
    known = {tip.number: tip.hash}
    known |= {channel.last.number: channel.last.hash for channel in state.posted}
    known |= {block.ref.number: block.ref.hash for block in state.queue}
    first = state.first_held()
    reasons = {
        "the safe head is ahead": safe.number > tip.number,
        "the unsafe head went back": status.unsafe_l2.number < tip.number,
        "the safe chain is another one": known.get(safe.number, safe.hash) != safe.hash,
        "the safe head went back": safe.number + 1 < (tip.number + 1 if first is None else first),
        "a posted channel did not become safe": any(
            status.current_l1.number > channel.included_at + _GRACE_BLOCKS
            and safe.number < channel.last.number
            for channel in state.posted
        ),
    }
    return next((reason for reason, is_so in reasons.items() if is_so), None)
