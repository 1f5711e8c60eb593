"""What each request is to show, in files: a check more of what the network hands out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from coprove.program import run_aggregation
from coprove.prover.backend import RangeJob

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from coprove.prover.backend import AggregationJob

__all__ = ["ClaimFolder"]


class ClaimFolder:
    """One file for each request that is not final, `<request id>.claim`.

    Without its file a proof is checked for its form alone, as by whoever takes over from another
    machine: what a proof shows is compared again where it is used.
    """

    def __init__(
        self, folder: Path, *, seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        """Files older than `seconds` are of requests that others brought to their end."""
        self._folder, self._seconds, self._clock = folder, seconds, clock

    def put(self, request_id: bytes, job: RangeJob | AggregationJob) -> None:
        """Keep the public values that a job's proof must have; remove what is too old."""
        if isinstance(job, RangeJob):
            claim = job.boot_info.encode()
        else:
            claim = run_aggregation(job.given).abi_encode()
        self._path(request_id).write_bytes(claim)
        oldest = self._clock() - self._seconds
        for path in self._folder.glob("*.claim"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)

    def get(self, request_id: bytes) -> bytes | None:
        """Return the public values, if they are kept."""
        try:
            return self._path(request_id).read_bytes()
        except FileNotFoundError:
            return None

    def drop(self, request_id: bytes) -> None:
        """Forget a request that is final."""
        self._path(request_id).unlink(missing_ok=True)

    def _path(self, request_id: bytes) -> Path:
        return self._folder / f"{request_id.hex()}.claim"
