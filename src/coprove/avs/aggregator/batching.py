"""Verification in batches, in a thread: what waits is taken together, known offenders apart."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

from coprove.avs.aggregator.metrics import BATCH_SIZE, VERIFY_SECONDS
from coprove.avs.tasks import Refusal, RefusedError
from coprove.closing import AsyncClosing

if TYPE_CHECKING:
    from coprove.avs.aggregator.checks import Candidate
    from coprove.errors import CoproveError
    from coprove.telemetry import Metrics

__all__ = ["BatchVerifier", "Settle", "Verdict", "Verify"]

Verdict = RefusedError | None
"""Why one is refused; None when it is taken."""
Verify = Callable[[Sequence["Candidate"]], Sequence[Verdict]]
"""Verifies, in a thread."""
Settle = Callable[
    [Sequence["Candidate"], Sequence[Verdict]], Awaitable[Sequence["CoproveError | None"]]
]
"""Takes those that passed, on the event loop; says how each ended."""
_SUSPECTS_A_TURN: Final = 16


class BatchVerifier(AsyncClosing):
    """Two bounded queues, and one batch at a time.

    While a batch is in the thread the next one gathers, so nothing waits for company, and the
    batches grow with the load. Suspects follow after the others, few a turn: a batch with bad
    signatures costs a pairing and more for each, which those that sent none need not wait for.
    """

    def __init__(
        self, verify: Verify, settle: Settle, *, metrics: Metrics, capacity: int, batch: int
    ) -> None:
        """Hold at most `capacity` that wait; verify at most `batch` together."""
        self._verify = verify
        self._settle = settle
        self._metrics = metrics
        self._capacity = capacity
        self._batch = batch
        self._waiting: deque[tuple[Candidate, asyncio.Future[None]]] = deque()
        self._suspects: deque[tuple[Candidate, asyncio.Future[None]]] = deque()
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    async def check(self, candidate: Candidate, *, suspect: bool = False) -> None:
        """Return when the candidate is taken; RefusedError or the store's error when it is not."""
        if self._closed:
            raise _stopping()
        queue, room = self._waiting, self._capacity
        if suspect:
            queue, room = self._suspects, max(self._capacity // 8, 1)
        if len(queue) >= room:
            raise RefusedError(
                Refusal.BUSY, expected=f"fewer than {room} that wait", actual=len(queue)
            )
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name="avs batches")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append((candidate, future))
        self._wake.set()
        await future

    async def close(self) -> None:
        """Refuse what waits; the batch under way ends first, since it may be half stored."""
        self._closed = True
        self._wake.set()
        if self._worker is not None:
            await asyncio.wait([self._worker])
        for _candidate, future in (*self._waiting, *self._suspects):
            if not future.done():
                future.set_exception(_stopping())
        self._waiting.clear()
        self._suspects.clear()

    async def _work(self) -> None:
        while not self._closed:
            self._wake.clear()
            for queue, most in ((self._waiting, self._batch), (self._suspects, _SUSPECTS_A_TURN)):
                if self._closed:
                    return
                taken = [queue.popleft() for _ in range(min(most, len(queue)))]
                # Who gave up waiting costs nothing more.
                alive = [(candidate, future) for candidate, future in taken if not future.done()]
                if alive:
                    await self._run(alive)
            if not self._waiting and not self._suspects:
                await self._wake.wait()

    async def _run(self, taken: Sequence[tuple[Candidate, asyncio.Future[None]]]) -> None:
        candidates = [candidate for candidate, _future in taken]
        begun = time.perf_counter()
        outcomes: Sequence[BaseException | None]
        try:
            verdicts = await asyncio.to_thread(self._verify, candidates)
            self._metrics.observe(BATCH_SIZE, len(candidates))
            self._metrics.observe(VERIFY_SECONDS, time.perf_counter() - begun)
            outcomes = await self._settle(candidates, verdicts)
        except Exception as error:  # noqa: BLE001 - whoever waits is told; the next batch goes on
            outcomes = [error] * len(candidates)
        for (_candidate, future), outcome in zip(taken, outcomes, strict=True):
            with contextlib.suppress(asyncio.InvalidStateError):
                if outcome is None:
                    future.set_result(None)
                else:
                    future.set_exception(outcome)


def _stopping() -> RefusedError:
    return RefusedError(Refusal.STOPPING, expected="a running aggregator", actual="one that stops")
