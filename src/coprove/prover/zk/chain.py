"""A chain of backends: what one refuses, fails or has no room for goes to the next."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from typing import TYPE_CHECKING, Final

from coprove.errors import Critical, InputError
from coprove.prover.backend import Execution, Fulfillment, RangeJob
from coprove.prover.errors import (
    AmbiguousSubmissionError,
    BudgetExceededError,
    ProverUnavailableError,
    UnknownProofError,
)
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from coprove.prover.backend import AggregationJob, IntentLog, ProofStatus, ProverBackend

__all__ = ["BackendChain", "outer_key"]

_SEPARATOR: Final = b":"
_DIGEST: Final = 16
_log = get_logger(part="backend chain")


class BackendChain:
    """Tries backends in order; an identifier names the backend that has the request.

    Three things move a job on: a refusal, unavailability for longer than `patience`, and a proof
    that failed though the program could be executed, for then a new request of the same work skips
    that backend. A request that may have been accepted never moves: it is found out first.
    """

    def __init__(
        self,
        backends: Sequence[ProverBackend],
        folder: Path,
        *,
        patience: float = 600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`folder` remembers which backend failed at what; `patience` in seconds.

        InputError for an empty chain or two backends of one name.
        """
        names = [backend.name for backend in backends]
        if not names or len(set(names)) != len(names) or any(":" in name for name in names):
            raise InputError("backends", expected="one or more, each with its name", actual=names)
        folder.mkdir(parents=True, exist_ok=True)
        self._backends = {backend.name: backend for backend in backends}
        self._folder, self._patience, self._clock = folder, patience, clock

    @property
    def name(self) -> str:
        """As in ProverBackend."""
        return "chain"

    @property
    def is_simulated(self) -> bool:
        """As in ProverBackend: whether any of them is."""
        return any(backend.is_simulated for backend in self._backends.values())

    async def submit(self, job: RangeJob | AggregationJob, intents: IntentLog) -> bytes:
        """As in ProverBackend; the last backend's refusal is the chain's."""
        names = await self._order(job, intents)
        for index, name in enumerate(names):
            await intents.note(job.key, {"backend": name})
            try:
                found = await self._try(name, job, intents)
            except Critical as error:
                if index == len(names) - 1:
                    raise
                _log.warning("backend refuses", backend=name, key=job.key, error=error)
                continue
            if found is not None:
                return _identifier(name, job, found)
        raise ProverUnavailableError(f"{job.key}: none of {', '.join(names)} is available")

    async def find(self, key: str, intents: IntentLog) -> bytes | None:
        """As in ProverBackend."""
        known = await intents.read(key)
        if "backend" not in known:
            return None
        name = str(known["backend"])
        found = await self._named(name).find(_inner_key(key, name), intents)
        if found is None:
            return None
        digest = bytes.fromhex(str(known.get("work", "")))
        return name.encode() + _SEPARATOR + digest + found

    async def status(self, proof_id: bytes) -> ProofStatus:
        """As in ProverBackend; a failure is remembered against its backend."""
        name, digest, inner = self._parse(proof_id)
        status = await self._named(name).status(inner)
        if (
            status.fulfillment.is_final
            and status.fulfillment is not Fulfillment.FULFILLED
            and status.execution is not Execution.UNEXECUTABLE
        ):
            self._failure_path(digest, name).touch()
        return status

    async def proof(self, proof_id: bytes) -> bytes:
        """As in ProverBackend."""
        name, _, inner = self._parse(proof_id)
        return await self._named(name).proof(inner)

    async def cancel(self, proof_id: bytes) -> None:
        """As in ProverBackend."""
        name, _, inner = self._parse(proof_id)
        await self._named(name).cancel(inner)

    async def close(self) -> None:
        """As in ProverBackend."""
        for backend in self._backends.values():
            await backend.close()

    async def _order(self, job: RangeJob | AggregationJob, intents: IntentLog) -> list[str]:
        """Return the names to try: from where the key stands, without those that failed at it."""
        known = await intents.read(job.key)
        names = list(self._backends)
        digest = _work(job)
        if "backend" in known:
            self._named(str(known["backend"]))
            return names[names.index(str(known["backend"])) :]
        await intents.note(job.key, {"work": digest.hex()})
        # When every one has failed at it, all have another chance.
        return [name for name in names if not self._failure_path(digest, name).exists()] or names

    async def _try(
        self, name: str, job: RangeJob | AggregationJob, intents: IntentLog
    ) -> bytes | None:
        """Return a backend's identifier; None when it has been unavailable for too long."""
        backend = self._named(name)
        inner = dataclasses.replace(job, key=_inner_key(job.key, name))
        try:
            return await backend.submit(inner, intents)
        except (AmbiguousSubmissionError, BudgetExceededError):
            raise
        except ProverUnavailableError as error:
            since = (await intents.read(job.key)).get(f"unavailable {name}")
            if since is None:
                await intents.note(job.key, {f"unavailable {name}": int(self._clock())})
                raise
            if self._clock() - float(since) < self._patience:
                raise
            # Only what is certainly not requested here may be requested elsewhere.
            found = await backend.find(inner.key, intents)
            if found is None:
                _log.warning("backend is unavailable", backend=name, key=job.key, error=error)
            return found

    def _named(self, name: str) -> ProverBackend:
        backend = self._backends.get(name)
        if backend is None:
            raise UnknownProofError(f"no backend {name!r} in the chain")
        return backend

    def _parse(self, proof_id: bytes) -> tuple[str, bytes, bytes]:
        name, separator, rest = proof_id.partition(_SEPARATOR)
        if not separator or len(rest) <= _DIGEST or not name.isascii():
            raise UnknownProofError(f"not an identifier of this chain: {proof_id[:80].hex()}")
        return name.decode(), rest[:_DIGEST], rest[_DIGEST:]

    def _failure_path(self, digest: bytes, name: str) -> Path:
        return self._folder / f"{digest.hex()}-{name}.failed"


def _identifier(name: str, job: RangeJob | AggregationJob, inner: bytes) -> bytes:
    return name.encode() + _SEPARATOR + _work(job) + inner


def outer_key(key: str, name: str) -> str:
    """Return the chain's key of a job that it asks the backend called `name` for, under `key`."""
    return key.removesuffix(f"@{name}")


def _inner_key(key: str, name: str) -> str:
    return f"{key}@{name}"


def _work(job: RangeJob | AggregationJob) -> bytes:
    """Return what tells one piece of work from another, whatever key it is requested under."""
    claims = (job.boot_info,) if isinstance(job, RangeJob) else job.given.boot_infos
    kind = b"range" if isinstance(job, RangeJob) else b"aggregation"
    return hashlib.sha256(kind + b"".join(claim.encode() for claim in claims)).digest()[:_DIGEST]
