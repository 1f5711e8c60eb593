"""A process that leads and writes, for tests that stop, wake and kill it.

Run as `python -m tests.integration.storage_writer URL HOLDER TTL MODE`; says what it does line by
line. Mode `loop` plans one range after another until it loses the lead, and then tries every
write. Mode `inside` stops itself in the middle of a transaction.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from coprove.errors import CoproveError
from coprove.storage import (
    IntentKind,
    IntentState,
    Lease,
    RangePlan,
    RequestStatus,
    RequestStore,
    Scope,
    engine,
    open_store,
    plan_adoption,
    steps,
)
from coprove.storage.errors import LeaseLostError
from coprove.types import Address, BlockId, BlockRange, Hash32
from coprove.types.transactions import Attempt, Draft, Fees
from coprove.types.transactions import IntentState as TxState

SCOPE = Scope(l1_chain_id=1, l2_chain_id=10, contract=Address(bytes(20)))
PAUSE_SECONDS = 2.0
"""How long a transaction that was paused may hold its lock."""

_SENDER = Address(b"s" * 20)
_ATTEMPT = Attempt(
    tx_hash=Hash32(bytes(32)),
    nonce=0,
    raw=b"late",
    fees=Fees(max_fee=1, priority_fee=1),
    sent_at=0.0,
)


def _draft(key: str) -> Draft:
    return Draft(key=key, sender=_SENDER, to=None, value=0, data=b"", gas_limit=21_000)


def say(*words: object) -> None:
    """Write a line that the test reads."""
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


async def plan_one(store: RequestStore, lease: Lease, holder: str) -> int:
    """Plan the next range of one block; return its end."""
    end = await store.highest_end()
    assert end is not None
    blocks = BlockRange(start=end, end=end + 1)
    await store.plan_ranges(lease, [RangePlan(blocks=blocks)], backend=holder)
    return end + 1


async def try_everything(store: RequestStore, lease: Lease) -> None:
    """Say of each write whether it was refused for want of the lead."""
    block = BlockId(hash=Hash32(bytes(32)), number=1)
    request = (await store.find(limit=1))[0].id
    queued, begun = RequestStatus.UNREQUESTED, RequestStatus.WITNESS_GENERATION
    writes = {
        "renew": store.renew(lease, 60.0),
        "check": store.check(lease),
        "reanchor": store.reanchor(lease, 10**6),
        "cut_above": store.cut_above(lease, 0, error="x"),
        "plan_ranges": plan_one(store, lease, "late"),
        "add_aggregation": store.add_aggregation(lease, BlockRange(start=0, end=1), backend="late"),
        "move": store.move(lease, request, queued, begun),
        "note": store.note(lease, request, error="late"),
        "replace": store.replace(lease, request, queued, RequestStatus.CANCELLED, error="late"),
        "recover": store.recover(lease, error="late"),
        "adopt": store.adopt(lease, plan_adoption((), 0), backend="late"),
        "open_intent": store.open_intent(lease, "late", IntentKind.PROPOSAL),
        "note_intent": store.note_intent(lease, "intent", {"late": 1}),
        "close_intent": store.close_intent(lease, "intent", IntentState.DONE),
        "put_checkpoint": store.put_checkpoint(lease, block),
        "drop_checkpoint": store.drop_checkpoint(lease, 1),
        "bind_chain": store.bind_chain(lease, "late"),
        "reserve_transaction": store.reserve_transaction(lease, _draft("late"), chain_nonce=0),
        "renumber_transaction": store.renumber_transaction(lease, "sent", chain_nonce=9),
        "record_transaction": store.record_transaction(lease, "sent", None, TxState.OPEN),
        "discard_transaction": store.discard_transaction(lease, "sent"),
        "add_attempt": store.add_attempt(lease, "sent", _ATTEMPT),
    }
    for name, write in writes.items():
        try:
            await write
        except LeaseLostError:
            say("refused", name)
        else:
            say("WRITTEN", name)
    await store.release(lease)


async def main(url: str, holder: str, ttl: float, mode: str) -> None:
    """Lead, and write as the mode says."""
    engine.LOCK_SECONDS = PAUSE_SECONDS
    planned = steps.new_ranges

    def stop_first(*args: object, **kwargs: object) -> object:
        os.kill(os.getpid(), signal.SIGSTOP)
        return planned(*args, **kwargs)  # type: ignore[arg-type]

    async with await open_store(url, SCOPE) as store:
        lease = await store.acquire(holder, ttl)
        if await store.anchor() is None:
            await store.reanchor(lease, 0)
        await store.open_intent(lease, "intent", IntentKind.PROPOSAL)
        await store.reserve_transaction(lease, _draft("sent"), chain_nonce=0)
        say("leading", lease.token)
        if mode == "inside":
            steps.new_ranges = stop_first  # type: ignore[assignment]
        try:
            while True:
                lease = await store.renew(lease, ttl)
                say("planned", await plan_one(store, lease, holder))
        except LeaseLostError:
            say("lost")
        except CoproveError as error:
            say("failed", type(error).__name__)
        await try_everything(store, lease)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]))
