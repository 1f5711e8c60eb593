"""In optimistic mode the contract takes an approved proposer's word, and refuses proofs.

Outputs then lie exactly at the contract's next block, and their root is the rollup node's.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from coprove.proposer import metrics as m
from coprove.proposer.calls import within
from coprove.proposer.isolation import ENDS_THE_TERM, isolated
from coprove.proposer.proposing import send_proposal
from coprove.storage import IntentKind, IntentState
from coprove.telemetry import get_logger
from coprove.types import Hash32

if TYPE_CHECKING:
    from coprove.contracts import ContractCall
    from coprove.proposer.context import Context
    from coprove.proposer.look import Look
    from coprove.storage import Values

__all__ = ["propose_unproven"]

_log = get_logger(part="optimistic")
_TASK = "propose unproven"


async def propose_unproven(ctx: Context, seen: Look) -> None:
    """Propose the output at the next block once that is final on L2."""
    if seen.is_optimistic and seen.tip >= seen.next_block:
        ctx.background.start(_TASK, _isolated(ctx, seen.next_block))


async def _isolated(ctx: Context, l2_block: int) -> None:
    try:
        await isolated(
            ctx, f"unproven output {l2_block}", m.RELAY_FAILED, partial(_propose, ctx, l2_block)
        )
    except ENDS_THE_TERM as error:
        _log.info("left as it is", l2_block=l2_block, error=error)


async def _propose(ctx: Context, l2_block: int) -> None:
    limit = ctx.settings.rpc_timeout
    output = await within(limit, "output", ctx.node.output_at_block(l2_block))
    # The contract compares this hash with its own BLOCKHASH: a proposal made on an L1 fork that
    # went away cannot enter.
    safe = await within(limit, "safe L1 block", ctx.l1.block_ref("safe"))
    values: Values = {
        "root": output.root.hex0x,
        "l1_hash": safe.hash.hex0x,
        "l1_block": safe.number,
    }

    def call(stored: Values) -> ContractCall:
        return ctx.contract.propose_optimistic_call(
            output_root=Hash32.from_hex(stored["root"]),
            l2_block=l2_block,
            l1_hash=Hash32.from_hex(stored["l1_hash"]),
            l1_block=int(str(stored["l1_block"])),
        )

    sender = ctx.sender.address
    await within(limit, "simulation", ctx.contract.simulate(call(values), sender=sender))
    name = f"propose-unproven-{l2_block}-{output.root.hex()}"
    mined = await send_proposal(ctx, name, l2_block, values=values, call=call)
    for intent in await ctx.store.open_intents(IntentKind.PROPOSAL):
        if intent.key.startswith(name):
            await ctx.store.close_intent(ctx.lease, intent.key, IntentState.DONE)
    ctx.metrics.count(m.PROPOSED)
    _log.warning(
        "output proposed without a proof, in optimistic mode",
        l2_block=l2_block,
        root=output.root,
        tx=mined.tx_hash,
    )
