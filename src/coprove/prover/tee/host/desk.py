"""Tasks in and proofs out: each witness is executed once, few at a time, within a bounded queue."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from coprove.errors import CoproveError, Critical
from coprove.prover.http.errors import ServerStoppingError
from coprove.prover.tee.host import metrics as names
from coprove.prover.tee.host.errors import TooManyTasksError, UnknownTaskError
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from coprove.prover.tee.enclave import Enclave, SignedPoe
    from coprove.prover.tee.host.memory import HeldBytes
    from coprove.prover.tee.host.options import TeeProverOptions
    from coprove.telemetry import Metrics
    from coprove.types import Hash32

__all__ = ["ProvingDesk", "Task", "TaskState"]

_SHOWN: Final = 200
_log = get_logger(part="tee-prover")


class TaskState(StrEnum):
    """How far a task is."""

    WAITING = "waiting"
    """For its turn."""
    RUNNING = "running"
    """Being executed."""
    PROVEN = "proven"
    """Signed."""
    REFUSED = "refused"
    """The enclave signs nothing of it, now or later."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is known of a witness."""

    witness: Hash32
    """Its keccak256."""
    state: TaskState
    """How far it is."""
    proof: SignedPoe | None = None
    """Once proven."""
    refusal: CoproveError | None = None
    """Once refused."""


class _Run:
    """A task under way; whoever asks for the same witness waits for it."""

    def __init__(self, done: asyncio.Task[SignedPoe]) -> None:
        self.done = done
        self.started = False


