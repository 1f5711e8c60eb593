"""From what a client asks for to a job, the same for both APIs."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from coprove.prover.backend import ProofKind
from coprove.prover.server.errors import BackendMissingError, RequestFieldError
from coprove.prover.server.records import JobState, NewJob, key_of_client
from coprove.types import BlockRange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from coprove.prover.server.engine import Engine
    from coprove.prover.server.records import Job
    from coprove.types import Hash32

__all__ = ["aggregation_request", "client_key", "digests_of_jobs", "range_request"]

_LAST_BLOCK = 2**63
_AGGREGATION_PRIORITY = 1


def range_request(
    engine: Engine, start: int, end: int, *, backend: str = "real", priority: int = 0
) -> NewJob:
    """Return a request for the range after block `start` up to `end`; RequestFieldError else."""
    most = engine.options.max_range_blocks
    if not start < end < _LAST_BLOCK or end - start > most:
        raise RequestFieldError(
            "end", expected=f"1 to {most} blocks after start {start}", actual=end
        )
    _check_backend(engine, backend)
    return NewJob(
        kind=ProofKind.RANGE,
        fingerprint=_digest(b"range", backend.encode(), f"{start}-{end}".encode()),
        backend=backend,
        blocks=BlockRange(start=start, end=end),
        priority=priority,
    )


def aggregation_request(
    engine: Engine,
    subproofs: tuple[bytes, ...],
    checkpoint: Hash32,
    *,
    backend: str = "real",
    priority: int = _AGGREGATION_PRIORITY,
) -> NewJob:
    """Return a request to aggregate stored subproofs, named by their SHA-256."""
    if not subproofs:
        raise RequestFieldError("subproofs", expected="at least one", actual="none")
    _check_backend(engine, backend)
    return NewJob(
        kind=ProofKind.AGGREGATION,
        fingerprint=_digest(b"aggregation", backend.encode(), bytes(checkpoint), *subproofs),
        backend=backend,
        checkpoint=checkpoint,
        subproofs=subproofs,
        priority=priority,
    )


def client_key(request: Request) -> str | None:
    """Return the job key of a client's own idempotency key, if it sent one."""
    sent = request.headers.get("idempotency-key", "")
    if not sent:
        return None
    if len(sent) > 255 or not sent.isprintable():
        raise RequestFieldError(
            "Idempotency-Key", expected="1 to 255 printable characters", actual=sent
        )
    return key_of_client(sent)


async def digests_of_jobs(engine: Engine, jobs: Sequence[Job]) -> tuple[bytes, ...]:
    """Store the proofs of fulfilled ranges as subproofs; return their SHA-256."""
    return tuple([await asyncio.to_thread(_stored, engine, job) for job in jobs])


def _stored(engine: Engine, job: Job) -> bytes:
    if job.request.kind is not ProofKind.RANGE or job.state is not JobState.FULFILLED:
        raise RequestFieldError(
            "ranges", expected="fulfilled ranges", actual=f"{job.id}: {job.state.value}"
        )
    proof = engine.files.proof(job.id).read_bytes()
    digest = hashlib.sha256(proof).digest()
    if not engine.files.subproof(digest).exists():
        engine.files.write(engine.files.subproof(digest), proof)
    return digest


def _check_backend(engine: Engine, backend: str) -> None:
    if backend not in engine.backends:
        raise BackendMissingError(f"this server has no {backend} backend")


def _digest(*parts: bytes) -> str:
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(len(part).to_bytes(8, "big") + part)
    return hasher.hexdigest()
