"""Sending a proposal once, and seeing the output in the contract's list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.contracts.errors import CallRevertedError, TransactionRevertedError
from coprove.proposer import metrics as m
from coprove.proposer.calls import within
from coprove.proposer.errors import ChainChangedError, ProposalRefusedError
from coprove.storage import IntentKind, IntentState
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.contracts import ContractCall, Mined
    from coprove.proposer.context import Context
    from coprove.storage import Values

__all__ = ["send_proposal"]

_log = get_logger(part="proposing")


async def send_proposal(
    ctx: Context,
    name: str,
    l2_block: int,
    *,
    values: Values,
    call: Callable[[Values], ContractCall],
    request_id: int | None = None,
) -> Mined:
    """Send a proposal under the first key of `name` that is not used up; return where it settled.

    Its intent, with `values`, is stored before; one that is there already is carried on, and its
    own values go to `call`. ProposalRefusedError when the contract does not take it: then the key
    is used up. ChainChangedError when it is mined and yet not in the list.
    """
    attempt = 0
    while True:
        attempt += 1
        key = f"{name}-{attempt}"
        intent = await ctx.store.open_intent(
            ctx.lease, key, IntentKind.PROPOSAL, request_id=request_id, values=values
        )
        if intent.state is IntentState.ABANDONED:
            continue
        mined = await _send(ctx, key, l2_block, call(intent.values))
        limit = ctx.settings.rpc_timeout
        latest = await within(limit, "latest block", ctx.contract.latest_block_number())
        if latest >= l2_block:
            return mined
        if intent.state is IntentState.OPEN:
            raise ChainChangedError(f"output {l2_block} is mined, but not in the list")
        # It was there once and was deleted: this key's effect is history.
        _log.warning("the output was deleted", l2_block=l2_block, tx=mined.tx_hash)


async def _send(ctx: Context, key: str, l2_block: int, call: ContractCall) -> Mined:
    await ctx.leadership.confirm()
    try:
        return await ctx.sender.send(key=key, to=call.to, data=call.data, value=call.value)
    except (CallRevertedError, TransactionRevertedError) as error:
        # The key is used up, or nothing was stored under it: the next try has another.
        await ctx.store.close_intent(ctx.lease, key, IntentState.ABANDONED)
        ctx.metrics.count(m.RELAY_FAILED, type(error).__name__)
        raise ProposalRefusedError(f"output {l2_block}: {error}") from error
