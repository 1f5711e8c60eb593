"""Works the jobs of a proof server: input, submission, status, proof; through every restart."""

from __future__ import annotations

import asyncio
import hashlib
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

from coprove.errors import CoproveError, Reset, Temporary
from coprove.prover.backend import Fulfillment, ProofKind
from coprove.prover.errors import UnknownProofError
from coprove.prover.server import metrics as names
from coprove.prover.server.cache import WitnessCache
from coprove.prover.server.errors import (
    JobConflictError,
    QueueFullError,
    ServerStoppingError,
    WitnessTimeoutError,
)
from coprove.prover.server.inputs import JobInputs
from coprove.prover.server.records import OPEN, Job, JobState
from coprove.prover.server.slots import Slots
from coprove.prover.server.store import JobIntents
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set
    from pathlib import Path

    from coprove.prover.backend import ProverBackend
    from coprove.prover.server.files import DataFolder
    from coprove.prover.server.options import ServerOptions
    from coprove.prover.server.records import NewJob
    from coprove.prover.server.source import WitnessSource
    from coprove.prover.server.store import JobStore
    from coprove.telemetry import Metrics
    from coprove.types import Address, Hash32

__all__ = ["Engine"]

_LONGEST_PAUSE = 60.0
_BEFORE_SUBMISSION = (JobState.ACCEPTED, JobState.WITNESS)
_log = get_logger(part="jobs")


