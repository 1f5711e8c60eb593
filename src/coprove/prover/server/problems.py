"""Errors as HTTP answers: problem details (RFC 9457) in our API, plain text on the early routes."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from coprove.errors import CoproveError, InputError, Reset, Temporary
from coprove.prover.errors import (
    ProofNotReadyError,
    ProverUnavailableError,
    UnknownProofError,
)
from coprove.prover.server.errors import (
    BackendMissingError,
    BodyTooLargeError,
    ContentTypeError,
    DiskFullError,
    JobConflictError,
    JobGoneError,
    MalformedBodyError,
    QueueFullError,
    RequestFieldError,
    ServerStoppingError,
    UnknownJobError,
    UploadStalledError,
)

__all__ = ["PROBLEMS", "Kind", "kind_of", "problem", "problem_of", "text_of"]

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


PROBLEMS: Final[dict[type[Exception], Kind]] = {
    MalformedBodyError: Kind("malformed-body", 400, "The body is not JSON"),
    RequestFieldError: Kind("invalid-field", 422, "A member of the body is not what it must be"),
    ContentTypeError: Kind("content-type", 415, "The body must be application/json"),
    BodyTooLargeError: Kind("body-too-large", 413, "The body is too large"),
    UploadStalledError: Kind("upload-stalled", 408, "The body did not come to its end"),
    BackendMissingError: Kind("no-backend", 501, "The server has no such backend"),
    UnknownJobError: Kind("unknown-job", 404, "There is no such job"),
    JobConflictError: Kind("conflict", 409, "The job or its key forbids it"),
    JobGoneError: Kind("no-proof", 410, "There will be no proof of this job"),
    ProofNotReadyError: Kind("proof-not-ready", 409, "The proof is not there yet", 5),
    UnknownProofError: Kind("unknown-proof", 404, "The backend has no such proof"),
    QueueFullError: Kind("queue-full", 503, "Too many jobs are open", 30),
    ServerStoppingError: Kind("stopping", 503, "The server stops", 10),
    DiskFullError: Kind("disk-full", 507, "The disk is full", 60),
    ProverUnavailableError: Kind("prover-unavailable", 503, "The backend does not answer", 10),
    TimeoutError: Kind("timeout", 504, "The backend did not answer in time", 10),
    InputError: Kind("invalid-input", 422, "What was asked for cannot be"),
    Temporary: Kind("try-again", 503, "It did not work now", 10),
    Reset: Kind("chain-changed", 503, "The chain changed meanwhile", 10),
    CoproveError: Kind("failed", 500, "It failed"),
}
"""The most special class that fits decides."""
INTERNAL: Final = Kind("internal", 500, "A defect of the server")


def kind_of(error: Exception) -> Kind:
    """Return the kind of problem that an error is."""
    for base in type(error).__mro__:
        if base in PROBLEMS:
            return PROBLEMS[base]
    return INTERNAL


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


def problem_of(error: Exception) -> Response:
    """Return an error as problem details; a defect's text stays here."""
    kind = kind_of(error)
    if kind is INTERNAL:
        return problem(kind, "the server's log tells more")
    members: dict[str, object] = {}
    if isinstance(error, InputError):
        members = {"field": error.what, "expected": str(error.expected)[:200]}
    return problem(kind, str(error) or kind.title, **members)


def text_of(error: Exception) -> Response:
    """Return an error as op-succinct's server does: text, 500 unless the body itself is wrong."""
    kind = kind_of(error)
    of_body = (MalformedBodyError, RequestFieldError, ContentTypeError, BodyTooLargeError)
    status = kind.status if isinstance(error, of_body) else 500
    detail = "internal error" if kind is INTERNAL else str(error) or kind.title
    return Response(detail, status, media_type="text/plain")
