"""A proven aggregation on its way into the contract, each step checked and stored before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.contracts import OutputClaim
from coprove.contracts.errors import CallRevertedError
from coprove.proposer import metrics as m
from coprove.proposer.aggregation_work import proven_chain
from coprove.proposer.calls import within
from coprove.proposer.errors import (
    ChainChangedError,
    CheckpointMismatchError,
    OutputMismatchError,
    ProposalRefusedError,
)
from coprove.proposer.proposing import send_proposal
from coprove.storage import IntentKind, IntentState, RequestStatus
from coprove.telemetry import get_logger
from coprove.types import Address

if TYPE_CHECKING:
    from coprove.contracts import ContractCall
    from coprove.proposer.context import Context
    from coprove.storage import ProofRequest
    from coprove.types import Hash32

__all__ = ["note_relayed", "propose", "settle_intents"]

_log = get_logger(part="relay")
_NOBODY: Final = Address(bytes(20))


async def propose(ctx: Context, request: ProofRequest) -> None:
    """Propose the output of a complete aggregation, once, and wait until that is settled.

    Raises OutputMismatchError when the program's root is not the node's or not the one that the
    contract stands on, ChainChangedError when the checkpoint or a range is gone,
    CheckpointMismatchError when the contract holds another hash for the checkpoint than L1,
    ProposalRefusedError when the contract would not take it: then nothing was sent.
    """
    root = await _checked_root(ctx, request)
    call = await _call(ctx, request, root)
    limit = ctx.settings.rpc_timeout
    try:
        await within(limit, "simulation", ctx.contract.simulate(call, sender=ctx.sender.address))
    except CallRevertedError as error:
        ctx.metrics.count(m.AGG_REFUSED, "simulation")
        raise ProposalRefusedError(f"output {request.blocks.end}: {error}") from error
    mined = await send_proposal(
        ctx,
        f"propose-{request.blocks.end}-{request.id}",
        request.blocks.end,
        values={"l2_block": request.blocks.end, "root": root.hex0x},
        call=lambda _values: call,
        request_id=request.id,
    )
    await note_relayed(ctx, request, mined.tx_hash)
    simulated = " with a simulated proof" if ctx.backend.is_simulated else ""
    _log.info(
        f"output proposed{simulated}",
        l2_block=request.blocks.end,
        root=root,
        tx=mined.tx_hash,
        l1_block=mined.block_number,
    )


async def note_relayed(ctx: Context, request: ProofRequest, tx_hash: Hash32) -> None:
    """Note that an aggregation's output is on L1."""
    await ctx.store.move(
        ctx.lease, request.id, RequestStatus.COMPLETE, RequestStatus.RELAYED, relay_tx=tx_hash
    )
    await settle_intents(ctx, request, IntentState.DONE)
    ctx.pauses.succeeded(request)
    ctx.metrics.count(m.PROPOSED)


async def settle_intents(ctx: Context, request: ProofRequest, state: IntentState) -> None:
    """Close what is open of an aggregation's proposals."""
    for intent in await ctx.store.open_intents(IntentKind.PROPOSAL, request.id):
        await ctx.store.close_intent(ctx.lease, intent.key, state)


async def _checked_root(ctx: Context, request: ProofRequest) -> Hash32:
    """Return the root to propose: our program's, which everyone else must agree with."""
    limit, end = ctx.settings.rpc_timeout, request.blocks.end
    chain = await proven_chain(ctx, request.blocks)
    root = request.claimed_root
    if root is None or root != chain[-1].claimed_root:
        raise OutputMismatchError(
            end, program=chain[-1].claimed_root, source="the aggregation", other=root
        )
    latest = await within(limit, "latest output", ctx.contract.latest_output())
    if latest.l2_block_number != request.blocks.start:
        raise ChainChangedError(f"the contract is at block {latest.l2_block_number}")
    if latest.output_root != request.agreed_root:
        raise OutputMismatchError(
            latest.l2_block_number,
            program=request.agreed_root,
            source="the contract",
            other=latest.output_root,
        )
    node = await within(limit, "output", ctx.node.output_at_block(end))
    if node.root != root:
        raise OutputMismatchError(end, program=root, source="the rollup node", other=node.root)
    return root


async def _call(ctx: Context, request: ProofRequest, root: Hash32) -> ContractCall:
    """Return the proposing call, its checkpoint compared with L1 and with the contract."""
    limit, checkpoint = ctx.settings.rpc_timeout, request.checkpoint
    proof = await ctx.store.proof(request.id)
    if checkpoint is None or proof is None:
        raise ChainChangedError(f"aggregation {request.blocks} has no checkpoint or no proof")
    held = await within(limit, "checkpoint", ctx.contract.historic_block_hash(checkpoint.number))
    there = await within(limit, "L1 header", ctx.l1.header(checkpoint.number))
    if there.hash != checkpoint.hash:
        raise ChainChangedError(f"checkpointed L1 block {checkpoint.number} is {there.hash} now")
    if held != checkpoint.hash:
        raise CheckpointMismatchError(checkpoint.number, expected=checkpoint.hash, actual=held)
    claim = OutputClaim(
        output_root=root,
        l2_block=request.blocks.end,
        l1_block=checkpoint.number,
        proof=proof,
        prover=request.prover_address or _NOBODY,
    )
    return await within(limit, "proposing call", ctx.contract.propose_call(claim))
