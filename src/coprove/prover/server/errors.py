"""Errors of the proof server."""

from __future__ import annotations

from coprove.errors import Critical, InputError, Temporary
from coprove.prover.http.errors import (
    BodyTooLargeError,
    ContentTypeError,
    MalformedBodyError,
    QueueFullError,
    RequestFieldError,
    ServerStoppingError,
    UploadStalledError,
)

__all__ = [
    "BackendMissingError",
    "BodyTooLargeError",
    "ContentTypeError",
    "DataFolderInUseError",
    "DiskFullError",
    "JobConflictError",
    "JobGoneError",
    "MalformedBodyError",
    "QueueFullError",
    "RequestFieldError",
    "ServerStoppingError",
    "SubproofError",
    "UnknownJobError",
    "UploadStalledError",
    "WitnessTimeoutError",
]


class SubproofError(InputError):
    """A subproof of an aggregation does not tell which range it proves."""


class BackendMissingError(Critical):
    """The server was set up without the backend that a request needs."""


class UnknownJobError(Critical):
    """There is no such job."""


class JobConflictError(Critical):
    """The idempotency key belongs to another request, or the job is final already."""


class JobGoneError(Critical):
    """The job failed or was cancelled: there will be no proof of it."""


class DataFolderInUseError(Critical):
    """Another server works in the data folder: two would request each proof twice."""


class DiskFullError(Temporary):
    """The disk has no room for the body and the reserve."""


class WitnessTimeoutError(Temporary):
    """The input of a range was not collected within the time for it."""
