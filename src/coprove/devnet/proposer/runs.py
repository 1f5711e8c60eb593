"""Range runs in worker processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from coprove.devnet.launch import die_with_parent
from coprove.errors import CoproveError, Critical, Temporary
from coprove.program import run_range
from coprove.types import BootInfo

__all__ = ["RangePool", "RangeRunError", "WorkerDiedError"]


class RangeRunError(Critical):
    """The program refused a range."""


class WorkerDiedError(Temporary):
    """The process that ran a range ended without an answer."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """An error on its way between processes, as text: exceptions themselves may not pickle."""

    text: str


def _prepare(parent: int) -> None:
    die_with_parent(parent)


def _run(data: bytes) -> bytes | _Failure:
    try:
        return run_range(data).encode()
    except CoproveError as error:
        return _Failure(f"{type(error).__name__}: {error}")


class RangePool:
    """Runs ranges in processes of its own, which end with this one whatever happens to it."""

    def __init__(self, workers: int) -> None:
        """Have at most `workers` processes; they start with the first run."""
        self._workers = workers
        self._pool = self._new_pool()

    async def run(self, data: bytes) -> BootInfo:
        """Run the range in `data`.

        Raises RangeRunError when the program refuses it, WorkerDiedError when its process died:
        the next run then has new processes.
        """
        pool = self._pool
        try:
            answer = await asyncio.get_running_loop().run_in_executor(pool, _run, data)
        except BrokenProcessPool as error:
            if self._pool is pool:
                pool.shutdown(wait=False)
                self._pool = self._new_pool()
            raise WorkerDiedError(str(error)) from error
        if isinstance(answer, _Failure):
            raise RangeRunError(answer.text)
        return BootInfo.decode(answer)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._workers,
            # Not forked: this process runs threads and an event loop.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_prepare,
            initargs=(os.getpid(),),
        )
