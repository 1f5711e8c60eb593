"""One intent on its way into the chain: sign, store, send, look, raise, until it is deep enough."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coprove.contracts.errors import TransactionRefusedError
from coprove.contracts.transactions.endpoint import SendOutcome
from coprove.contracts.transactions.fees import FeePolicy
from coprove.contracts.transactions.signer import UnsignedTransaction
from coprove.errors import CoproveError, Temporary
from coprove.primitives import keccak256
from coprove.telemetry import get_logger
from coprove.types import Hash32
from coprove.types.transactions import Attempt, Fees, IntentState

if TYPE_CHECKING:
    from coprove.contracts.transactions.endpoint import Endpoint
    from coprove.contracts.transactions.signer import Signer
    from coprove.contracts.transactions.store import IntentStore
    from coprove.types.transactions import Intent, Mined

__all__ = ["Account", "SendGuard", "TransactionOptions", "watch"]

SendGuard = Callable[[], Awaitable[None]]
"""Awaited right before a transaction is broadcast; when it raises, nothing is sent."""

_log = get_logger(part="transactions")
_TRANSFER_GAS = 21_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionOptions:
    """How transactions are sent and when they count as settled."""

    confirmations: int = 3
    """Blocks from the transaction's own to the head, both counted, until it is settled."""
    poll_interval: float = 1.0
    """Seconds between two looks at the chain."""
    resubmit_after: float = 60.0
    """Seconds that an attempt waits in the pool before one with higher fees replaces it."""
    gas_margin_percent: int = 25
    """Added to the endpoint's gas estimate."""
    gas_cap: int = 1 << 24
    """Most gas of one transaction (EIP-7825); an estimate above it is sent as it is."""
    fees: FeePolicy = field(default_factory=FeePolicy)
    """How fees are chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What every watcher of one account shares."""

    chain_id: int
    """Chain that is signed for."""
    endpoint: Endpoint
    """Where transactions go."""
    signer: Signer
    """Who signs."""
    store: IntentStore
    """Where intents and attempts are kept."""
    options: TransactionOptions
    """How to send."""
    reopen: Callable[[Intent], Awaitable[None]]
    """Has a settled intent watched again that the chain lost."""
    guard: SendGuard | None = None
    """Asked before every broadcast."""

    async def broadcast(self, raw: bytes) -> SendOutcome:
        """Hand a signed transaction to the endpoint, unless the guard objects."""
        if self.guard is not None:
            await self.guard()
        return await self.endpoint.send(raw)


async def watch(account: Account, key: str) -> Mined:
    """Bring the intent of `key` into the chain and return where it settled.

    Temporary failures are logged and met again at the next look. Others, those of the guard too,
    end the watch; the intent stays in the store for whoever may send again.
    """
    refused_before = False
    while True:
        try:
            mined = await _look(account, key)
            refused_before = False
        except TransactionRefusedError as error:
            # A lagging node may refuse what another one takes: ask a second time.
            if refused_before or not await account.store.attempts(key):
                await _free_nonce(account, key)
                raise
            refused_before = True
            _log.warning("transaction refused", key=key, error=str(error))
            mined = None
        except Temporary as error:
            _log.warning("transaction waits", key=key, error=str(error))
            mined = None
        if mined is not None:
            return mined
        await asyncio.sleep(account.options.poll_interval)


async def _look(account: Account, key: str) -> Mined | None:
    """Take the intent one step on; return where it settled once it has."""
    intent = await _stored(account, key)
    attempts = await account.store.attempts(key)
    for attempt in reversed(attempts):
        mined = await account.endpoint.receipt(attempt.tx_hash)
        if mined is not None:
            return await _settle(account, intent, mined)
    if intent.mined is not None:
        _log.warning("transaction left the chain", key=key, tx=intent.mined.tx_hash)
        await account.store.record(key, None, IntentState.OPEN)
    current = [attempt for attempt in attempts if attempt.nonce == intent.nonce]
    if not current:
        await _sign_and_send(account, intent, await _market(account))
        return None
    chain_nonce = await account.endpoint.nonce(account.signer.address)
    if chain_nonce > intent.nonce:
        await _renumber_if_taken(account, intent)
        return None
    if chain_nonce < intent.nonce:
        await _cover_gap(account, chain_nonce, intent.nonce)
    await _keep_in_pool(account, intent, current[-1], is_next=chain_nonce == intent.nonce)
    return None


async def _settle(account: Account, intent: Intent, mined: Mined) -> Mined | None:
    depth = await account.endpoint.head() - mined.block_number + 1
    is_deep = depth >= account.options.confirmations
    if is_deep or mined != intent.mined:
        state = IntentState.DONE if is_deep else IntentState.OPEN
        await account.store.record(intent.key, mined, state)
    return mined if is_deep else None


