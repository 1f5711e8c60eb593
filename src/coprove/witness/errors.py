"""What can go wrong while a witness is collected."""

from __future__ import annotations

from coprove.errors import Critical, InputError, Reset, Temporary

__all__ = [
    "ChainReorgError",
    "ExecutionMismatchError",
    "RangeNotSafeError",
    "RecordingError",
    "WitnessIncompleteError",
    "WorkerLostError",
]


class RecordingError(InputError):
    """A recording's or block file's content is not what its format says."""


class ChainReorgError(Reset):
    """The L1 or L2 chain changed while its blocks were read: collect again."""


class ExecutionMismatchError(Critical):
    """A block that the L2 node serves does not execute to its own hash or output root."""


class RangeNotSafeError(Temporary):
    """The claimed block is not yet derivable from the L1 blocks that are there."""


class WitnessIncompleteError(InputError):
    """The server gives no proof of a node that execution needs."""


class WorkerLostError(Temporary):
    """Workers ended under a task again and again, or their cluster is out of reach."""
