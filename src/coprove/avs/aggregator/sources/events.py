"""Ranges that events on L1 name: tasks that somebody created, outputs that somebody proposed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from coprove.avs.aggregator.sources.ranges import CommitteeRange, RangeState
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.avs.aggregator.sources.moment import FinalMoment, Moments
    from coprove.avs.aggregator.sources.ranges import RangeStates
    from coprove.avs.tasks import TaskDraft
    from coprove.contracts import OutputOracle
    from coprove.contracts.avs import ServiceManager

__all__ = ["CreatedTasks", "EventRanges", "NewOutputs"]

_MOST_PENDING: Final = 10_000
_MOST_LOOKS: Final = 256
_log = get_logger(part="task-source")


class EventRanges(ABC):
    """`TaskSource` of ranges that stand in events; reads on where it was, up to a final block."""

    def __init__(
        self,
        name: str,
        *,
        moments: Moments,
        states: RangeStates,
        start: int,
        max_open: int = 8,
        step: int = 10_000,
    ) -> None:
        """Scan from L1 block `start`, at most `step` blocks in one poll."""
        self.name = name
        self._moments, self._states = moments, states
        self._next, self._step, self._max_open = start, step, max_open
        self._pending: dict[CommitteeRange, None] = {}

    async def poll(self) -> Sequence[TaskDraft]:
        """See TaskSource."""
        moment = await self._moments.now()
        await self._scan(moment)
        drafts: list[TaskDraft] = []
        due = sorted(found for found in self._pending if found.end <= moment.l2_block)
        for found in due[:_MOST_LOOKS]:
            state = await self._states.of(found, moment)
            if state is RangeState.OPEN:
                drafts.append(found.draft(moment))
            elif state is not RangeState.CONFIRMED or self._states.is_final(found):
                # Confirmed for good, over, or no task: nothing of it comes back.
                del self._pending[found]
            if len(drafts) == self._max_open:
                break
        return drafts

    async def _scan(self, moment: FinalMoment) -> None:
        last = min(await self._last(moment), self._next + self._step - 1)
        if last < self._next or len(self._pending) >= _MOST_PENDING:
            return
        for found in await self._found(self._next, last):
            self._pending[found] = None
        self._next = last + 1

    async def _last(self, moment: FinalMoment) -> int:
        """Return the last block to read now."""
        return moment.l1_final

    @abstractmethod
    async def _found(self, first: int, last: int) -> Sequence[CommitteeRange]:
        """Return the ranges that events of these blocks name."""


class CreatedTasks(EventRanges):
    """Tasks that were created at the service manager."""

    def __init__(
        self,
        committees: Sequence[int],
        *,
        manager: ServiceManager,
        moments: Moments,
        states: RangeStates,
        start: int,
        max_open: int = 8,
    ) -> None:
        """Those of some committees alone."""
        super().__init__("created", moments=moments, states=states, start=start, max_open=max_open)
        self._manager, self._committees = manager, frozenset(committees)

    async def _found(self, first: int, last: int) -> Sequence[CommitteeRange]:
        return [
            CommitteeRange(
                committee_id=event.committee_id, start=event.start_block, end=event.end_block
            )
            for event in await self._manager.tasks_created(first=first, last=last)
            if event.committee_id in self._committees
        ]


class NewOutputs(EventRanges):
    """Outputs that were proposed at an L2OutputOracle: from the one before to each.

    Only those are tasks that the service manager knows as one.
    """

    def __init__(
        self,
        committee_id: int,
        *,
        oracle: OutputOracle,
        moments: Moments,
        states: RangeStates,
        start: int,
        max_open: int = 8,
    ) -> None:
        """Ask `committee_id` about them."""
        super().__init__(
            f"outputs-{committee_id}",
            moments=moments,
            states=states,
            start=start,
            max_open=max_open,
        )
        self._committee_id, self._oracle = committee_id, oracle

    async def _found(self, first: int, last: int) -> Sequence[CommitteeRange]:
        ranges = []
        for event in await self._oracle.outputs_proposed(first=first, last=last):
            if event.l2_output_index == 0:
                # The first output is the one that the oracle was set up with.
                continue
            before = await self._oracle.get_l2_output(
                event.l2_output_index - 1, block=event.l1_block_number
            )
            start = before.l2_block_number + 1
            if not 1 <= start <= event.l2_block_number:
                _log.warning("an output without blocks", source=self.name, index=start)
                continue
            ranges.append(
                CommitteeRange(
                    committee_id=self._committee_id, start=start, end=event.l2_block_number
                )
            )
        return ranges
