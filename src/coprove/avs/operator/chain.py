"""What an operator asks of the chain, and what a task must look like there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from coprove.attestation.avs_poe import batch_hash
from coprove.avs.operator.errors import TaskMismatchError, TaskNotReadyError
from coprove.rpc import NotYetAvailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from coprove.avs.operator.protection import SignedState
    from coprove.avs.tasks import AvsTask
    from coprove.rpc import L1Client
    from coprove.types import Address, Hash32

__all__ = ["AvsView", "Committee", "Standing", "TaskChecker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Committee:
    """A committee as the service manager has it."""

    quorums: tuple[int, ...]
    """Its quorums, ascending."""
    l2_chain_id: int
    """Its rollup's chain id."""
    rollup_config_hash: Hash32
    """Hash of its rollup's config."""

    def batch_hash(self, task: AvsTask) -> Hash32:
        """Return what a state of the task must have as `batch_hash`."""
        draft = task.draft
        return batch_hash(
            l2_chain_id=self.l2_chain_id,
            rollup_config_hash=self.rollup_config_hash,
            l1_head=draft.l1_head,
            pre_block=draft.metadata.pre_block,
            post_block=draft.metadata.end_block,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a range stands as a task on chain."""

    deadline: int
    """Unix seconds until which it can be confirmed; 0 when it is no task."""
    is_confirmed: bool
    """Whether it was confirmed."""


class AvsView(Protocol):
    """The AVS on chain, read through the operator's own L1 node."""

    async def committee(self, committee_id: int) -> Committee | None:
        """Return a committee; None when there is none."""

    async def standing(self, task: AvsTask) -> Standing:
        """Return how the task's range stands."""

    async def max_reference_age(self) -> int:
        """Return the greatest number of blocks that a reference block may be old."""

    async def own_quorums(self) -> frozenset[int]:
        """Return the quorums that this operator is in."""

    async def is_own_prover(self, prover: Address) -> bool:
        """Whether a prover is live and attached to this operator's BLS key."""


class TaskChecker:
    """Holds tasks against the operator's own L1 node: an aggregator may say anything."""

    def __init__(self, l1: L1Client, avs: AvsView, *, now: Callable[[], float] = time.time) -> None:
        """Both are read only."""
        self._l1, self._avs, self._now = l1, avs, now

    async def check(self, task: AvsTask) -> Committee:
        """Return the task's committee when everything in it is as the chain says.

        TaskMismatchError for what will not become right, TaskNotReadyError for what the node may
        have later, and the transport's errors.
        """
        if self._now() >= task.expires_at:
            raise TaskMismatchError("task", expected="one that is open", actual="expired")
        draft = task.draft
        committee = await self._avs.committee(draft.committee_id)
        if committee is None:
            raise TaskMismatchError("committee", expected="one on chain", actual=draft.committee_id)
        if committee.quorums != task.quorums:
            raise TaskMismatchError("quorums", expected=committee.quorums, actual=task.quorums)
        own = await self._avs.own_quorums()
        if own.isdisjoint(task.quorums):
            raise TaskMismatchError(
                "quorums", expected=f"one of {sorted(own)}", actual=task.quorums
            )
        await self._check_range(task)
        await self._check_blocks(task)
        return committee

    async def reorged(self, states: Iterable[SignedState]) -> frozenset[Hash32]:
        """Return those L1 heads of signed states in whose place another block is finalized.

        A block that the node does not know is not reorged away by that.
        """
        found = set()
        finalized: int | None = None
        for state in states:
            if finalized is None:
                finalized = (await self._l1.block_ref("finalized")).number
            if state.l1_head_number <= finalized:
                canonical = await self._l1.block_ref(state.l1_head_number)
                if canonical.hash != state.l1_head:
                    found.add(state.l1_head)
        return frozenset(found)

    async def _check_range(self, task: AvsTask) -> None:
        standing = await self._avs.standing(task)
        range_ = task.draft.metadata
        what = f"range {range_.start_block} to {range_.end_block}"
        if standing.is_confirmed:
            raise TaskMismatchError(what, expected="not confirmed yet", actual="confirmed")
        if standing.deadline == 0:
            raise TaskMismatchError(what, expected="one of the committee's policy", actual="none")
        if standing.deadline < self._now():
            raise TaskMismatchError(
                what, expected="before its deadline", actual=f"due at {standing.deadline}"
            )

    async def _check_blocks(self, task: AvsTask) -> None:
        draft = task.draft
        try:
            finalized = await self._l1.block_ref("finalized")
        except NotYetAvailableError:
            raise TaskNotReadyError("L1 has no finalized block") from None
        if finalized.number < draft.l1_head_number:
            raise TaskNotReadyError(
                f"L1 head {draft.l1_head_number} is not finalized here: {finalized.number} is"
            )
        canonical = await self._l1.block_ref(draft.l1_head_number)
        if canonical.hash != draft.l1_head:
            raise TaskMismatchError("L1 head", expected=canonical.hash, actual=draft.l1_head)
        head = await self._l1.block_number()
        if task.reference_block > head:
            raise TaskNotReadyError(f"reference block {task.reference_block} is above {head}")
        oldest = head - await self._avs.max_reference_age()
        if task.reference_block < oldest:
            raise TaskMismatchError(
                "reference block", expected=f"{oldest} or later", actual=task.reference_block
            )
