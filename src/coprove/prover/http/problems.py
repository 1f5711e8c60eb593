"""Errors as HTTP answers: problem details (RFC 9457)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from coprove.errors import CoproveError, InputError, Reset, Temporary
from coprove.prover.http.errors import (
    BodyTooLargeError,
    ContentTypeError,
    MalformedBodyError,
    QueueFullError,
    RequestFieldError,
    ServerStoppingError,
    UploadStalledError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COMMON_PROBLEMS", "INTERNAL", "Kind", "Problems", "problem"]

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem."""

    slug: str
    """Last part of its type URI, `urn:coprove:problem:…`."""
    status: int
    """HTTP status."""
    title: str
    """The same for every occurrence."""
    retry_after: float | None = None
    """Seconds after which trying again makes sense."""


COMMON_PROBLEMS: Final[dict[type[Exception], Kind]] = {
    MalformedBodyError: Kind("malformed-body", 400, "The body is not JSON"),
    RequestFieldError: Kind("invalid-field", 422, "A member of the body is not what it must be"),
    ContentTypeError: Kind("content-type", 415, "The body must be application/json"),
    BodyTooLargeError: Kind("body-too-large", 413, "The body is too large"),
    UploadStalledError: Kind("upload-stalled", 408, "The body did not come to its end"),
    QueueFullError: Kind("queue-full", 503, "Too many jobs are open", 30),
    ServerStoppingError: Kind("stopping", 503, "The server stops", 10),
    InputError: Kind("invalid-input", 422, "What was asked for cannot be"),
    Temporary: Kind("try-again", 503, "It did not work now", 10),
    Reset: Kind("chain-changed", 503, "The chain changed meanwhile", 10),
    CoproveError: Kind("failed", 500, "It failed"),
}
"""What every service answers alike, unless it says otherwise."""
INTERNAL: Final = Kind("internal", 500, "A defect of the server")


class Problems:
    """A service's table of problems."""

    def __init__(self, kinds: Mapping[type[Exception], Kind]) -> None:
        """The most special class that fits an error decides."""
        self.kinds = kinds

    def kind_of(self, error: Exception) -> Kind:
        """Return the kind of problem that an error is."""
        for base in type(error).__mro__:
            if base in self.kinds:
                return self.kinds[base]
        return INTERNAL

    def answer(self, error: Exception) -> Response:
        """Return an error as problem details; a defect's text stays here."""
        kind = self.kind_of(error)
        if kind is INTERNAL:
            return problem(kind, "the server's log tells more")
        members: dict[str, object] = {}
        if isinstance(error, InputError):
            members = {"field": error.what, "expected": str(error.expected)[:200]}
        return problem(kind, str(error) or kind.title, **members)


def problem(kind: Kind, detail: str, **members: object) -> Response:
    """Return an answer with problem details and further members."""
    body = {
        "type": f"urn:coprove:problem:{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        **members,
    }
    headers = {}
    if kind.retry_after is not None:
        body["retry_after"] = kind.retry_after
        headers["Retry-After"] = str(math.ceil(kind.retry_after))
    return Response(json.dumps(body), kind.status, headers, MEDIA_TYPE)
