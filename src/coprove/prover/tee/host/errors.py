"""Errors of the service around the enclave."""

from __future__ import annotations

from coprove.errors import Critical, InputError, Temporary

__all__ = [
    "BatchError",
    "ContextError",
    "MemoryFullError",
    "MethodMissingError",
    "NoWitnessSourceError",
    "ParamsError",
    "ProvingRefusedError",
    "TooManyTasksError",
    "UnknownTaskError",
    "UnknownWitnessError",
    "UnsupportedTaskError",
    "WitnessTooLargeError",
]


class TooManyTasksError(Temporary):
    """As many tasks run and wait as the prover takes."""


class MemoryFullError(Temporary):
    """Witnesses under way and kept leave no room for another one."""


class WitnessTooLargeError(Critical):
    """A witness is longer than the prover takes."""


class UnknownWitnessError(Critical):
    """The prover does not hold this witness, or no longer."""


class UnknownTaskError(Critical):
    """There was no such proof, or it was forgotten."""


class BatchError(InputError):
    """What a request says of its range is not what its witness proves."""


class UnsupportedTaskError(InputError):
    """A kind of task of the public prover that this one does not do."""


class NoWitnessSourceError(Critical):
    """The prover was set up without nodes to collect witnesses from."""


class ContextError(Temporary):
    """The witness of a range could not be collected now."""


class MethodMissingError(Critical):
    """There is no such JSON-RPC method."""


class ParamsError(InputError):
    """Parameters of a JSON-RPC call are not what they must be."""


class ProvingRefusedError(Critical):
    """The enclave executed, or began to execute, a witness and signs nothing of it."""
