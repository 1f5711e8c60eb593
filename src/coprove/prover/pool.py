"""Heavy work in worker processes: range runs above all."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from coprove.errors import CoproveError
from coprove.processes import die_with_parent
from coprove.program import ClaimMismatchError, RangeInput, RangeReport, run_range, run_range_traced
from coprove.prover.errors import ProgramRunError, WorkerDiedError
from coprove.types import BootInfo

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RangePool"]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Failure:
    """An error on its way between processes, as text: exceptions themselves may not pickle."""

    text: str


def _prepare(parent: int) -> None:
    die_with_parent(parent)


def _guarded(call: Callable[[], T]) -> T | _Failure:
    try:
        return call()
    except CoproveError as error:
        return _Failure(f"{type(error).__name__}: {error}")


def _run(data: bytes) -> bytes:
    return run_range(data).encode()


def _report(path: str) -> RangeReport:
    given = RangeInput.decode(Path(path).read_bytes())
    report = run_range_traced(given)
    if report.boot_info.l2_post_root != given.claimed_output_root:
        raise ClaimMismatchError(
            block=given.claimed_block_number,
            expected=given.claimed_output_root,
            actual=report.boot_info.l2_post_root,
        )
    return report


class RangePool:
    """Runs ranges in processes of its own, which end with this one whatever happens to it."""

    def __init__(self, workers: int) -> None:
        """Have at most `workers` processes; they start with the first run."""
        self._workers = workers
        self._pool = self._new_pool()

    async def run(self, data: bytes) -> BootInfo:
        """Run the range in `data`.

        Raises ProgramRunError when the program refuses it, WorkerDiedError when its process died:
        the next run then has new processes.
        """
        return BootInfo.decode(await self.call(_run, data))

    async def report(self, path: Path) -> RangeReport:
        """Run the range whose encoded input is the file at `path`; return the claim with figures.

        The worker reads the file itself. Errors as in `run`, OSError when there is no such file.
        """
        return await self.call(_report, str(path))

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of a module in a worker; it and its arguments travel by pickle.

        Errors of this package come back as ProgramRunError with their text, others as they are.
        """
        pool = self._pool
        work: Callable[[], T] = partial(function, *args, **kwargs)
        try:
            answer = await asyncio.wrap_future(pool.submit(_guarded, work))
        except BrokenProcessPool as error:
            if self._pool is pool:
                pool.shutdown(wait=False)
                self._pool = self._new_pool()
            raise WorkerDiedError(str(error)) from error
        if isinstance(answer, _Failure):
            raise ProgramRunError(answer.text)
        return answer

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
