"""Where heavy work runs: processes of this machine, or a Dask cluster by its address.

Both are `concurrent.futures` executors underneath. A worker that dies under a task loses no work:
the task runs again in another one. So a task must bear being run twice.
"""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from coprove.errors import InputError
from coprove.processes import die_with_parent
from coprove.telemetry import get_logger
from coprove.witness.errors import WorkerLostError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

__all__ = ["DaskExecutor", "ProcessExecutor", "WorkExecutor", "open_executor"]

P = ParamSpec("P")
T = TypeVar("T")

_TASK_ATTEMPTS = 3
_CONNECT_SECONDS = 30.0


class WorkExecutor(Protocol):
    """Runs functions elsewhere. Functions and arguments travel by pickle."""

    @property
    def workers(self) -> int:
        """Tasks that run at once, as far as is known: what a rate limit is shared by."""

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of a module in a worker and return its result.

        Raises what it raises, errors of this package with their attributes, and WorkerLostError
        when workers died under it again and again.
        """

    def close(self) -> None:
        """Stop; tasks that did not start yet are dropped."""


class ProcessExecutor:
    """Processes of this machine, which end with this one whatever happens to it."""

    def __init__(self, workers: int, *, attempts: int = _TASK_ATTEMPTS) -> None:
        """Have at most `workers` processes, started as they are needed.

        A task is begun `attempts` times at most while processes die under it.
        """
        if workers < 1:
            raise InputError("worker processes", expected="at least 1", actual=workers)
        self._workers = workers
        self._attempts = attempts
        self._pool = self._new_pool()
        self._log = get_logger()

    @property
    def workers(self) -> int:
        """See WorkExecutor."""
        return self._workers

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See WorkExecutor."""
        work: Callable[[], T] = partial(function, *args, **kwargs)
        left = self._attempts
        while True:
            pool = self._pool
            try:
                return await asyncio.wrap_future(pool.submit(work))
            except BrokenProcessPool as error:
                # One death breaks the whole pool: whoever notices first brings a new one.
                if self._pool is pool:
                    pool.shutdown(wait=False)
                    self._pool = self._new_pool()
                left -= 1
                if not left:
                    raise WorkerLostError(f"{self._attempts} times: {error}") from None
                self._log.warning("task runs again", task=_name(function), reason=str(error))

    def close(self) -> None:
        """See WorkExecutor."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._workers,
            # Not forked: this process runs threads and an event loop.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=die_with_parent,
            initargs=(os.getpid(),),
        )


class DaskExecutor:
    """A Dask cluster, whose scheduler runs a task again when its worker is gone."""

    def __init__(self, address: str) -> None:
        """Connect to the scheduler at `address` (such as tcp://10.0.0.5:8786).

        Needs the extra `dask`. Workers must have this package in the same version. Blocks until
        connected; WorkerLostError when nobody answers, InputError without the extra.
        """
        try:
            # An extra, without types, and slow to import.
            distributed: Any = importlib.import_module("distributed")
        except ImportError:
            raise InputError(
                "Dask executor", expected="the extra coprove[dask]", actual="no distributed"
            ) from None
        try:
            self._client = distributed.Client(
                address, timeout=_CONNECT_SECONDS, set_as_default=False
            )
        except (OSError, ValueError) as error:
            raise WorkerLostError(f"Dask scheduler {address}: {error}") from None
        self._killed: type[Exception] = distributed.KilledWorker
        self._settings: Any = importlib.import_module("dask").config.set
        self._executor = self._client.get_executor(pure=False)

    @property
    def workers(self) -> int:
        """See WorkExecutor."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See WorkExecutor."""
        work: Callable[[], T] = partial(function, *args, **kwargs)
        # Inputs of ranges are large, and must live with the task so that it can run again.
        with self._settings({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
            future: Future[T] = self._executor.submit(work)
        try:
            return await asyncio.wrap_future(future)
        except self._killed as error:
            raise WorkerLostError(str(error)) from None
        except asyncio.CancelledError:
            # Either the caller was cancelled, or the scheduler forgot the task.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise WorkerLostError(f"{_name(function)}: the scheduler is gone") from None

    def close(self) -> None:
        """See WorkExecutor."""
        self._executor.shutdown(wait=False)
        self._client.close()


async def open_executor(*, workers: int, dask: str | None = None) -> WorkExecutor:
    """Return the Dask cluster at the address `dask`, else `workers` processes of this machine."""
    if dask:
        return await asyncio.to_thread(DaskExecutor, dask)
    return ProcessExecutor(workers)


def _name(function: object) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
