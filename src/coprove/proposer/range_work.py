"""A range on its way to the backend: its witness, a native run, then the request for the proof."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coprove.program import RangeInput, run_range_traced
from coprove.proposer.calls import within
from coprove.proposer.errors import ChainChangedError, OutputMismatchError
from coprove.proposer.handover import hand_over
from coprove.proposer.l1_head import choose_l1_head
from coprove.proposer.requests import job_key
from coprove.prover import RangeJob
from coprove.rpc import NotYetAvailableError
from coprove.storage import RequestStatus
from coprove.telemetry import get_logger
from coprove.types import BlockId

if TYPE_CHECKING:
    from coprove.program import RangeReport
    from coprove.proposer.context import Context
    from coprove.proposer.witness_cache import CachedWitness
    from coprove.rpc import OutputAtBlock
    from coprove.storage import ProofRequest

__all__ = ["prepare_range", "run_file"]

_log = get_logger(part="ranges")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Collected:
    """A range's input on disk, with the outputs that the node gives its two ends."""

    witness: CachedWitness
    l1_head: BlockId
    agreed: OutputAtBlock
    claimed: OutputAtBlock
    seconds: float


def run_file(path: str) -> RangeReport:
    """Run the range whose encoded input is a file; the claimed root is not compared."""
    return run_range_traced(RangeInput.decode(Path(path).read_bytes()))


async def prepare_range(ctx: Context, request: ProofRequest) -> None:
    """Take a claimed range to the backend.

    Raises CallTimeoutError when witness and run together take too long, OutputMismatchError when
    the program computes another root than the node has, and whatever the parts raise.
    """
    seconds = ctx.settings.witness_timeout
    request, job = await within(seconds, "witness and execution", _prepare(ctx, request))
    began = time.perf_counter()
    await hand_over(ctx, request, job)
    ctx.metrics.observe("submission", time.perf_counter() - began)


async def _prepare(ctx: Context, request: ProofRequest) -> tuple[ProofRequest, RangeJob]:
    collected = await _collect(ctx, request)
    ctx.metrics.observe("witness", collected.seconds)
    request = await ctx.store.move(
        ctx.lease,
        request.id,
        RequestStatus.WITNESS_GENERATION,
        RequestStatus.EXECUTION,
        witness_path=str(collected.witness.path),
        witness_digest=collected.witness.digest,
        witness_seconds=collected.seconds,
        l1_head=collected.l1_head,
        end_hash=request.end_hash or collected.claimed.block.hash,
    )
    report = await ctx.pool.call(run_file, str(collected.witness.path))
    await _check(ctx, request, collected, report)
    ctx.metrics.observe("execution", report.seconds)
    request = await ctx.store.note(
        ctx.lease,
        request.id,
        execution_seconds=report.seconds,
        agreed_root=report.boot_info.l2_pre_root,
        claimed_root=report.boot_info.l2_post_root,
        statistics={
            "blocks": report.blocks,
            "transactions": report.transactions,
            "gas": report.gas,
            "witness_bytes": collected.witness.path.stat().st_size,
            "seconds_deriving": round(report.seconds_deriving, 3),
            "seconds_executing": round(report.seconds_executing, 3),
        },
    )
    _log.info(
        "range executed",
        request=request.id,
        blocks=str(request.blocks),
        root=report.boot_info.l2_post_root,
        l1_head=collected.l1_head.number,
        seconds=round(report.seconds, 3),
    )
    job = RangeJob(
        key=job_key(request),
        blocks=request.blocks,
        input_path=collected.witness.path,
        boot_info=report.boot_info,
        priority=-request.blocks.start,
    )
    return request, job


async def _collect(ctx: Context, request: ProofRequest) -> _Collected:
    """Return the range's input: from the cache when it still stands on the chain, else anew."""
    began = time.perf_counter()
    limit = ctx.settings.rpc_timeout
    agreed = await within(limit, "output", ctx.node.output_at_block(request.blocks.start))
    claimed = await within(limit, "output", ctx.node.output_at_block(request.blocks.end))
    if request.end_hash is not None and claimed.block.hash != request.end_hash:
        raise ChainChangedError(
            f"L2 block {request.blocks.end} was {request.end_hash}, is {claimed.block.hash}"
        )
    found = await _cached(ctx, request)
    if found is None:
        tries = ctx.memory.l1_tries[request.blocks]
        number = await choose_l1_head(ctx, claimed.block, tries=tries)
        given = await ctx.witness.range_input(
            request.blocks.start, request.blocks.end, l1_head=number
        )
        data = await asyncio.to_thread(given.encode)
        witness = await ctx.cache.put(request.blocks, given.l1_head, data)
        found = witness, BlockId(hash=given.l1_head, number=number)
    witness, l1_head = found
    return _Collected(
        witness=witness,
        l1_head=l1_head,
        agreed=agreed,
        claimed=claimed,
        seconds=time.perf_counter() - began,
    )


async def _cached(ctx: Context, request: ProofRequest) -> tuple[CachedWitness, BlockId] | None:
    """Return an input that was collected before and whose L1 head is canonical; remove others."""
    for entry in await ctx.cache.find(request.blocks):
        try:
            number = await _header_number(ctx, entry)
            found = await within(ctx.settings.rpc_timeout, "L1 header", ctx.l1.header(number))
        except NotYetAvailableError:
            await ctx.cache.drop(entry.path)
            continue
        if found.hash == entry.l1_head:
            _log.info("witness found in the cache", blocks=str(request.blocks))
            return entry, BlockId(hash=entry.l1_head, number=number)
        await ctx.cache.drop(entry.path)
    return None


async def _header_number(ctx: Context, entry: CachedWitness) -> int:
    header = await within(ctx.settings.rpc_timeout, "L1 header", ctx.l1.header(entry.l1_head))
    return header.header.number


async def _check(
    ctx: Context, request: ProofRequest, collected: _Collected, report: RangeReport
) -> None:
    """Compare what the program computed with the node; the input of a wrong run is removed."""
    claim = report.boot_info
    problem: Exception | None = None
    if claim.l2_pre_root != collected.agreed.root or claim.l1_head != collected.l1_head.hash:
        problem = ChainChangedError(f"the input of {request.blocks} begins on another chain")
    elif (
        claim.l2_post_root != collected.claimed.root or claim.l2_block_number != request.blocks.end
    ):
        problem = OutputMismatchError(
            request.blocks.end,
            program=claim.l2_post_root,
            source="the rollup node",
            other=collected.claimed.root,
        )
    elif claim.rollup_config_hash != ctx.identity.rollup_config_hash:
        problem = OutputMismatchError(
            request.blocks.end,
            program=claim.rollup_config_hash,
            source="the contract (as rollup config hash)",
            other=ctx.identity.rollup_config_hash,
        )
    if problem is not None:
        await ctx.cache.drop(collected.witness.path)
        raise problem
