"""Which ranges are tasks that are still open on chain."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from coprove.avs.tasks import RangeMetadata, TaskDraft

if TYPE_CHECKING:
    from coprove.avs.aggregator.sources.moment import FinalMoment
    from coprove.contracts.avs import ServiceManager

__all__ = ["CommitteeRange", "RangeState", "RangeStates"]

_MOST: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class CommitteeRange:
    """A range that a committee may be asked about."""

    committee_id: int
    """The committee."""
    start: int
    """First block that is executed, from 1."""
    end: int
    """Last one."""

    def draft(self, moment: FinalMoment) -> TaskDraft:
        """Return the draft of its task, with the L1 head of a moment."""
        return TaskDraft(
            committee_id=self.committee_id,
            metadata=RangeMetadata(start_block=self.start, end_block=self.end),
            l1_head=moment.l1_head.hash,
            l1_head_number=moment.l1_head.number,
        )


class RangeState(Enum):
    """Where a range stands on chain."""

    NO_TASK = auto()
    """Neither by policy nor created."""
    OPEN = auto()
    """It can be confirmed."""
    CONFIRMED = auto()
    """It is."""
    OVER = auto()
    """Its time ran out."""


class RangeStates:
    """Asks the service manager; a confirmation in a final block is not asked about again."""

    def __init__(self, manager: ServiceManager) -> None:
        """Read through the manager's transport."""
        self._manager = manager
        self._final: dict[CommitteeRange, None] = {}

    async def of(self, found: CommitteeRange, moment: FinalMoment) -> RangeState:
        """Return where a range stands."""
        if found in self._final:
            return RangeState.CONFIRMED
        place = (found.committee_id, found.start, found.end)
        confirmed = await self._manager.confirmed_output(*place)
        if confirmed is not None:
            if await self._manager.confirmed_output(*place, block=moment.l1_final) is not None:
                self._final[found] = None
                if len(self._final) > _MOST:
                    del self._final[next(iter(self._final))]
            return RangeState.CONFIRMED
        deadline = await self._manager.deadline(*place)
        if deadline is None:
            return RangeState.NO_TASK
        return RangeState.OPEN if moment.l1_time <= deadline else RangeState.OVER

    def is_final(self, found: CommitteeRange) -> bool:
        """Whether a range is known to be confirmed for good."""
        return found in self._final
