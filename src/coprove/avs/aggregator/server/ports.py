"""What the server asks of the rest of the aggregator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coprove.avs.bls import PublicKey
    from coprove.avs.tasks import AvsTask, Submission
    from coprove.storage import StoredEvidence, StoredSignature, StoredTask
    from coprove.types import Address, Hash32

__all__ = ["Directory", "Engine", "Health", "Records"]


class Engine(Protocol):
    """Issues tasks and takes signed states."""

    async def next_task(
        self, after: int, task_type: int, wait: float, *, with_context: bool = False
    ) -> AvsTask | None:
        """Return the open task that follows number `after`; None when none comes in `wait` s."""
        ...

    async def submit(self, submission: Submission, *, session: bool = False) -> None:
        """Take a signed state, or raise RefusedError."""
        ...


class Directory(Protocol):
    """Who is registered, as far as was read; costs nothing."""

    def key_of(self, operator_id: Hash32) -> PublicKey | None:
        """Return the key of an operator that is in a quorum now."""
        ...

    def account_of(self, operator_id: Hash32) -> Address | None:
        """Return the account of an operator that is in a quorum now."""
        ...

    def has_account(self, account: Address) -> bool:
        """Whether an operator that is in a quorum now has this account."""
        ...


class Records(Protocol):
    """What is on disk."""

    async def newest_of(self, key: Hash32) -> StoredTask | None:
        """Return the newest task of a name on chain."""
        ...

    async def signatures(self, task_number: int) -> Sequence[StoredSignature]:
        """Return what was signed of a task."""
        ...

    async def evidence(
        self, *, key: Hash32 | None = None, limit: int = 1000
    ) -> Sequence[StoredEvidence]:
        """Return evidence, newest first, of one task or of all."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the process is."""

    healthy: bool
    """Whether every part of it works, or failed for less than its grace."""
    ready: bool
    """Whether tasks are issued and states taken now."""
    parts: Mapping[str, str]
    """Each part, "ok" or what is wrong, without secrets."""
