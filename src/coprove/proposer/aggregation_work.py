"""An aggregation on its way to the backend: a checkpoint on L1, a native run, then the request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from coprove.contracts.errors import CallRevertedError, TransactionRevertedError
from coprove.program import AggregationInput, run_aggregation
from coprove.proposer.calls import within
from coprove.proposer.errors import ChainChangedError, CheckpointMismatchError
from coprove.proposer.handover import hand_over
from coprove.proposer.requests import job_key
from coprove.prover import AggregationJob
from coprove.rpc import NotYetAvailableError
from coprove.storage import IntentKind, IntentState, RequestKind, RequestStatus
from coprove.storage.errors import NotProvenError
from coprove.telemetry import get_logger
from coprove.types import BlockId, BootInfo, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.proposer.context import Context
    from coprove.storage import Intent, ProofRequest
    from coprove.types import Address, BlockRange

__all__ = [
    "choose_checkpoint",
    "intended_checkpoint",
    "prepare_aggregation",
    "proven_chain",
    "prover_of",
]

_log = get_logger(part="aggregation")
_CHECKPOINTS_TRIED: Final = 3


async def proven_chain(ctx: Context, blocks: BlockRange) -> Sequence[ProofRequest]:
    """Return the complete ranges that lead exactly from the start of `blocks` to its end.

    NotProvenError when there is a hole, or a range of which not all is known.
    """
    found = await ctx.store.find(
        kind=RequestKind.RANGE, statuses={RequestStatus.COMPLETE}, touching=blocks
    )
    chain = sorted(found, key=lambda item: item.blocks.start)
    at = blocks.start
    for item in chain:
        if item.blocks.start != at or item.l1_head is None or item.claimed_root is None:
            raise NotProvenError(f"{blocks}: proven ranges lead to block {at} only")
        at = item.blocks.end
    if at != blocks.end:
        raise NotProvenError(f"{blocks}: proven ranges lead to block {at}")
    return chain


async def choose_checkpoint(ctx: Context, request: ProofRequest) -> BlockId | None:
    """Return the L1 block whose hash the contract must hold; None: wait for L1.

    It lies at or behind the safe tag, so that a reorg hardly takes it away, and at or above every
    range's L1 head, so that the header chain reaches all of them. One that the contract holds
    already is taken again; each is compared with L1 before it is.
    """
    chain = await proven_chain(ctx, request.blocks)
    highest = max(item.l1_head.number for item in chain if item.l1_head is not None)
    limit = ctx.settings.rpc_timeout
    safe = await within(limit, "safe L1 block", ctx.l1.block_ref("safe"))
    known = [] if request.checkpoint is None else [request.checkpoint]
    known += [
        intended_checkpoint(intent)
        for intent in await ctx.store.open_intents(IntentKind.CHECKPOINT)
    ]
    known += [item.block for item in await ctx.store.checkpoints()][:_CHECKPOINTS_TRIED]
    for block in known:
        fits = highest <= block.number <= safe.number
        if (
            fits
            and block.number not in ctx.memory.refused_checkpoints
            and await _is_canonical(ctx, block)
        ):
            return block
    if safe.number < highest or safe.number in ctx.memory.refused_checkpoints:
        return None
    return safe.id


def intended_checkpoint(intent: Intent) -> BlockId:
    """Return the block of a checkpoint that an earlier process began to send."""
    values = intent.values
    return BlockId(hash=Hash32.from_hex(values["hash"]), number=int(str(values["number"])))


async def prepare_aggregation(ctx: Context, request: ProofRequest) -> None:
    """Take a claimed aggregation, whose checkpoint is chosen, to the backend.

    CheckpointMismatchError when the contract cannot be brought to hold the right hash,
    ChainChangedError when L1 changed, NotProvenError when a range was given up meanwhile.
    """
    if request.checkpoint is None:
        raise CheckpointMismatchError(0, expected="a chosen checkpoint", actual=None)
    chain = await proven_chain(ctx, request.blocks)
    await _have_checkpointed(ctx, request, request.checkpoint)
    given = await _input(ctx, chain, request.checkpoint)
    outputs = await asyncio.to_thread(run_aggregation, given)
    request = await ctx.store.note(
        ctx.lease,
        request.id,
        agreed_root=outputs.l2_pre_root,
        claimed_root=outputs.l2_post_root,
        prover_address=given.prover_address,
    )
    job = AggregationJob(
        key=job_key(request),
        blocks=request.blocks,
        given=given,
        subproofs=tuple([await _proof(ctx, item) for item in chain]),
        priority=1,
    )
    await hand_over(ctx, request, job)


async def _proof(ctx: Context, item: ProofRequest) -> bytes:
    proof = await ctx.store.proof(item.id)
    if proof is None:
        raise NotProvenError(f"range {item.blocks} is complete without a proof")
    return proof


def prover_of(ctx: Context) -> Address | None:
    """Return the address that proofs must name, None where they name none."""
    if not ctx.contract.has_prover_address:
        return None
    return ctx.settings.prover or ctx.sender.address


async def _input(
    ctx: Context, chain: Sequence[ProofRequest], checkpoint: BlockId
) -> AggregationInput:
    lowest = min(item.l1_head.number for item in chain if item.l1_head is not None)
    numbers = list(range(lowest, checkpoint.number + 1))
    headers = await within(ctx.settings.rpc_timeout, "L1 headers", ctx.l1.headers(numbers))
    if headers[-1].hash != checkpoint.hash:
        raise ChainChangedError(f"L1 block {checkpoint.number} is {headers[-1].hash} now")
    return AggregationInput(
        boot_infos=tuple(_boot_info(ctx, item) for item in chain),
        l1_headers=tuple(header.rlp for header in headers),
        checkpoint_l1_head=checkpoint.hash,
        range_vkey_commitment=ctx.identity.range_vkey_commitment,
        prover_address=prover_of(ctx),
    )


def _boot_info(ctx: Context, item: ProofRequest) -> BootInfo:
    """Return the claim that a complete range was proven for."""
    if item.l1_head is None or item.agreed_root is None or item.claimed_root is None:
        raise NotProvenError(f"range {item.blocks} has no claim of our own program")
    return BootInfo(
        l1_head=item.l1_head.hash,
        l2_pre_root=item.agreed_root,
        l2_post_root=item.claimed_root,
        l2_block_number=item.blocks.end,
        rollup_config_hash=ctx.identity.rollup_config_hash,
    )


async def _have_checkpointed(ctx: Context, request: ProofRequest, block: BlockId) -> None:
    """Return once the contract is seen to hold the block's hash; send a transaction if need be."""
    limit = ctx.settings.rpc_timeout
    held = await within(limit, "checkpoint", ctx.contract.historic_block_hash(block.number))
    if held != block.hash:
        await _send_checkpoint(ctx, request, block)
        held = await within(limit, "checkpoint", ctx.contract.historic_block_hash(block.number))
    if held != block.hash:
        # The block went in a reorg, or is older than the L1 node's own memory of hashes.
        await _refuse(ctx, request, block)
        raise CheckpointMismatchError(block.number, expected=block.hash, actual=held)