async def _keep_in_pool(account: Account, intent: Intent, last: Attempt, *, is_next: bool) -> None:
    """Raise the fees of an attempt that waited too long at the head of the queue; send a lost one
    again.
    """
    if is_next and time.time() - last.sent_at >= account.options.resubmit_after:
        fees = account.options.fees.bumped(last.fees, await _market(account))
        _log.info("replacing a stuck transaction", key=intent.key, max_fee=fees.max_fee)
        await _sign_and_send(account, intent, fees)
    elif not await account.endpoint.knows(last.tx_hash):
        outcome = await account.broadcast(last.raw)
        _log.info("sent a lost transaction again", key=intent.key, outcome=outcome.name)
        if outcome is SendOutcome.UNDERPRICED and is_next:
            fees = account.options.fees.bumped(last.fees, await _market(account))
            await _sign_and_send(account, intent, fees)


async def _sign_and_send(account: Account, intent: Intent, fees: Fees) -> None:
    draft = intent.draft
    raw = await account.signer.sign(
        UnsignedTransaction(
            chain_id=account.chain_id,
            nonce=intent.nonce,
            fees=fees,
            gas_limit=draft.gas_limit,
            to=draft.to,
            value=draft.value,
            data=draft.data,
        )
    )
    attempt = Attempt(
        tx_hash=Hash32(keccak256(raw)),
        nonce=intent.nonce,
        raw=raw,
        fees=fees,
        sent_at=time.time(),
    )
    is_first = not await account.store.attempts(intent.key)
    await account.store.add_attempt(intent.key, attempt)
    try:
        outcome = await account.broadcast(raw)
    except TransactionRefusedError:
        if is_first:
            await account.store.discard(intent.key)
        raise
    _log.debug("transaction sent", key=intent.key, tx=attempt.tx_hash, outcome=outcome.name)


async def _renumber_if_taken(account: Account, intent: Intent) -> None:
    """Give the intent a new nonce when another transaction holds its own for good.

    The caller found no receipt of any attempt; an endpoint may answer so for a moment while the
    count is ahead already, so the nonce must be used up at the settled depth.
    """
    settled = await account.endpoint.head() - account.options.confirmations
    if await account.endpoint.nonce(account.signer.address, settled) <= intent.nonce:
        return
    for attempt in await account.store.attempts(intent.key):
        if await account.endpoint.knows(attempt.tx_hash):
            return
    chain_nonce = await account.endpoint.nonce(account.signer.address)
    moved = await account.store.renumber(intent.key, chain_nonce)
    _log.warning("nonce taken elsewhere", key=intent.key, old=intent.nonce, new=moved.nonce)


async def _cover_gap(account: Account, chain_nonce: int, own_nonce: int) -> None:
    """See that every nonce below `own_nonce` is on its way, or the intent would wait for ever."""
    before = await account.store.unsettled(account.signer.address, chain_nonce=chain_nonce)
    stored = {intent.nonce: intent for intent in before}
    for nonce in range(chain_nonce, own_nonce):
        intent = stored.get(nonce)
        if intent is not None:
            await account.reopen(intent)
        else:
            await _fill(account, nonce)


async def _free_nonce(account: Account, key: str) -> None:
    """Use up the nonce of a refused intent that others stand behind, unless an attempt lives."""
    intent = await account.store.get(key)
    if intent is None:
        return
    for attempt in await account.store.attempts(key):
        if await account.endpoint.knows(attempt.tx_hash):
            return
    if await account.endpoint.nonce(account.signer.address) <= intent.nonce:
        await _fill(account, intent.nonce)


async def _fill(account: Account, nonce: int) -> None:
    """Use up a nonce that no intent holds by a transfer of nothing to oneself.

    It is not stored: sent twice it still has no effect.
    """
    raw = await account.signer.sign(
        UnsignedTransaction(
            chain_id=account.chain_id,
            nonce=nonce,
            fees=await _market(account),
            gas_limit=_TRANSFER_GAS,
            to=account.signer.address,
            value=0,
            data=b"",
        )
    )
    outcome = await account.broadcast(raw)
    if outcome is SendOutcome.ACCEPTED:
        _log.warning("nonce gap filled", nonce=nonce)


async def _market(account: Account) -> Fees:
    base_fee, priority = await asyncio.gather(
        account.endpoint.base_fee(), account.endpoint.priority_fee()
    )
    return account.options.fees.first(base_fee=base_fee, suggested_priority_fee=priority)


async def _stored(account: Account, key: str) -> Intent:
    intent = await account.store.get(key)
    if intent is None:
        raise CoproveError(f"intent {key!r} is not in the store")
    return intent