class ProvingDesk:
    """Runs the enclave's `prove`. Its methods belong to one event loop."""

    def __init__(self, enclave: Enclave, options: TeeProverOptions, metrics: Metrics) -> None:
        """Start the threads with the first task."""
        self._enclave, self._options, self._metrics = enclave, options, metrics
        self._threads = ThreadPoolExecutor(options.max_runs, thread_name_prefix="enclave")
        self._turns = asyncio.Semaphore(options.max_runs)
        self._runs: dict[Hash32, _Run] = {}
        self._known: OrderedDict[Hash32, Task] = OrderedDict()
        self._stopped = threading.Event()
        self._closed = False

    @property
    def has_room(self) -> bool:
        """Whether another task would be taken now."""
        most = self._options.max_runs + self._options.max_queue
        return not self._closed and len(self._runs) < most

    @property
    def is_stopping(self) -> bool:
        """Whether runs are told to end at their next block."""
        return self._stopped.is_set()

    def submit(self, digest: Hash32, witness: HeldBytes) -> Task:
        """Take a task, or give the one that is there for the same witness.

        `digest` must be the witness's own: under a name of somebody's choice a refusal would meet
        whoever comes with the real one.
        TooManyTasksError when the queue is full, ServerStoppingError during a stop.
        """
        if (task := self.find(digest)) is not None:
            return task
        if self._closed:
            raise ServerStoppingError("the prover stops")
        if not self.has_room:
            raise TooManyTasksError(f"{len(self._runs)} tasks run or wait")
        self._metrics.inc(names.CACHE, found="nothing")
        done = asyncio.create_task(self._prove(digest, witness))
        self._runs[digest] = _Run(done)
        done.add_done_callback(lambda task: self._finish(digest, task))
        return Task(digest, TaskState.WAITING)

    def look(self, digest: Hash32) -> Task:
        """Return what is known of a witness; UnknownTaskError for nothing."""
        run = self._runs.get(digest)
        if run is not None:
            return Task(digest, TaskState.RUNNING if run.started else TaskState.WAITING)
        known = self._known.get(digest)
        if known is None:
            raise UnknownTaskError(f"there is no proof of the witness {digest.hex0x}")
        self._known.move_to_end(digest)
        return known

    def find(self, digest: Hash32) -> Task | None:
        """Return what is known of a witness and count that it was asked for; None for nothing."""
        if digest not in self._runs and digest not in self._known:
            return None
        task = self.look(digest)
        under_way = task.state in (TaskState.WAITING, TaskState.RUNNING)
        self._metrics.inc(names.CACHE, found="run" if under_way else "proof")
        return task

    async def wait(self, digest: Hash32, seconds: float) -> Task:
        """Wait for a task up to so many seconds; return it as it then is.

        What stopped it without being final goes up: RunStoppedError.
        """
        run = self._runs.get(digest)
        if run is not None and seconds > 0:
            finished, _ = await asyncio.wait({run.done}, timeout=seconds)
            if finished and run.done.cancelled():
                raise ServerStoppingError("the prover stops")
            error = run.done.exception() if finished else None
            if error is not None and not isinstance(error, Critical):
                raise error
        return self.look(digest)

    async def stop(self) -> None:
        """Let runs under way end within the options' time, then stop them between two blocks."""
        self.begin_stop()
        runs = [run.done for run in self._runs.values()]
        waiting = [run.done for run in self._runs.values() if not run.started]
        for task in waiting:
            task.cancel()
        if runs:
            await asyncio.wait(runs, timeout=self._options.stop_timeout)
        self._stopped.set()
        left = [run.done for run in self._runs.values()]
        if left:
            await asyncio.wait(left)
        self._threads.shutdown(wait=True)

    def begin_stop(self) -> None:
        """Take no more tasks."""
        self._closed = True

    def measure(self) -> None:
        """Set the gauges."""
        started = sum(run.started for run in self._runs.values())
        self._metrics.set(names.TASKS, started, state="running")
        self._metrics.set(names.TASKS, len(self._runs) - started, state="waiting")

    async def _prove(self, digest: Hash32, witness: HeldBytes) -> SignedPoe:
        async with self._turns:
            self._runs[digest].started = True
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._threads,
                lambda: self._enclave.prove(
                    witness.data, digest=digest, stopped=self._stopped.is_set
                ),
            )

    def _finish(self, digest: Hash32, done: asyncio.Task[SignedPoe]) -> None:
        del self._runs[digest]
        if done.cancelled():
            self._metrics.inc(names.FINISHED, outcome="stopped")
            return
        error = done.exception()
        if error is None:
            proof = done.result()
            self._keep(Task(digest, TaskState.PROVEN, proof=proof))
            self._metrics.inc(names.FINISHED, outcome="proven")
            self._metrics.inc(names.RUN_GAS, proof.gas)
            self._metrics.observe(names.RUN_SECONDS, proof.seconds)
            poe = proof.poe
            _log.info(
                "proven",
                l2_chain=poe.l2_chain_id,
                start=poe.l2_pre_block,
                end=poe.l2_post_block,
                output_root=poe.l2_post_root.hex0x,
                seconds=round(proof.seconds, 3),
                simulated=self._enclave.identity.simulated,
            )
        elif isinstance(error, Critical):
            self._keep(Task(digest, TaskState.REFUSED, refusal=_bare(error)))
            self._metrics.inc(names.FINISHED, outcome="refused")
            _log.warning("refused", witness=digest.hex0x, error=error)
        else:
            self._metrics.inc(names.FINISHED, outcome="stopped")
            _log.warning("stopped", witness=digest.hex0x, error=error)

    def _keep(self, task: Task) -> None:
        self._known[task.witness] = task
        while len(self._known) > self._options.cache_entries:
            self._known.popitem(last=False)


def _bare(error: Critical) -> Critical:
    """Take from an error what it holds of the witness, which would be kept as long as it is.

    Its frames hold all of it, and what came instead of something expected may be most of it.
    """
    bare = error.with_traceback(None)
    bare.__context__ = bare.__cause__ = None
    for name, value in list(vars(bare).items()):
        if not isinstance(value, int | float | None):
            setattr(bare, name, str(value)[:_SHOWN])
    return bare
