"""Where tasks come from: ranges by policy, created tasks, proposed outputs, any event."""

from coprove.avs.aggregator.sources.events import CreatedTasks, EventRanges, NewOutputs
from coprove.avs.aggregator.sources.layout import RangeLayout
from coprove.avs.aggregator.sources.log_topics import LogTopics, LogTopicsOptions
from coprove.avs.aggregator.sources.moment import FinalMoment, Moments
from coprove.avs.aggregator.sources.op_stack import OpStackRanges
from coprove.avs.aggregator.sources.ranges import CommitteeRange, RangeState, RangeStates

__all__ = [
    "CommitteeRange",
    "CreatedTasks",
    "EventRanges",
    "FinalMoment",
    "LogTopics",
    "LogTopicsOptions",
    "Moments",
    "NewOutputs",
    "OpStackRanges",
    "RangeLayout",
    "RangeState",
    "RangeStates",
]
