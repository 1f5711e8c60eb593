"""The transaction manager: one account's way to the chain, each effect once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from coprove.closing import AsyncClosing
from coprove.contracts.errors import (
    IntentConflictError,
    ManagerClosedError,
    StoreMismatchError,
    TransactionRevertedError,
)
from coprove.contracts.transactions.endpoint import Endpoint
from coprove.contracts.transactions.watcher import Account, TransactionOptions, watch
from coprove.errors import CoproveError
from coprove.telemetry import get_logger
from coprove.types.transactions import Draft, IntentState

if TYPE_CHECKING:
    from coprove.contracts.transactions.signer import Signer
    from coprove.contracts.transactions.store import IntentStore
    from coprove.contracts.transactions.watcher import SendGuard
    from coprove.rpc import RpcTransport
    from coprove.types import Address
    from coprove.types.transactions import Intent, Mined

__all__ = ["TransactionManager"]

_log = get_logger(part="transactions")


class TransactionManager(AsyncClosing):
    """Signs and sends for one account; several calls may wait at once.

    Use as an async context manager. On entering, what an earlier process left open is taken up
    again; on leaving, open intents stay in the store for the next one.
    """

    def __init__(
        self,
        transport: RpcTransport,
        signer: Signer,
        store: IntentStore,
        options: TransactionOptions | None = None,
        *,
        guard: SendGuard | None = None,
    ) -> None:
        """Nothing is asked or sent before `start`.

        `guard` is awaited right before every broadcast, fillers and repeats included. It raises to
        forbid it: so a process that lost its lease sends nothing, whatever it has signed.
        """
        self._endpoint = Endpoint(transport)
        self._signer = signer
        self._store = store
        self._options = options or TransactionOptions()
        self._send_guard = guard
        self._account: Account | None = None
        self._tasks: dict[str, asyncio.Task[Mined]] = {}
        self._settled_watch: asyncio.Task[None] | None = None
        self._reserving = asyncio.Lock()

    @property
    def address(self) -> Address:
        """The account."""
        return self._signer.address

    async def __aenter__(self) -> Self:
        """Start and return the manager itself."""
        await self.start()
        return self

    async def start(self) -> None:
        """Bind the store to the endpoint's chain and take up what is open.

        StoreMismatchError when the store belongs to another chain.
        """
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise

    async def _start(self) -> None:
        chain_id = await self._endpoint.chain_id()
        chain = f"chain {chain_id}, genesis {await self._endpoint.genesis_hash()}"
        bound = await self._store.bind(chain)
        if bound != chain:
            raise StoreMismatchError(expected=bound, actual=chain)
        self._account = Account(
            chain_id=chain_id,
            endpoint=self._endpoint,
            signer=self._signer,
            store=self._store,
            options=self._options,
            reopen=self._reopen,
            guard=self._send_guard,
        )
        chain_nonce = await self._endpoint.nonce(self.address)
        for intent in await self._store.unsettled(self.address, chain_nonce=chain_nonce):
            _log.info("taking up a transaction", key=intent.key, nonce=intent.nonce)
            await self._reopen(intent)
        self._settled_watch = asyncio.create_task(self._watch_settled())

    async def close(self) -> None:
        """Stop watching; calls that wait raise ManagerClosedError. The store stays open."""
        tasks: list[asyncio.Task[Any]] = list(self._tasks.values())
        if self._settled_watch is not None:
            tasks.append(self._settled_watch)
        self._tasks, self._account, self._settled_watch = {}, None, None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def send(
        self,
        *,
        key: str,
        to: Address | None,
        data: bytes = b"",
        value: int = 0,
        gas_limit: int | None = None,
    ) -> Mined:
        """Send once for `key` and return where the transaction settled.

        A call with a key that was used before, by an earlier process too, joins or returns that
        one's outcome. What a reorg takes back after it settled is sent again. `to` None creates a
        contract; `gas_limit` None asks the endpoint, with a margin. Raises CallRevertedError when
        it would fail now (nothing is stored then), TransactionRevertedError when it was mined and
        failed, IntentConflictError when the key stands for something else, ManagerClosedError,
        and Temporary leaves while nothing is stored yet.
        """
        intent = await self._store.get(key)
        if intent is None:
            draft = Draft(
                key=key,
                sender=self.address,
                to=to,
                value=value,
                data=data,
                gas_limit=gas_limit or 0,
            )
            intent = await self._reserve(draft)
        _require_same(intent.draft, sender=self.address, to=to, data=data, value=value)
        if intent.state is IntentState.DONE and intent.mined is not None:
            return await self._outcome(intent, intent.mined)
        task = self._watched(intent)
        try:
            mined = await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise ManagerClosedError(f"closed while {key} was on its way") from None
            raise
        return await self._outcome(intent, mined)

    async def outcome(self, key: str) -> Mined | None:
        """Return where the transaction of a key settled; None when it has not, or is not known."""
        intent = await self._store.get(key)
        return intent.mined if intent is not None and intent.state is IntentState.DONE else None

    async def _reserve(self, draft: Draft) -> Intent:
        gas_limit = draft.gas_limit
        if gas_limit == 0:
            estimate = await self._endpoint.estimate_gas(draft)
            with_margin = estimate * (100 + self._options.gas_margin_percent) // 100
            gas_limit = max(estimate, min(with_margin, self._options.gas_cap))
        async with self._reserving:
            there = await self._store.get(draft.key)
            if there is not None:
                return there
            complete = Draft(
                key=draft.key,
                sender=draft.sender,
                to=draft.to,
                value=draft.value,
                data=draft.data,
                gas_limit=gas_limit,
            )
            return await self._store.reserve(complete, await self._endpoint.nonce(self.address))

    async def _reopen(self, intent: Intent) -> None:
        if intent.state is IntentState.DONE:
            _log.warning("a settled transaction left the chain", key=intent.key)
            await self._store.record(intent.key, None, IntentState.OPEN)
        self._watched(intent)

    async def _watch_settled(self) -> None:
        """Send settled transactions again that a deep reorg took out of the chain."""
        while True:
            await asyncio.sleep(self._options.poll_interval)
            try:
                chain_nonce = await self._endpoint.nonce(self.address)
                for intent in await self._store.unsettled(self.address, chain_nonce=chain_nonce):
                    if intent.state is IntentState.DONE:
                        await self._reopen(intent)
            except CoproveError as error:
                _log.warning("settled transactions are not watched", error=str(error))

    def _watched(self, intent: Intent) -> asyncio.Task[Mined]:
        """Return the task that watches an intent, a new one when there is none at work."""
        if self._account is None:
            raise ManagerClosedError(f"the manager is not running; {intent.key} waits")
        task = self._tasks.get(intent.key)
        if task is None or task.done():
            task = asyncio.create_task(watch(self._account, intent.key), name=intent.key)
            task.add_done_callback(self._ended)
            self._tasks[intent.key] = task
        return task

    def _ended(self, task: asyncio.Task[Mined]) -> None:
        key = task.get_name()
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            # Nobody may wait for a transaction that was taken up at the start.
            _log.error("transaction given up", key=key, error=str(error))

    async def _outcome(self, intent: Intent, mined: Mined) -> Mined:
        if mined.succeeded:
            return mined
        reason = await self._endpoint.failure_reason(intent.draft, mined.block_number)
        raise TransactionRevertedError(intent.key, tx_hash=mined.tx_hash.hex0x, error=reason)


def _require_same(
    stored: Draft, *, sender: Address, to: Address | None, data: bytes, value: int
) -> None:
    wanted = {"sender": sender, "recipient": to, "data": data, "value": value}
    there = {
        "sender": stored.sender,
        "recipient": stored.to,
        "data": stored.data,
        "value": stored.value,
    }
    differs = ", ".join(name for name in wanted if wanted[name] != there[name])
    if differs:
        raise IntentConflictError(stored.key, differs=differs)
