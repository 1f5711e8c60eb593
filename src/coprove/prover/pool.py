"""Heavy work in worker processes: range runs above all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from coprove.errors import CoproveError
from coprove.program import run_range
from coprove.prover.errors import ProgramRunError, WorkerDiedError
from coprove.types import BootInfo
from coprove.witness import ProcessExecutor, WorkerLostError, execute

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.program import RangeReport
    from coprove.witness import WorkExecutor

__all__ = ["RangePool"]

P = ParamSpec("P")
T = TypeVar("T")


def _run(data: bytes) -> bytes:
    return run_range(data).encode()


def _report(path: str) -> RangeReport:
    return execute(Path(path).read_bytes())


class RangePool:
    """Runs ranges in workers, by default in processes that end with this one."""

    def __init__(self, workers: int, *, executor: WorkExecutor | None = None) -> None:
        """Have at most `workers` processes, or use another executor (a Dask cluster)."""
        self._executor = executor or ProcessExecutor(workers, attempts=1)

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
        try:
            return await self._executor.run(function, *args, **kwargs)
        except WorkerLostError as error:
            raise WorkerDiedError(str(error)) from error
        except CoproveError as error:
            raise ProgramRunError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """End the processes."""
        self._executor.close()
