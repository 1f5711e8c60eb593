"""Collecting and executing ranges as tasks for an executor: functions of picklable arguments."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from coprove.program import ClaimMismatchError, RangeInput, RangeReport, run_range_traced
from coprove.rpc import EndpointOptions
from coprove.witness.cache import ChainCache
from coprove.witness.endpoints import LiveEndpoints, open_witness
from coprove.witness.live import LiveOptions

if TYPE_CHECKING:
    from coprove.witness.executors import WorkExecutor

__all__ = ["CollectTask", "collect", "collect_in", "execute", "execute_in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectTask:
    """A range to collect, and all that it takes; it goes to workers, credentials included."""

    endpoints: LiveEndpoints
    """The chain's nodes."""
    from_block: int
    """The agreed block."""
    to_block: int
    """The claimed block."""
    l1_head: int | None = None
    """The last L1 block to read; None for the first from which the range is derived."""
    options: LiveOptions = field(default_factory=LiveOptions)
    """Choices of the collection."""
    endpoint_options: EndpointOptions = field(default_factory=EndpointOptions)
    """Limits of each endpoint; a rate limit holds for all workers together."""
    cache_path: str | None = None
    """Folder of the cache on the workers' disk; None for none."""
    cache_bytes: int = 8 << 30
    """Size of that cache."""


def collect(task: CollectTask) -> bytes:
    """Collect a range in this process and return the encoded RangeInput.

    Errors are those of `LiveWitness.range_input`.
    """
    return asyncio.run(_collect(task))


def execute(data: bytes) -> RangeReport:
    """Run the program over an encoded RangeInput and return its claim with figures.

    Errors are those of `run_range`.
    """
    given = RangeInput.decode(data)
    report = run_range_traced(given)
    if report.boot_info.l2_post_root != given.claimed_output_root:
        raise ClaimMismatchError(
            block=given.claimed_block_number,
            expected=given.claimed_output_root,
            actual=report.boot_info.l2_post_root,
        )
    return report


async def collect_in(executor: WorkExecutor, task: CollectTask) -> bytes:
    """As `collect`, in a worker; each worker takes its share of the endpoints' rate limit."""
    options = task.endpoint_options
    share = replace(
        options,
        calls_per_second=options.calls_per_second / executor.workers,
        burst=max(1, options.burst // executor.workers),
    )
    return await executor.run(collect, replace(task, endpoint_options=share))


async def execute_in(executor: WorkExecutor, data: bytes) -> RangeReport:
    """As `execute`, in a worker."""
    return await executor.run(execute, data)


async def _collect(task: CollectTask) -> bytes:
    cache = None
    if task.cache_path is not None:
        cache = ChainCache(task.cache_path, max_bytes=task.cache_bytes)
    async with open_witness(
        task.endpoints,
        options=task.options,
        endpoint_options=task.endpoint_options,
        cache=cache,
    ) as witness:
        given = await witness.range_input(task.from_block, task.to_block, l1_head=task.l1_head)
    return given.encode()
