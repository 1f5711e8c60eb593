"""The proof server's errors as HTTP answers: problem details, plain text on the early routes."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from coprove.prover.errors import (
    ProofNotReadyError,
    ProverUnavailableError,
    UnknownProofError,
)
from coprove.prover.http.problems import COMMON_PROBLEMS, INTERNAL, Kind, Problems
from coprove.prover.server.errors import (
    BackendMissingError,
    BodyTooLargeError,
    ContentTypeError,
    DiskFullError,
    JobConflictError,
    JobGoneError,
    MalformedBodyError,
    RequestFieldError,
    UnknownJobError,
)

__all__ = ["PROBLEMS", "SERVER_PROBLEMS", "text_of"]

PROBLEMS: Final[dict[type[Exception], Kind]] = {
    **COMMON_PROBLEMS,
    BackendMissingError: Kind("no-backend", 501, "The server has no such backend"),
    UnknownJobError: Kind("unknown-job", 404, "There is no such job"),
    JobConflictError: Kind("conflict", 409, "The job or its key forbids it"),
    JobGoneError: Kind("no-proof", 410, "There will be no proof of this job"),
    ProofNotReadyError: Kind("proof-not-ready", 409, "The proof is not there yet", 5),
    UnknownProofError: Kind("unknown-proof", 404, "The backend has no such proof"),
    DiskFullError: Kind("disk-full", 507, "The disk is full", 60),
    ProverUnavailableError: Kind("prover-unavailable", 503, "The backend does not answer", 10),
    TimeoutError: Kind("timeout", 504, "The backend did not answer in time", 10),
}
"""The most special class that fits decides."""
SERVER_PROBLEMS: Final = Problems(PROBLEMS)


def text_of(error: Exception) -> Response:
    """Return an error as op-succinct's server does: text, 500 unless the body itself is wrong."""
    kind = SERVER_PROBLEMS.kind_of(error)
    of_body = (MalformedBodyError, RequestFieldError, ContentTypeError, BodyTooLargeError)
    status = kind.status if isinstance(error, of_body) else 500
    detail = "internal error" if kind is INTERNAL else str(error) or kind.title
    return Response(detail, status, media_type="text/plain")
