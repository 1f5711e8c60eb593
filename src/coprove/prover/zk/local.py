"""What the backends have in common that run the programs on this machine."""

from __future__ import annotations

import asyncio
import hashlib
import time
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Final

from coprove.errors import CoproveError
from coprove.program import run_aggregation
from coprove.prover.backend import (
    AggregationJob,
    Execution,
    Fulfillment,
    ProofCost,
    ProofStatus,
    RangeJob,
)
from coprove.prover.errors import (
    ProgramRunError,
    ProofNotReadyError,
    UnknownProofError,
    WorkerDiedError,
)
from coprove.prover.zk.cycles import estimate_cycles
from coprove.prover.zk.local_jobs import JobFolder, LocalJob, Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.prover.backend import IntentLog
    from coprove.prover.pool import RangePool
    from coprove.types import AggregationOutputs, BootInfo

__all__ = ["LocalBackend"]

_TRIES: Final = 2
"""Runs of a range whose worker dies, out of memory most likely, before it counts as too big."""


class LocalBackend(ABC):
    """Runs the programs natively, one task a job, and remembers all in a folder.

    Nothing here costs money, so the intent log is not needed: a job's identifier follows from its
    key, and a job that was under way when the process ended is run again when it is asked for.
    """

    def __init__(self, folder: Path, pool: RangePool) -> None:
        """Keep jobs and proofs in `folder`; the pool stays its owner's to close."""
        self._jobs = JobFolder(folder)
        self._pool = pool
        self._tasks: dict[bytes, asyncio.Task[None]] = {}

    @property
    @abstractmethod
    def name(self) -> str:
        """As in ProverBackend."""

    @property
    @abstractmethod
    def is_simulated(self) -> bool:
        """As in ProverBackend."""

    @abstractmethod
    def _range_end(self, boot_info: BootInfo, cost: ProofCost) -> tuple[Outcome, bytes | None]:
        """Return the end of a range that ran, and its proof."""

    @abstractmethod
    def _aggregation_end(
        self, outputs: AggregationOutputs, cost: ProofCost
    ) -> tuple[Outcome, bytes | None]:
        """Return the end of an aggregation that ran, and its proof."""

    async def submit(self, job: RangeJob | AggregationJob, intents: IntentLog) -> bytes:  # noqa: ARG002
        """As in ProverBackend; the same key is the same job."""
        proof_id = self._id(job.key)
        self._jobs.add(proof_id, LocalJob.of(job))
        self._ensure_running(proof_id)
        return proof_id

    async def find(self, key: str, intents: IntentLog) -> bytes | None:  # noqa: ARG002
        """As in ProverBackend."""
        proof_id = self._id(key)
        return None if self._jobs.job(proof_id) is None else proof_id

    async def status(self, proof_id: bytes) -> ProofStatus:
        """As in ProverBackend."""
        outcome = self._jobs.outcome(proof_id)
        if outcome is not None:
            return ProofStatus(
                fulfillment=outcome.fulfillment,
                execution=outcome.execution,
                cost=outcome.cost,
                reason=outcome.reason,
            )
        self._ensure_running(proof_id)
        return ProofStatus(fulfillment=Fulfillment.ASSIGNED, execution=Execution.UNEXECUTED)

    async def proof(self, proof_id: bytes) -> bytes:
        """As in ProverBackend."""
        proof = self._jobs.proof(proof_id)
        if proof is not None:
            return proof
        state = await self.status(proof_id)
        raise ProofNotReadyError(f"{self.name} proof is {state.fulfillment.name.lower()}")

    async def cancel(self, proof_id: bytes) -> None:
        """As in ProverBackend; a worker that runs already finishes, its answer is not used."""
        if self._jobs.job(proof_id) is None:
            raise UnknownProofError(f"{self.name} has no proof {proof_id.hex()}")
        self._jobs.finish(proof_id, _failed(Execution.UNEXECUTED, "cancelled"), None)
        if task := self._tasks.get(proof_id):
            task.cancel()

    async def close(self) -> None:
        """As in ProverBackend; what is under way is run again by the next process."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _id(self, key: str) -> bytes:
        return hashlib.sha256(f"coprove {self.name} {key}".encode()).digest()

    def _ensure_running(self, proof_id: bytes) -> None:
        if proof_id in self._tasks or self._jobs.outcome(proof_id) is not None:
            return
        job = self._jobs.job(proof_id)
        if job is None:
            raise UnknownProofError(f"{self.name} has no proof {proof_id.hex()}")
        task = asyncio.create_task(self._run(proof_id, job), name=f"{self.name} {job.key}")
        self._tasks[proof_id] = task
        task.add_done_callback(partial(self._forget, proof_id))

    def _forget(self, proof_id: bytes, task: asyncio.Task[None]) -> None:
        self._tasks.pop(proof_id, None)
        if not task.cancelled():
            task.exception()  # seen here; the next status runs the job again

    async def _run(self, proof_id: bytes, job: LocalJob) -> None:
        outcome, proof = await self._end_of(job)
        self._jobs.finish(proof_id, outcome, proof)

    async def _end_of(self, job: LocalJob) -> tuple[Outcome, bytes | None]:
        try:
            if job.aggregation is not None:
                began = time.perf_counter()
                outputs = await asyncio.to_thread(run_aggregation, job.aggregation)
                return self._aggregation_end(
                    outputs, ProofCost(seconds=time.perf_counter() - began)
                )
            return await self._end_of_range(job)
        except CoproveError as error:
            return _failed(Execution.UNEXECUTABLE, str(error)), None
        except OSError as error:
            return _failed(Execution.UNEXECUTED, f"input is not readable: {error}"), None

    async def _end_of_range(self, job: LocalJob) -> tuple[Outcome, bytes | None]:
        if job.input_path is None or job.boot_info is None:
            raise ProgramRunError("the stored job is neither a range nor an aggregation")
        for attempt in range(1, _TRIES + 1):
            try:
                report = await self._pool.report(job.input_path)
                break
            except WorkerDiedError as error:
                if attempt == _TRIES:
                    raise ProgramRunError(f"the worker died {_TRIES} times: {error}") from error
        if report.boot_info != job.boot_info:
            raise ProgramRunError(f"the claim is {job.boot_info}, the run says {report.boot_info}")
        cost = ProofCost(
            cycles=estimate_cycles(report.transactions, report.gas),
            gas=report.gas,
            seconds=report.seconds,
        )
        return self._range_end(report.boot_info, cost)


def _failed(execution: Execution, reason: str) -> Outcome:
    return Outcome(
        fulfillment=Fulfillment.UNFULFILLABLE, execution=execution, cost=None, reason=reason
    )
