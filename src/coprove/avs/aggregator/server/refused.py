"""Errors as both APIs tell them: one list of refusals, and what else can happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coprove.avs.tasks import REFUSALS, Refusal, RefusedError, refusal_text
from coprove.errors import Reset, Temporary
from coprove.prover.http import COMMON_PROBLEMS, Kind, Problems, problem

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["AGGREGATOR_PROBLEMS", "RETRY_AFTER", "as_refusal", "refusal_problem"]

RETRY_AFTER: Final = 2
"""Seconds after which what was refused for now may be tried again."""


def as_refusal(error: Exception) -> RefusedError | None:
    """Return an error as a refusal; None for one that is a defect.

    What is wrong with L1 or the database for a while is nothing that a client can mend: it is told
    to come back, and the log tells the rest.
    """
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, Temporary | Reset):
        return RefusedError(Refusal.BUSY, expected="a later time", actual="now")
    return None


def refusal_problem(error: RefusedError) -> Response:
    """Return a refusal as problem details."""
    answer = REFUSALS[error.refusal]
    kind = Kind(
        error.refusal.value, answer.status, answer.text, RETRY_AFTER if answer.retry else None
    )
    response = problem(kind, refusal_text(error), code=answer.code)
    if error.refusal is Refusal.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="coprove"'
    return response


class _AggregatorProblems(Problems):
    def answer(self, error: Exception) -> Response:
        refused = as_refusal(error)
        return super().answer(error) if refused is None else refusal_problem(refused)


_KINDS: Final[dict[type[Exception], Any]] = {**COMMON_PROBLEMS}
AGGREGATOR_PROBLEMS: Final = _AggregatorProblems(_KINDS)
"""Refusals by their list, all else as every service answers."""
