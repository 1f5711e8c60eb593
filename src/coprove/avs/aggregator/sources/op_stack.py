"""Ranges of an OP Stack chain, as the committee's policy on chain cuts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.avs.aggregator.sources.ranges import CommitteeRange, RangeState
from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.avs.aggregator.sources.moment import Moments
    from coprove.avs.aggregator.sources.ranges import RangeStates
    from coprove.avs.tasks import TaskDraft
    from coprove.contracts.avs import RollupPolicy, ServiceManager

__all__ = ["OpStackRanges"]

_MOST_LOOKS: Final = 256
"""Ranges looked at in one poll."""


class OpStackRanges:
    """`TaskSource` of a committee's ranges by policy."""

    def __init__(
        self,
        committee_id: int,
        *,
        manager: ServiceManager,
        moments: Moments,
        states: RangeStates,
        max_open: int = 8,
    ) -> None:
        """Give at most `max_open` drafts at once: further ranges wait until some are confirmed."""
        self.name = f"op-stack-{committee_id}"
        self._committee_id, self._manager = committee_id, manager
        self._moments, self._states, self._max_open = moments, states, max_open
        self._from = 0

    async def poll(self) -> Sequence[TaskDraft]:
        """See TaskSource; InputError for a committee without a rollup."""
        policy = await self._manager.rollup_policy(self._committee_id)
        if policy is None:
            raise InputError(
                f"rollup policy of committee {self._committee_id}",
                expected="one on chain",
                actual="none",
            )
        if policy.interval == 0:
            return []
        moment = await self._moments.now()
        last = (moment.l2_block + 1 - policy.first_block) // policy.interval - 1
        first = max(self._first_open(policy, moment.l1_time), self._settled(policy, last))
        drafts: list[TaskDraft] = []
        for number in range(first, min(last + 1, first + _MOST_LOOKS)):
            found = self._range(policy, number)
            if await self._states.of(found, moment) is RangeState.OPEN:
                drafts.append(found.draft(moment))
                if len(drafts) == self._max_open:
                    break
        return drafts

    def _first_open(self, policy: RollupPolicy, l1_time: int) -> int:
        """Return the first range whose time is not over."""
        newest_over = (l1_time - policy.window - policy.l2_genesis_time - 1) // max(
            1, policy.l2_block_time
        )
        return max(0, (newest_over + 1 - policy.first_block) // policy.interval)

    def _settled(self, policy: RollupPolicy, last: int) -> int:
        """Return the first range that is not known to be confirmed for good."""
        number = min(self._from, last + 1)
        while number <= last and self._states.is_final(self._range(policy, number)):
            number += 1
        # The policy may be changed to one with fewer ranges.
        self._from = max(0, number)
        return self._from

    def _range(self, policy: RollupPolicy, number: int) -> CommitteeRange:
        start, end = policy.range_from(number)
        return CommitteeRange(committee_id=self._committee_id, start=start, end=end)
