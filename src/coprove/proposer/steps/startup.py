"""Before anything else: is the contract ours, and what did the process before this one leave?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from coprove.contracts.mock_proof import is_dev_chain
from coprove.proposer import metrics as m
from coprove.proposer.calls import within
from coprove.proposer.errors import ConfigMismatchError, SimulatedProofsError
from coprove.proposer.handover import reconcile
from coprove.proposer.isolation import isolated
from coprove.proposer.requests import stop_work
from coprove.storage import LIVE, RequestStatus
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from coprove.contracts import OutputContract
    from coprove.proposer.context import Context
    from coprove.storage import ConfigIdentity

__all__ = ["recover", "require_same_config", "require_usable_backend"]

_log = get_logger(part="startup")
_RESTARTED = "the process that worked on it ended"


async def require_same_config(
    contract: OutputContract, ours: ConfigIdentity, *, seconds: float
) -> None:
    """Compare what proofs are made for with what the contract is bound to.

    ConfigMismatchError names every value that differs.
    """
    its = await within(seconds, "program keys", contract.keys())
    pairs = (
        ("aggregation vkey", ours.aggregation_vkey, its.aggregation_vkey),
        ("range vkey commitment", ours.range_vkey_commitment, its.range_vkey_commitment),
        ("rollup config hash", ours.rollup_config_hash, its.rollup_config_hash),
    )
    mismatches = [pair for pair in pairs if pair[1] != pair[2]]
    if mismatches:
        raise ConfigMismatchError(contract.address.hex0x, mismatches)


def require_usable_backend(name: str, *, is_simulated: bool, chain_id: int) -> None:
    """Refuse simulated proofs on every L1 but the development chains: SimulatedProofsError."""
    if is_simulated and not is_dev_chain(chain_id):
        raise SimulatedProofsError(name, chain_id=chain_id)


async def recover(ctx: Context, latest: int) -> None:
    """Take up what an earlier leader left; `latest` is the L2 block of the contract's output.

    Work that ended with it is queued again; work that may have reached a backend is looked up
    there. Requests made for other programs or another config are given up.
    """
    found = await ctx.store.recover(ctx.lease, error=_RESTARTED)
    for request in found.unsettled:
        await isolated(
            ctx,
            f"recovery of request {request.id}",
            m.RETRY_FAILED,
            partial(reconcile, ctx, request, error=_RESTARTED),
        )
    given_up = await _drop_other_configs(ctx, latest)
    if found.requeued or found.unsettled or given_up:
        _log.info(
            "recovered",
            queued_again=len(found.requeued),
            looked_up=len(found.unsettled),
            of_other_programs=given_up,
        )


async def _drop_other_configs(ctx: Context, latest: int) -> int:
    """Queue ranges afresh that were made for other programs; return how many there were."""
    count = 0
    for request in await ctx.store.live_ranges(above=latest):
        if request.config is None or request.config == ctx.identity:
            continue
        if request.status is RequestStatus.UNREQUESTED:
            await ctx.store.note(ctx.lease, request.id, config=ctx.identity)
            continue
        count += 1
        replaced = await ctx.store.replace(
            ctx.lease,
            request.id,
            request.status,
            RequestStatus.CANCELLED,
            error="made for other programs or another rollup config",
            attempts=0,
            config=ctx.identity,
        )
        await stop_work(ctx, (request, *replaced.cancelled))
    live = LIVE - {RequestStatus.RELAYED}
    for request in await ctx.store.find(statuses=live):
        if request.config is not None and request.config != ctx.identity:
            count += 1
            await ctx.store.move(
                ctx.lease,
                request.id,
                request.status,
                RequestStatus.CANCELLED,
                error="made for other programs or another rollup config",
            )
            await stop_work(ctx, (request,))
    return count