class Engine:
    """One task for each open job; what a job is lies in the store, never in a task alone."""

    def __init__(
        self,
        *,
        store: JobStore,
        files: DataFolder,
        source: WitnessSource,
        backends: Mapping[str, ProverBackend],
        range_vkey_commitment: Hash32,
        prover_address: Address | None,
        options: ServerOptions,
        metrics: Metrics,
    ) -> None:
        """`backends` holds "real", and "mock" where mock proofs are to be had."""
        self.store, self.files, self.source = store, files, source
        self.backends, self.options = backends, options
        self._metrics = metrics
        self.cache = WitnessCache(
            store=store,
            files=files,
            source=source,
            metrics=metrics,
            limit=options.witness_cache_bytes,
            in_use=self._inputs_in_use,
        )
        self._inputs = JobInputs(
            store=store,
            files=files,
            source=source,
            cache=self.cache,
            range_vkey_commitment=range_vkey_commitment,
            prover_address=prover_address,
            max_range_blocks=options.max_range_blocks,
        )
        self.receiving = 0
        self._intents = JobIntents(store)
        self._witness_slots = Slots(options.max_witness)
        self._proving_slots = Slots(options.max_proving)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._submitting: set[asyncio.Task[None]] = set()
        self._events: dict[str, asyncio.Event] = {}
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._stopping = False

    def start(self) -> None:
        """Take up all open jobs where they were left."""
        for job in self.store.open_jobs():
            if job.state is JobState.WITNESS:
                self.store.move(job.id, JobState.ACCEPTED)
            self._spawn(job.id)

    def begin_stop(self) -> None:
        """Take no more requests and end all waiting."""
        self._stopping = True
        for job_id in list(self._events):
            self._changed(job_id)

    async def stop(self) -> None:
        """End all tasks; submissions under way get `stop_timeout` to end by themselves."""
        self.begin_stop()
        for task in set(self._tasks.values()) - self._submitting:
            task.cancel()
        if self._submitting:
            await asyncio.wait(set(self._submitting), timeout=self.options.stop_timeout)
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def works(self) -> bool:
        """Whether every open job has its task."""
        return not self._stopping and all(job.id in self._tasks for job in self.store.open_jobs())

    async def submit(self, new: NewJob, *, key: str | None = None) -> Job:
        """Store a request as a job and begin it.

        Without a key of the client's own, a request for what is under way, or proven and still
        true, gets the job that is there. QueueFullError when too many jobs are open.
        """
        if self._stopping:
            raise ServerStoppingError("the server stops")
        async with self._lock(new.fingerprint):
            known = self.store.latest(new.fingerprint) if key is None else self.store.by_key(key)
            if known is not None and (key is not None or await self._is_worth(known)):
                return self.store.add(new, key=key) if key is not None else known
            if len(self._tasks) >= self.options.max_open_jobs:
                raise QueueFullError(f"{len(self._tasks)} jobs are open")
            job = self.store.add(new, key=key)
            _log.info("accepted", job=job.id, kind=job.request.kind.value, range=_range(job))
            self._spawn(job.id)
            return job

    async def wait(
        self,
        job_id: str,
        until: Callable[[Job], bool],
        *,
        timeout: float,  # noqa: ASYNC109 - part of the question
    ) -> Job:
        """Return the job once `until` holds or it is over.

        TimeoutError after `timeout`, ServerStoppingError when the server stops meanwhile.
        """
        async with asyncio.timeout(timeout):
            while True:
                event = self._events.setdefault(job_id, asyncio.Event())
                job = self.store.get(job_id)
                if job.state not in OPEN or until(job):
                    return job
                if self._stopping:
                    raise ServerStoppingError("the server stops; the request is not lost")
                await event.wait()

    def cancel(self, job_id: str) -> Job:
        """Give a job up: at once before its submission, else once the backend was told.

        JobConflictError when it is over already.
        """
        job = self.store.get(job_id)
        if job.state not in OPEN:
            raise JobConflictError(f"the job is {job.state} already")
        self.store.ask_to_cancel(job_id)
        if job.state in _BEFORE_SUBMISSION:
            if task := self._tasks.get(job_id):
                task.cancel()
            self._end(job_id, JobState.CANCELLED)
        self._changed(job_id)
        return self.store.get(job_id)

    async def observe(self, job_id: str) -> Job:
        """Ask the backend how far a job is, fetch a proof that is there, return the job.

        Raises what the backend raises, TimeoutError when it does not answer.
        """
        async with self._lock(job_id):
            job = self.store.get(job_id)
            if job.state is not JobState.PROVING or job.proof_id is None:
                return job
            backend = self.backends[job.request.backend]
            try:
                async with asyncio.timeout(self.options.status_timeout):
                    status = await backend.status(job.proof_id)
            except UnknownProofError as error:
                self._end(job_id, JobState.FAILED, reason=str(error))
                return self.store.get(job_id)
            known: dict[str, object] = {
                "fulfillment": status.fulfillment,
                "execution": status.execution,
                "reason": status.reason,
            }
            if status.cost is not None:
                known["cost"] = status.cost
            if status.fulfillment is Fulfillment.FULFILLED:
                await self._store_proof(job, await backend.proof(job.proof_id))
                self._end(job_id, JobState.FULFILLED, **known)
            elif status.fulfillment.is_final:
                reason = status.reason or status.fulfillment.name.lower()
                self._end(job_id, JobState.FAILED, **(known | {"reason": reason}))
            else:
                self.store.note(job_id, **known)
            return self.store.get(job_id)

    def measure(self) -> None:
        """Bring the gauge of jobs up to date."""
        counts = self.store.count()
        for kind in ProofKind:
            for state in JobState:
                number = counts.get((kind.value, state.value), 0)
                self._metrics.set(names.JOBS, number, kind=kind.value, state=state.value)

    def sweep(self) -> None:
        """Remove subproofs that no open job needs, unless some are just coming in."""
        if not self.receiving:
            jobs = self.store.open_jobs()
            self.files.sweep_subproofs(digest for job in jobs for digest in job.request.subproofs)

    def _spawn(self, job_id: str) -> None:
        task = asyncio.create_task(self._work(job_id), name=f"job {job_id}")
        self._tasks[job_id] = task

        def ended(_task: asyncio.Task[None]) -> None:
            self._tasks.pop(job_id, None)
            self._submitting.discard(task)

        task.add_done_callback(ended)

    async def _work(self, job_id: str) -> None:
        try:
            await self._through(job_id)
        except CoproveError as error:
            self._end(job_id, JobState.FAILED, reason=f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - a defect fails its own job, not the server
            _log.exception("job failed", job=job_id)
            self._end(job_id, JobState.FAILED, reason=f"internal error: {type(error).__name__}")

    async def _through(self, job_id: str) -> None:
        job = self.store.get(job_id)
        priority = job.request.priority
        if job.state is JobState.ACCEPTED:
            async with self._witness_slots.taken(priority=priority):
                self._move(job_id, JobState.WITNESS)
                found = await self._collect(job)
                # Without a pause in between: from here on the store protects the input.
                self._move(job_id, JobState.SUBMITTING, **found)
        is_proving = job.state is JobState.PROVING
        async with self._proving_slots.taken(priority=priority, at_once=is_proving):
            if not is_proving and not await self._submit(job_id):
                return
            await self._follow(job_id)

    async def _collect(self, job: Job) -> dict[str, object]:
        """Collect an input; what may pass is tried again until `witness_timeout`."""
        delay = self.options.retry_delay
        deadline = time.monotonic() + self.options.witness_timeout
        while True:
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    return await self._inputs.collect(job)
            except TimeoutError:
                limit = self.options.witness_timeout
                raise WitnessTimeoutError(f"no input within {limit:g} s") from None
            except (Temporary, Reset) as error:
                self.store.note(job.id, reason=str(error))
                if time.monotonic() + delay > deadline:
                    raise
                _log.warning("input not collected", job=job.id, error=error, again_in=delay)
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_PAUSE)

    async def _submit(self, job_id: str) -> bool:
        """Bring a job to the backend exactly once; False when it was given up or we stop."""
        task = self._tasks[job_id]
        delay = self.options.retry_delay
        while not self._stopping:
            job = self.store.get(job_id)
            backend = self.backends[job.request.backend]
            self._submitting.add(task)
            try:
                # An earlier try, perhaps of an earlier process, may have got through.
                proof_id = await backend.find(job.key, self._intents)
                if proof_id is None:
                    if job.cancel:
                        self._end(job_id, JobState.CANCELLED)
                        return False
                    given = await self._inputs.for_backend(job)
                    proof_id = await backend.submit(given, self._intents)
                self._move(job_id, JobState.PROVING, proof_id=proof_id, reason=None)
                _log.info("submitted", job=job_id, proof=proof_id.hex(), backend=backend.name)
                return True
            except (Temporary, Reset) as error:
                self._failed("submit", job_id, error)
                self.store.note(job_id, reason=str(error))
            finally:
                self._submitting.discard(task)
            await self._pause(job_id, delay)
            delay = min(2 * delay, _LONGEST_PAUSE)
        return False

    async def _follow(self, job_id: str) -> None:
        """Ask for the proof until it is there; no failing call ends that."""
        while not self._stopping:
            try:
                job = await self.observe(job_id)
                if job.state is not JobState.PROVING:
                    return
                if job.cancel and job.proof_id is not None:
                    async with asyncio.timeout(self.options.status_timeout):
                        await self.backends[job.request.backend].cancel(job.proof_id)
                    self._end(job_id, JobState.CANCELLED)
                    return
            except (CoproveError, TimeoutError) as error:
                self._failed("status", job_id, error)
            await self._pause(job_id, self.options.poll_interval)

    async def _store_proof(self, job: Job, proof: bytes) -> None:
        await asyncio.to_thread(self.files.write, self.files.proof(job.id), proof)
        if job.claim is not None and job.request.blocks is not None:
            digest = hashlib.sha256(proof).digest()
            self.store.remember_claim(digest, job.request.blocks.start, job.claim)
        self._metrics.observe(
            names.PROVING_SECONDS, max(0.0, time.time() - job.updated), kind=job.request.kind.value
        )

    async def _is_worth(self, job: Job) -> bool:
        """Whether a new request for the same may have this job."""
        if job.state in (JobState.FAILED, JobState.CANCELLED) or job.cancel:
            return False
        if job.state is JobState.FULFILLED and not self.files.proof(job.id).exists():
            return False
        if job.claim is None or job.request.blocks is None:
            return True
        return await self.source.is_current(job.request.blocks, job.claim)

    def _inputs_in_use(self) -> Set[Path]:
        return {
            self.files.witness(job.request.blocks, job.claim)
            for job in self.store.open_jobs()
            if job.claim is not None and job.request.blocks is not None
        }

    def _move(self, job_id: str, state: JobState, **values: object) -> None:
        if not self.store.move(job_id, state, **values):
            raise JobConflictError(f"the job is {self.store.get(job_id).state}, no longer open")
        self._changed(job_id)

    def _end(self, job_id: str, state: JobState, **values: object) -> None:
        if not self.store.move(job_id, state, **values):
            return
        job = self.store.get(job_id)
        self._metrics.inc(names.FINISHED, kind=job.request.kind.value, state=state.value)
        log = _log.info if state is not JobState.FAILED else _log.warning
        log(state.value, job=job_id, range=_range(job), reason=job.reason)
        if job.request.kind is ProofKind.AGGREGATION:
            self.sweep()
        self._changed(job_id)

    def _failed(self, call: str, job_id: str, error: BaseException) -> None:
        self._metrics.inc(names.BACKEND_FAILURES, call=call, error=type(error).__name__)
        _log.warning("backend call failed", call=call, job=job_id, error=error)

    async def _pause(self, job_id: str, seconds: float) -> None:
        """Sleep until `seconds` have passed or the job was changed by someone."""
        event = self._events.setdefault(job_id, asyncio.Event())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    def _changed(self, job_id: str) -> None:
        if event := self._events.pop(job_id, None):
            event.set()

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())


def _range(job: Job) -> str | None:
    return None if job.request.blocks is None else str(job.request.blocks)
