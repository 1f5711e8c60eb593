"""The half of the proposer that turns finalised blocks into claims."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from coprove.devnet.proposer.steps import missing_ranges, retry_pause, startable
from coprove.errors import CoproveError
from coprove.telemetry import MetricKind, MetricSpec, get_logger

if TYPE_CHECKING:
    from coprove.devnet.proposer.config import ProposerConfig
    from coprove.devnet.proposer.records import StoredRange
    from coprove.devnet.proposer.settlement import Settlement
    from coprove.devnet.proposer.store import ProposerStore
    from coprove.prover.pool import RangePool
    from coprove.rpc import RollupNodeClient
    from coprove.telemetry import Metrics
    from coprove.witness import LiveWitness

__all__ = ["RANGES", "RANGE_SECONDS", "RangeRunner"]

RANGES = MetricSpec(
    name="coprove_devnet_proposer_ranges",
    kind=MetricKind.COUNTER,
    help="Range runs by outcome.",
    labels=("outcome",),
)
RANGE_SECONDS = MetricSpec(
    name="coprove_devnet_proposer_range",
    kind=MetricKind.HISTOGRAM,
    unit="seconds",
    help="Time of one range, by phase.",
    labels=("phase",),
)
_log = get_logger(part="ranges")


class RangeRunner:
    """Keeps the ranges after the latest output planned and running."""

    def __init__(
        self,
        config: ProposerConfig,
        store: ProposerStore,
        *,
        node: RollupNodeClient,
        settlement: Settlement,
        witness: LiveWitness,
        pool: RangePool,
        metrics: Metrics,
        on_done: asyncio.Event,
    ) -> None:
        """`on_done` is set whenever a range is done."""
        self._config, self._store, self._node = config, store, node
        self._settlement, self._witness, self._pool = settlement, witness, pool
        self._metrics, self._on_done = metrics, on_done
        self._running: dict[int, asyncio.Task[None]] = {}

    async def tick(self) -> None:
        """Plan what is missing, then start what is free to run."""
        latest, target = await asyncio.gather(
            self._settlement.latest_block(), self._settlement.next_block()
        )
        finalized = (await self._node.sync_status()).finalized_l2.number
        interval = target - latest
        self._store.drop_misaligned(latest, interval)
        known = self._store.ranges()
        planned = missing_ranges(
            latest=latest,
            interval=interval,
            finalized=finalized,
            outputs_ahead=self._config.outputs_ahead,
            blocks_per_range=self._config.blocks_per_range,
            known=known,
        )
        if planned:
            self._store.add_ranges(planned)
            _log.info("ranges planned", ranges=[str(item) for item in planned])
            known = self._store.ranges()
        free = self._config.workers - len(self._running)
        for item in startable(known, now=time.time(), free=free):
            self._store.begin_range(item.start)
            task = asyncio.create_task(self._run(item), name=f"range {item.start}")
            self._running[item.start] = task
            task.add_done_callback(partial(self._forget, item.start))

    def _forget(self, start: int, _task: asyncio.Task[None]) -> None:
        self._running.pop(start, None)

    async def stop(self) -> None:
        """Stop waiting for ranges under way; the next process runs them again."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, item: StoredRange) -> None:
        """Run one range; its failure concerns no other range."""
        log = _log.bind(start=item.start, end=item.end, attempt=item.attempts + 1)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._config.range_timeout):
                given = await self._witness.range_input(item.start, item.end)
                data = given.encode()
                witnessed = time.perf_counter()
                log.info("witness ready", bytes=len(data), seconds=round(witnessed - began, 3))
                boot_info = await self._pool.run(data)
        except (CoproveError, TimeoutError) as error:
            pause = retry_pause(item.attempts + 1)
            self._store.fail_range(item.start, error=str(error), retry_at=time.time() + pause)
            self._metrics.inc(RANGES, outcome="failed")
            log.warning("range failed", error=error, again_in_seconds=pause)
            return
        self._store.finish_range(item.start, boot_info)
        done = time.perf_counter()
        self._metrics.inc(RANGES, outcome="done")
        self._metrics.observe(RANGE_SECONDS, witnessed - began, phase="witness")
        self._metrics.observe(RANGE_SECONDS, done - witnessed, phase="run")
        log.info("range done", root=boot_info.l2_post_root, seconds=round(done - witnessed, 3))
        self._on_done.set()
