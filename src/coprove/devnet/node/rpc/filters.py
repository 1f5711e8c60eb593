"""eth_getLogs and the polling filters."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from coprove.devnet.node.rpc.codec import get_quantity, hex_data, hex_quantity
from coprove.devnet.node.rpc.errors import LIMIT_EXCEEDED, SERVER_ERROR, RpcError
from coprove.devnet.node.rpc.logs import LogCriteria, block_logs, find_logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.devnet.node.chain import HeadChange
    from coprove.devnet.node.rpc.backend import Backend
    from coprove.devnet.node.rpc.dispatch import Method
    from coprove.devnet.node.store import StoredBlock

__all__ = ["Filters"]

_MAX_FILTERS: Final = 1000
_MAX_QUEUED: Final = 20_000
_LIFETIME: Final = 300.0


@dataclass(slots=True, kw_only=True)
class _Filter:
    criteria: LogCriteria | None
    """Of a log filter alone."""
    kind: str
    changes: list[Any] = field(default_factory=list)
    """Answers not yet asked for; of a log filter `_Moved` blocks, whose logs are looked up then."""
    used: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    block_hash: bytes
    removed: bool
    """Whether the block left the canonical chain, rather than joined it."""


class Filters:
    """Log search, and filters that collect what happens between two polls.

    A filter that nobody asks for five minutes is forgotten, as with geth.
    """

    def __init__(self, backend: Backend, clock: Callable[[], float] = time.monotonic) -> None:
        """Serve from `backend`; `clock` gives seconds."""
        self._backend = backend
        self._clock = clock
        self._filters: dict[str, _Filter] = {}
        backend.chain.listen(self._on_head)

    def methods(self) -> dict[str, Method]:
        """The methods by name."""
        return {
            "eth_getLogs": self.get_logs,
            "eth_newFilter": self.new_filter,
            "eth_newBlockFilter": self.new_block_filter,
            "eth_newPendingTransactionFilter": self.new_pending_filter,
            "eth_getFilterChanges": self.changes,
            "eth_getFilterLogs": self.filter_logs,
            "eth_uninstallFilter": self.uninstall,
        }

    async def get_logs(self, criteria: Any) -> list[dict[str, Any]]:
        """eth_getLogs."""
        wanted = LogCriteria.from_json(criteria)
        return await asyncio.to_thread(find_logs, self._backend, wanted)

    async def new_filter(self, criteria: Any) -> str:
        """eth_newFilter."""
        return self._add(_Filter(kind="logs", criteria=LogCriteria.from_json(criteria)))

    async def new_block_filter(self) -> str:
        """eth_newBlockFilter."""
        return self._add(_Filter(kind="blocks", criteria=None))

    async def new_pending_filter(self) -> str:
        """eth_newPendingTransactionFilter."""
        return self._add(_Filter(kind="transactions", criteria=None))

    async def changes(self, filter_id: Any) -> list[Any]:
        """eth_getFilterChanges; what exceeds the limit on logs comes with the next call."""
        found = self._get(filter_id)
        collected, found.changes = found.changes, []
        if found.criteria is None:
            return collected
        logs, done = await asyncio.to_thread(self._changed_logs, found.criteria, collected)
        found.changes[:0] = collected[done:]
        return logs

    def _changed_logs(
        self, criteria: LogCriteria, moves: list[_Moved]
    ) -> tuple[list[dict[str, Any]], int]:
        """Logs of the first of these blocks, and how many of the blocks that were."""
        logs: list[dict[str, Any]] = []
        for done, moved in enumerate(moves):
            if len(logs) >= self._backend.config.max_log_results:
                return logs, done
            found = self._logs(self._backend.chain.block(moved.block_hash), criteria)
            logs += [log | {"removed": True} for log in found] if moved.removed else found
        return logs, len(moves)

    async def filter_logs(self, filter_id: Any) -> list[dict[str, Any]]:
        """eth_getFilterLogs."""
        criteria = self._get(filter_id).criteria
        if criteria is None:
            raise RpcError(SERVER_ERROR, "filter not found")
        return await asyncio.to_thread(find_logs, self._backend, criteria)

    async def uninstall(self, filter_id: Any) -> bool:
        """eth_uninstallFilter."""
        key = hex_quantity(get_quantity(filter_id, "filter id"))
        return self._filters.pop(key, None) is not None

    def _add(self, new: _Filter) -> str:
        self._expire()
        if len(self._filters) >= _MAX_FILTERS:
            raise RpcError(LIMIT_EXCEEDED, f"more than {_MAX_FILTERS} filters")
        new.used = self._clock()
        # Unguessable, so that one user cannot drain the filter of another.
        key = hex_quantity(1 << 127 | secrets.randbits(127))
        self._filters[key] = new
        return key

    def _get(self, filter_id: Any) -> _Filter:
        self._expire()
        found = self._filters.get(hex_quantity(get_quantity(filter_id, "filter id")))
        if found is None:
            raise RpcError(SERVER_ERROR, "filter not found")
        found.used = self._clock()
        return found

    def _expire(self) -> None:
        oldest = self._clock() - _LIFETIME
        for key in [key for key, item in self._filters.items() if item.used < oldest]:
            del self._filters[key]

    def _on_head(self, change: HeadChange) -> None:
        self._expire()
        # Made once: a thousand filters hold the same objects.
        hashes = [hex_data(block.hash) for block in change.joined]
        moves = [_Moved(block_hash=block.hash, removed=True) for block in change.left]
        moves += [_Moved(block_hash=block.hash, removed=False) for block in change.joined]
        for item in self._filters.values():
            if item.kind == "blocks":
                item.changes += hashes
            elif item.criteria is not None:
                item.changes += moves
            del item.changes[:-_MAX_QUEUED]

    def _logs(self, block: StoredBlock, criteria: LogCriteria) -> list[dict[str, Any]]:
        first, last = criteria.first, criteria.last
        if isinstance(first, int) and block.number < first:
            return []
        if isinstance(last, int) and block.number > last:
            return []
        return block_logs(block, criteria)

    def on_transaction(self, transaction_hash: bytes) -> None:
        """Tell the pending-transaction filters of a transaction that the pool took."""
        shown = hex_data(transaction_hash)
        for item in self._filters.values():
            if item.kind == "transactions":
                item.changes.append(shown)
                del item.changes[:-_MAX_QUEUED]
