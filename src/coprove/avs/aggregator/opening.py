"""From a source's draft to an issued task: quorums and thresholds on chain, and until when."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from coprove.avs.aggregator.options import RollupIdentity
from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping, Sequence

    from coprove.avs.tasks import AvsTask, TaskDraft
    from coprove.contracts.avs import ServiceManager
    from coprove.rpc import EthClient
    from coprove.types import Hash32

__all__ = ["OpeningOptions", "TaskOpener", "learn_rollup"]


class _Opens(Protocol):
    async def open(
        self,
        draft: TaskDraft,
        *,
        reference_block: int,
        quorums: Sequence[int],
        thresholds: Sequence[int],
        expires_at: int,
    ) -> AvsTask: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningOptions:
    """How tasks are issued."""

    time_to_expiry: int = 3600
    """Seconds that a task is open at most; the deadline on chain may come before."""
    threshold: int = 0
    """Percent of a quorum's stake that must sign, where the contract asks for less."""
    reference_lag: int = 1
    """Blocks by which a task's reference block lies below the head; from 1."""
    again: float = 12.0
    """Seconds after which a draft that comes again is given to the core again."""


class TaskOpener:
    """Gives drafts to the core; the same draft at most once in a while."""

    def __init__(
        self,
        engine: _Opens,
        *,
        manager: ServiceManager,
        l1: EthClient,
        rollups: MutableMapping[int, RollupIdentity],
        options: OpeningOptions,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`rollups` is the core's: a committee's is put there before its first task."""
        self._engine, self._manager, self._l1 = engine, manager, l1
        self._rollups, self._options, self._clock = rollups, options, clock
        self._given: dict[Hash32, float] = {}

    async def open(self, draft: TaskDraft) -> bool:
        """Have a draft's task issued; False when it was given a moment ago, or its time is over.

        InputError for a committee that is not there or has no rollup; errors of the core and of
        the transport, after which the draft may come again at once.
        """
        now = self._clock()
        self._given = {
            key: at for key, at in self._given.items() if 0 <= now - at < self._options.again
        }
        if draft.key in self._given:
            return False
        committee_id, range_ = draft.committee_id, draft.metadata
        committee, deadline, head = await asyncio.gather(
            self._manager.committee(committee_id),
            self._manager.deadline(committee_id, range_.start_block, range_.end_block),
            self._l1.header("latest"),
        )
        await learn_rollup(self._manager, committee_id, self._rollups)
        if committee is None:
            raise InputError("committee", expected="one on chain", actual=committee_id)
        # The contract goes by L1's time, the core by this machine's.
        left = min(self._options.time_to_expiry, (deadline or 0) - head.header.timestamp)
        if left <= 0:
            return False
        least = [await self._manager.threshold(quorum) for quorum in committee.quorums]
        await self._engine.open(
            draft,
            reference_block=max(0, head.header.number - self._options.reference_lag),
            quorums=committee.quorums,
            thresholds=[max(percent, self._options.threshold) for percent in least],
            expires_at=int(now) + left,
        )
        self._given[draft.key] = now
        return True


async def learn_rollup(
    manager: ServiceManager, committee_id: int, rollups: MutableMapping[int, RollupIdentity]
) -> None:
    """Put the rollup that a committee is asked about into `rollups`; InputError without one.

    Asked each time: it may be changed on chain.
    """
    policy = await manager.rollup_policy(committee_id)
    if policy is None:
        raise InputError(
            f"rollup policy of committee {committee_id}", expected="one on chain", actual="none"
        )
    rollups[committee_id] = RollupIdentity(
        l2_chain_id=policy.l2_chain_id, config_hash=policy.rollup_config_hash
    )
