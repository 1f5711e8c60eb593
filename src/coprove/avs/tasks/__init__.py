"""Tasks, what operators sign of them, and why a submission is refused."""

from coprove.avs.tasks.range_metadata import RangeMetadata
from coprove.avs.tasks.refusals import (
    REFUSALS,
    Answer,
    Refusal,
    RefusedError,
    read_refusal,
    refusal_text,
)
from coprove.avs.tasks.session import Handshake, SessionScope, audience_of
from coprove.avs.tasks.submission import MAX_STATE_BYTES, Submission
from coprove.avs.tasks.task import OP_STACK_TASK, AvsTask, TaskDraft

__all__ = [
    "MAX_STATE_BYTES",
    "OP_STACK_TASK",
    "REFUSALS",
    "Answer",
    "AvsTask",
    "Handshake",
    "RangeMetadata",
    "Refusal",
    "RefusedError",
    "SessionScope",
    "Submission",
    "TaskDraft",
    "audience_of",
    "read_refusal",
    "refusal_text",
]
