"""How the services send transactions to L1: one call that returns once the effect is on chain."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from coprove.contracts.transactions import (
    LocalSigner,
    SqliteIntentStore,
    TransactionManager,
    TransactionOptions,
)
from coprove.devnet.accounts import DevAccounts, require_dev_chain
from coprove.rpc import EthClient
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coprove.devnet.settings import ServiceSettings
    from coprove.rpc import JsonRpcTransport
    from coprove.types import Address, Hash32, RollupConfig

__all__ = ["ManagedSender", "Mined", "Sender", "open_sender"]

_log = get_logger(part="sender")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """Where a transaction ended."""

    tx_hash: Hash32
    """The transaction that was mined, of those sent for one intent."""
    block_number: int
    """Its L1 block."""


class Sender(Protocol):
    """Signs and sends from one account."""

    @property
    def address(self) -> Address:
        """The account."""

    async def send(
        self, *, key: str, to: Address, data: bytes, gas_limit: int | None = None
    ) -> Mined:
        """Send once for `key`, whatever happens in between, and wait until it is mined.

        A second call with the same key, after a crash too, returns the first one's outcome. Calls
        that give their `gas_limit` take their nonces in the order in which they are made.
        Raises a Critical leaf when the transaction reverted.
        """

    async def settle(self, seconds: float) -> None:
        """Wait, `seconds` at most, until what an earlier process sent is mined."""


class ManagedSender:
    """A `Sender` on the transaction manager and its stored intents."""

    def __init__(
        self, manager: TransactionManager, store: SqliteIntentStore, client: EthClient
    ) -> None:
        """`manager` must be started, on `store`."""
        self._manager, self._store, self._client = manager, store, client

    @property
    def address(self) -> Address:
        """The account."""
        return self._manager.address

    async def send(
        self, *, key: str, to: Address, data: bytes, gas_limit: int | None = None
    ) -> Mined:
        """See `Sender`."""
        mined = await self._manager.send(key=key, to=to, data=data, gas_limit=gas_limit)
        return Mined(tx_hash=mined.tx_hash, block_number=mined.block_number)

    async def settle(self, seconds: float) -> None:
        """See `Sender`."""
        deadline = time.monotonic() + seconds
        while waiting := await self._unsettled():
            if time.monotonic() > deadline:
                _log.warning("transactions of an earlier run do not settle", keys=waiting)
                return
            await asyncio.sleep(0.2)

    async def _unsettled(self) -> list[str]:
        answer = await self._client.transport.call(
            "eth_getTransactionCount", [str(self.address), "latest"]
        )
        nonce = int(str(answer), 16)
        found = await self._store.unsettled(self.address, chain_nonce=nonce)
        return [intent.key for intent in found]


@asynccontextmanager
async def open_sender(
    settings: ServiceSettings,
    rollup: RollupConfig,
    transport: JsonRpcTransport,
    *,
    account: int,
) -> AsyncIterator[ManagedSender]:
    """Give a sender for a development account, its intents in the service's data directory.

    NotADevChainError when either chain is no development chain.
    """
    client = EthClient(transport)
    require_dev_chain(await client.chain_id(), rollup.l2_chain_id)
    store = SqliteIntentStore(settings.data_dir / "transactions.sqlite")
    signer = LocalSigner(DevAccounts().account(account))
    # One confirmation: what a reorg undoes is noticed by derivation and by the contract's state.
    options = TransactionOptions(confirmations=1, poll_interval=settings.poll_interval)
    try:
        async with TransactionManager(transport, signer, store, options) as manager:
            yield ManagedSender(manager, store, client)
    finally:
        store.close()
