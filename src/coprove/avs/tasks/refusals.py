"""Why an aggregator does not take something: one list for both ends of the wire."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from coprove.errors import InputError

__all__ = ["REFUSALS", "Answer", "Refusal", "RefusedError", "read_refusal", "refusal_text"]


class Refusal(StrEnum):
    """Stable names; what they are on the wire stands in `REFUSALS`."""

    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    UNKNOWN_TASK = "unknown-task"
    EXPIRED = "expired"
    COMPLETED = "completed"
    NOT_REGISTERED = "not-registered"
    NOT_IN_QUORUM = "not-in-quorum"
    DUPLICATE = "duplicate"
    EQUIVOCATION = "equivocation"
    PROVER_SIGNATURE = "prover-signature"
    PROVER_NOT_LIVE = "prover-not-live"
    SIGNATURE = "signature"
    UNAUTHORIZED = "unauthorized"
    RATE_LIMITED = "rate-limited"
    BUSY = "busy"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a refusal looks on the wire."""

    status: int
    """HTTP status of the typed API."""
    code: int
    """JSON-RPC error code."""
    text: str
    """For people; where older operators know a text, that one."""
    retry: bool = False
    """Whether the same submission may be taken later."""


REFUSALS: Final[dict[Refusal, Answer]] = {
    Refusal.MALFORMED: Answer(status=422, code=-32602, text="malformed submission"),
    Refusal.TOO_LARGE: Answer(status=413, code=14101, text="submission too large"),
    Refusal.UNKNOWN_TASK: Answer(status=404, code=14102, text="task not initialized"),
    Refusal.EXPIRED: Answer(status=410, code=14103, text="task expired"),
    Refusal.COMPLETED: Answer(status=409, code=14104, text="task already completed"),
    Refusal.NOT_REGISTERED: Answer(status=403, code=14105, text="operatorId not registered"),
    Refusal.NOT_IN_QUORUM: Answer(
        status=403, code=14106, text="operator not part of task's quorum"
    ),
    Refusal.DUPLICATE: Answer(status=409, code=14107, text="already submitted"),
    Refusal.EQUIVOCATION: Answer(
        status=409, code=14108, text="another state was signed for this task"
    ),
    Refusal.PROVER_SIGNATURE: Answer(
        status=403, code=14109, text="the proof is not signed by the operator's prover"
    ),
    Refusal.PROVER_NOT_LIVE: Answer(
        status=403, code=14110, text="prover not registered", retry=True
    ),
    Refusal.SIGNATURE: Answer(status=403, code=14111, text="incorrect signature"),
    Refusal.UNAUTHORIZED: Answer(status=401, code=14112, text="no valid session"),
    Refusal.RATE_LIMITED: Answer(status=429, code=14444, text="rate limited", retry=True),
    Refusal.BUSY: Answer(status=503, code=14113, text="no room now", retry=True),
    Refusal.STOPPING: Answer(status=503, code=14114, text="stopping", retry=True),
}
"""What each refusal is on the wire."""
_EXPECTED: Final = ": expected "
_GOT: Final = ", got "


class RefusedError(InputError):
    """Something that came is not taken; `refusal` says why, the text adds what was expected."""

    def __init__(self, refusal: Refusal, *, expected: object, actual: object) -> None:
        """Name the refusal with the expected and the actual."""
        super().__init__(refusal.value, expected=expected, actual=actual)
        self.refusal = refusal


def refusal_text(error: RefusedError) -> str:
    """Return what a client is told: the text that older operators know, and what was expected."""
    return f"{REFUSALS[error.refusal].text}{_EXPECTED}{error.expected}{_GOT}{error.actual}"[:400]


def read_refusal(refusal: Refusal, text: str) -> RefusedError:
    """Read what `refusal_text` wrote; the text of another aggregator is taken as it is."""
    rest = text.removeprefix(f"{REFUSALS[refusal].text}{_EXPECTED}")
    expected, found, actual = rest.rpartition(_GOT)
    if rest == text or not found:
        expected, actual = "what the aggregator takes", text
    return RefusedError(refusal, expected=expected, actual=actual)