async def _send_checkpoint(ctx: Context, request: ProofRequest, block: BlockId) -> None:
    key = f"checkpoint-{block.number}-{block.hash.hex()}"
    await ctx.leadership.confirm()
    intent = await ctx.store.open_intent(
        ctx.lease,
        key,
        IntentKind.CHECKPOINT,
        values={"number": block.number, "hash": block.hash.hex0x},
    )
    if intent.state is IntentState.ABANDONED:
        await _refuse(ctx, request, block)
        raise CheckpointMismatchError(block.number, expected=block.hash, actual="refused before")
    call = ctx.contract.checkpoint_call(block.number)
    try:
        mined = await ctx.sender.send(key=key, to=call.to, data=call.data, value=call.value)
    except (CallRevertedError, TransactionRevertedError) as error:
        await ctx.store.close_intent(ctx.lease, key, IntentState.ABANDONED)
        await _refuse(ctx, request, block)
        raise CheckpointMismatchError(block.number, expected=block.hash, actual=error) from error
    await ctx.store.put_checkpoint(ctx.lease, block, tx_hash=mined.tx_hash)
    await ctx.store.close_intent(ctx.lease, key, IntentState.DONE, {"tx": mined.tx_hash.hex0x})
    _log.info("checkpointed", l1_block=block.number, hash=block.hash, tx=mined.tx_hash)


async def _refuse(ctx: Context, request: ProofRequest, block: BlockId) -> None:
    ctx.memory.refused_checkpoints.add(block.number)
    await ctx.store.drop_checkpoint(ctx.lease, block.number)
    await ctx.store.note(ctx.lease, request.id, checkpoint=None)


async def _is_canonical(ctx: Context, block: BlockId) -> bool:
    try:
        found = await within(ctx.settings.rpc_timeout, "L1 header", ctx.l1.header(block.number))
    except NotYetAvailableError:
        return False
    return found.hash == block.hash
