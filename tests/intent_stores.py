"""Every kind of store that a transaction manager may keep its intents in."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import TYPE_CHECKING

from coprove.contracts import MemoryIntentStore, SqliteIntentStore
from coprove.storage import (
    MemoryDatabase,
    MemoryRequestStore,
    RequestStore,
    Scope,
    TransactionLog,
    open_store,
)
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from coprove.contracts import IntentStore

__all__ = ["INTENT_STORES", "SCOPE", "open_intent_store"]

INTENT_STORES = ("memory", "file", "requests in memory", "requests on SQLite", "requests on server")
"""Our own two, and the request store, as a leader sees it, on each database."""
SCOPE = Scope(l1_chain_id=31337, l2_chain_id=901, contract=Address(b"\x07" * 20))
_TTL = 3600.0


@asynccontextmanager
async def open_intent_store(
    kind: str, folder: Path, server_url: Callable[[], str]
) -> AsyncIterator[IntentStore]:
    """Give an empty store of a kind; `server_url` makes a database on PostgreSQL."""
    async with AsyncExitStack() as stack:
        if kind == "memory":
            yield MemoryIntentStore()
            return
        if kind == "file":
            yield stack.enter_context(closing(SqliteIntentStore(folder / "intents.sqlite")))
            return
        store: RequestStore
        if kind == "requests in memory":
            store = MemoryRequestStore(MemoryDatabase(), SCOPE)
        elif kind == "requests on SQLite":
            store = await open_store(f"sqlite:///{folder / 'requests.sqlite'}", SCOPE)
        else:
            store = await open_store(server_url(), SCOPE)
        await stack.enter_async_context(store)
        yield TransactionLog(store, await store.acquire("leader", _TTL))
