"""Errors of the proof server."""

from __future__ import annotations

from coprove.errors import Critical, InputError, Temporary

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


class MalformedBodyError(InputError):
    """A request's body is no JSON in UTF-8, or nests too deep."""


class RequestFieldError(InputError):
    """A request's body is JSON, but a member of it is missing or is not what it must be."""


class SubproofError(InputError):
    """A subproof of an aggregation does not tell which range it proves."""


class BackendMissingError(Critical):
    """The server was set up without the backend that a request needs."""


class ContentTypeError(Critical):
    """A body was sent as something else than application/json."""


class BodyTooLargeError(Critical):
    """A body, or a member of it, is longer than the server takes."""

    def __init__(self, what: str, limit: int) -> None:
        """`limit` is in bytes."""
        super().__init__(f"{what} is longer than {limit} bytes")
        self.limit = limit


class UnknownJobError(Critical):
    """There is no such job."""


class JobConflictError(Critical):
    """The idempotency key belongs to another request, or the job is final already."""


class JobGoneError(Critical):
    """The job failed or was cancelled: there will be no proof of it."""


class DataFolderInUseError(Critical):
    """Another server works in the data folder: two would request each proof twice."""


class QueueFullError(Temporary):
    """As many jobs wait as the server takes."""


class ServerStoppingError(Temporary):
    """The server is about to end; what it accepted goes on when it is back."""


class DiskFullError(Temporary):
    """The disk has no room for the body and the reserve."""


class UploadStalledError(Temporary):
    """The client stopped sending its body."""


class WitnessTimeoutError(Temporary):
    """The input of a range was not collected within the time for it."""
