"""What can go wrong for an operator."""

from __future__ import annotations

from coprove.errors import Critical, InputError, Temporary

__all__ = [
    "AggregatorAnswerError",
    "AggregatorUnreachableError",
    "AnotherStateError",
    "NotSignedError",
    "ProtectionError",
    "ProtectionInUseError",
    "ProverBindingError",
    "RootAlarmError",
    "TaskMismatchError",
    "TaskNotReadyError",
]


class ProtectionError(InputError):
    """A slashing-protection database or its export is another operator's, or is damaged."""


class ProtectionInUseError(Critical):
    """Another process holds the slashing-protection database: two could sign two states."""


class AnotherStateError(Critical):
    """Another state was signed for the task; this one never will be.

    `task_key`, `signed` (hash of the state that was) and `asked` (hash of the one that is not).
    """

    def __init__(self, task_key: object, *, signed: object, asked: object) -> None:
        """Name the task and the hashes of both states."""
        super().__init__(f"task {task_key}: state {signed} was signed, {asked} will not be")
        self.task_key, self.signed, self.asked = task_key, signed, asked


class TaskMismatchError(InputError):
    """A task is not what the operator's own chain says: it is not worked on."""


class TaskNotReadyError(Temporary):
    """The operator's own nodes do not have yet what a task refers to."""


class ProverBindingError(InputError):
    """A proof is not signed by the prover that is registered for this operator."""


class RootAlarmError(Critical):
    """Prover and rollup node disagree about an output root: one of them is wrong.

    `block`, `expected` (the node's root) and `actual` (the prover's).
    """

    def __init__(self, *, block: int, expected: object, actual: object) -> None:
        """Name the block and both roots."""
        super().__init__(f"output {block}: the rollup node has {expected}, the prover {actual}")
        self.block, self.expected, self.actual = block, expected, actual


class NotSignedError(Critical):
    """A task ended without this operator's signature; the cause says why."""


class AggregatorUnreachableError(Temporary):
    """The aggregator does not answer, or has no room now."""


class AggregatorAnswerError(InputError):
    """An aggregator's answer has another shape than its interface."""
