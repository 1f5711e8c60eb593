"""What can go wrong in the aggregator's core, by reaction."""

from __future__ import annotations

from coprove.errors import Critical, InputError, Reset, Temporary

__all__ = [
    "AggregateError",
    "ConfirmationLostError",
    "ConfirmationRevertedError",
    "NotCoveredError",
    "ReferenceBlockLostError",
    "UnknownCommitteeError",
    "UnknownSignerError",
]


class UnknownCommitteeError(InputError):
    """A committee of which nobody said which rollup it is asked about."""


class AggregateError(Critical):
    """An aggregate of verified signatures does not verify: the operator set is not the chain's."""


class NotCoveredError(Temporary):
    """No state of a task is signed by enough stake whose provers are live now."""


class ReferenceBlockLostError(Reset):
    """A task's reference block left the chain: what was signed cannot be confirmed any more."""


class ConfirmationRevertedError(Temporary):
    """The contract would not, or did not, take a confirmation: another one is made later.

    `error` is the contract's error by name, as far as it is known.
    """

    def __init__(self, task: int, *, error: str) -> None:
        """Name the task and the contract's error."""
        super().__init__(f"task {task} was not confirmed: {error}")
        self.task = task
        self.error = error


class ConfirmationLostError(Reset):
    """A task that was confirmed is not any more: its block left the chain."""


class UnknownSignerError(Temporary):
    """The registry does not know, or not any more, whose an operator id is."""
