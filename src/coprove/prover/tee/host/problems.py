"""The TEE prover's errors as HTTP answers."""

from __future__ import annotations

from typing import Final

from coprove.program import ClaimMismatchError, L1DataExhaustedError, ProgramInputError
from coprove.prover.http.errors import ContentTypeError
from coprove.prover.http.problems import COMMON_PROBLEMS, Kind, Problems
from coprove.prover.tee.enclave import (
    EvidenceRequestError,
    QuoteMismatchError,
    QuoteUnavailableError,
    RunStoppedError,
    SimulatedEnclaveError,
    WitnessDigestError,
)
from coprove.prover.tee.host.errors import (
    MemoryFullError,
    TooManyTasksError,
    UnknownTaskError,
    UnknownWitnessError,
    WitnessTooLargeError,
)

__all__ = ["PROBLEMS", "TEE_PROBLEMS"]

PROBLEMS: Final[dict[type[Exception], Kind]] = {
    **COMMON_PROBLEMS,
    ContentTypeError: Kind("content-type", 415, "The body is not of the type that is taken"),
    TooManyTasksError: Kind("too-many-tasks", 429, "As many tasks wait as are taken", 5),
    MemoryFullError: Kind("memory-full", 429, "Witnesses take all memory that they may", 5),
    WitnessTooLargeError: Kind("witness-too-large", 413, "The witness is too large"),
    UnknownWitnessError: Kind("unknown-witness", 404, "The witness is not here"),
    UnknownTaskError: Kind("unknown-proof", 404, "There is no such proof"),
    WitnessDigestError: Kind("witness-digest", 422, "The witness is not the one that was named"),
    ProgramInputError: Kind("invalid-witness", 422, "The witness does not hold together"),
    ClaimMismatchError: Kind("claim-mismatch", 422, "The range ends in another output root"),
    L1DataExhaustedError: Kind("l1-exhausted", 422, "The L1 data end before the range does"),
    EvidenceRequestError: Kind("evidence-refused", 422, "Such evidence is never given"),
    SimulatedEnclaveError: Kind("simulated", 403, "The enclave is simulated"),
    QuoteUnavailableError: Kind("quote-unavailable", 503, "The platform does not quote", 10),
    QuoteMismatchError: Kind("quote-mismatch", 502, "The platform quotes something else"),
    RunStoppedError: Kind("stopped", 503, "The run was stopped", 10),
}
"""The most special class that fits decides."""
TEE_PROBLEMS: Final = Problems(PROBLEMS)
