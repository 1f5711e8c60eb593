"""The aggregator's core: tasks are opened, states are taken, and what a quorum signed goes on chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.avs.tasks import AvsTask, Submission, TaskDraft

__all__ = ["AggregatorEngine"]


class AggregatorEngine:
    """What a server and task sources talk to; one event loop, one writer to the database."""

    async def recover(self) -> None:
        """Read what an earlier process left in the database; to be called before all else."""
        raise NotImplementedError

    async def open(
        self,
        draft: TaskDraft,
        *,
        reference_block: int,
        quorums: Sequence[int],
        thresholds: Sequence[int],
        expires_at: int,
    ) -> AvsTask:
        """Issue a task for a draft; the one that is there when its range has an open one.

        A range that is confirmed gives its old task as well; one that expired gets a new task.
        """
        raise NotImplementedError

    async def next_task(
        self, after: int, task_type: int, wait: float, *, with_context: bool = False
    ) -> AvsTask | None:
        """Return the open task that follows number `after`; None when none comes in `wait` s."""
        raise NotImplementedError

    async def submit(self, submission: Submission, *, session: bool = False) -> None:
        """Take a signed state; when this returns, it is on disk. RefusedError says why not.

        `session`: the operator itself sent it, which others can't spend the allowance of.
        """
        raise NotImplementedError

    async def tick(self) -> None:
        """Do what time brings: expire, send what waited, look whether confirmations still stand."""
        raise NotImplementedError

    async def close(self) -> None:
        """Stop own work; what is under way is answered STOPPING, what is on disk is resumed."""
        raise NotImplementedError
