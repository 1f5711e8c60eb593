"""Step 2: which outputs are on L1, whoever brought them there, and which are not any more."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from coprove.proposer import metrics as m
from coprove.proposer.aggregation_work import intended_checkpoint
from coprove.proposer.alerts import Alert
from coprove.proposer.calls import within
from coprove.proposer.isolation import all_isolated
from coprove.proposer.relay import note_relayed, settle_intents
from coprove.proposer.requests import proposal_task_name
from coprove.storage import IntentKind, IntentState, RequestKind, RequestStatus
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from coprove.proposer.context import Context
    from coprove.proposer.look import Look
    from coprove.storage import Intent, ProofRequest

__all__ = ["settle"]

_log = get_logger(part="settling")


async def settle(ctx: Context, seen: Look) -> None:
    """Bring RELAYED and COMPLETE aggregations into line with the contract."""
    aggregations = await ctx.store.find(
        kind=RequestKind.AGGREGATION, statuses={RequestStatus.COMPLETE, RequestStatus.RELAYED}
    )
    works = []
    for request in aggregations:
        if request.status is RequestStatus.COMPLETE and request.blocks.end <= seen.latest:
            if not ctx.background.is_running(proposal_task_name(request)):
                works.append((f"settling of {request.id}", partial(_settle_one, ctx, request)))
        elif request.status is RequestStatus.RELAYED and request.blocks.end > seen.latest:
            works.append((f"reorg of {request.id}", partial(_take_back, ctx, request)))
    await all_isolated(ctx, m.RELAY_FAILED, works)
    await _close_proposals(ctx)
    await _close_proof_requests(ctx)
    checkpoints = await ctx.store.open_intents(IntentKind.CHECKPOINT)
    await all_isolated(
        ctx,
        m.RELAY_FAILED,
        [
            (f"settling of {item.key}", partial(_close_checkpoint, ctx, item))
            for item in checkpoints
        ],
    )


async def _close_proposals(ctx: Context) -> None:
    """Close the intents of requests that a process moved on and then died."""
    for intent in await ctx.store.open_intents(IntentKind.PROPOSAL):
        if intent.request_id is None:
            continue
        request = await ctx.store.get(intent.request_id)
        if request.status is RequestStatus.RELAYED:
            await ctx.store.close_intent(ctx.lease, intent.key, IntentState.DONE)
        elif not request.is_live:
            await ctx.store.close_intent(ctx.lease, intent.key, IntentState.ABANDONED)


async def _close_proof_requests(ctx: Context) -> None:
    """Close what was open of requests when they were given up: nobody waits for their proofs."""
    for intent in await ctx.store.open_intents(IntentKind.PROOF_REQUEST):
        if intent.request_id is None:
            continue
        request = await ctx.store.get(intent.request_id)
        if not request.is_live:
            await ctx.store.close_intent(ctx.lease, intent.key, IntentState.ABANDONED)


async def _close_checkpoint(ctx: Context, intent: Intent) -> None:
    """Close the intent of a checkpoint that the contract holds: who sent it may have died."""
    block = intended_checkpoint(intent)
    held = await within(
        ctx.settings.rpc_timeout, "checkpoint", ctx.contract.historic_block_hash(block.number)
    )
    if held == block.hash:
        await ctx.store.put_checkpoint(ctx.lease, block)
        await ctx.store.close_intent(ctx.lease, intent.key, IntentState.DONE)


async def _settle_one(ctx: Context, request: ProofRequest) -> None:
    """An output at or above this one is there: is it ours?"""
    first = 0 if request.checkpoint is None else request.checkpoint.number
    found = await within(
        ctx.settings.rpc_timeout,
        "output event",
        ctx.contract.find_output(request.blocks.end, first=first),
    )
    if found is not None and found.output_root == request.claimed_root:
        await note_relayed(ctx, request, found.tx_hash)
        _log.info("output found on L1", l2_block=request.blocks.end, tx=found.tx_hash)
        return
    if found is not None:
        ctx.alerts.send(
            Alert.ROOT_MISMATCH,
            f"L2 block {request.blocks.end}: our program gives {request.claimed_root}, "
            f"the contract has {found.output_root} from {found.tx_hash}",
        )
    await settle_intents(ctx, request, IntentState.ABANDONED)
    await ctx.store.move(
        ctx.lease,
        request.id,
        RequestStatus.COMPLETE,
        RequestStatus.CANCELLED,
        error="another output covers its blocks",
    )
    _log.info("not needed any more", request=request.id, blocks=str(request.blocks))


async def _take_back(ctx: Context, request: ProofRequest) -> None:
    """A relayed output is above the contract's latest: unless that look was old, it left L1."""
    latest = await within(
        ctx.settings.rpc_timeout, "latest block", ctx.contract.latest_block_number()
    )
    if latest >= request.blocks.end:
        return
    await ctx.store.move(
        ctx.lease, request.id, RequestStatus.RELAYED, RequestStatus.COMPLETE, relay_tx=None
    )
    ctx.metrics.count(m.REORG)
    _log.warning("output left L1", l2_block=request.blocks.end, tx=request.relay_tx)
