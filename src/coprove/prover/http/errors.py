"""What is wrong with a request, or with the moment at which it came."""

from __future__ import annotations

from coprove.errors import Critical, InputError, Temporary

__all__ = [
    "BodyTooLargeError",
    "ContentTypeError",
    "MalformedBodyError",
    "QueueFullError",
    "RequestFieldError",
    "ServerStoppingError",
    "UploadStalledError",
]


class MalformedBodyError(InputError):
    """A request's body is no JSON in UTF-8, or nests too deep."""


class RequestFieldError(InputError):
    """A request's body is JSON, but a member of it is missing or is not what it must be."""


class ContentTypeError(Critical):
    """A body was sent as something else than application/json."""


class BodyTooLargeError(Critical):
    """A body, or a member of it, is longer than the server takes."""

    def __init__(self, what: str, limit: int) -> None:
        """`limit` is in bytes."""
        super().__init__(f"{what} is longer than {limit} bytes")
        self.limit = limit


class QueueFullError(Temporary):
    """As many jobs wait as the server takes."""


class ServerStoppingError(Temporary):
    """The server is about to end; what it accepted goes on when it is back."""


class UploadStalledError(Temporary):
    """The client stopped sending its body."""
