"""An endpoint whose calls are counted under EigenLayer's names."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from coprove.avs.operator import metrics as names
from coprove.rpc import RpcTransport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.errors import CoproveError
    from coprove.rpc import Call, Json
    from coprove.rpc.http import CallStats
    from coprove.rpc.queries import Answer, Query
    from coprove.telemetry import Metrics

__all__ = ["MeteredTransport"]

T = TypeVar("T")


class MeteredTransport(RpcTransport):
    """Passes everything on to another transport, whose owner closes it."""

    def __init__(self, inner: RpcTransport, metrics: Metrics, *, avs_name: str) -> None:
        """Count in `metrics`."""
        self._inner, self._metrics, self._avs_name = inner, metrics, avs_name
        self.quorum = inner.quorum
        self.client_version = ""
        """What the node calls itself; the label of the series."""

    @property
    def name(self) -> str:
        """See RpcTransport."""
        return self._inner.name

    @property
    def stats(self) -> CallStats:
        """See RpcTransport."""
        return self._inner.stats

    async def close(self) -> None:
        """Leave the other one open."""

    async def batch(
        self,
        calls: Sequence[Call],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's
        max_batch: int | None = None,
    ) -> list[Json | CoproveError]:
        """See RpcTransport."""
        began = time.monotonic()
        try:
            return await self._inner.batch(calls, timeout=timeout, max_batch=max_batch)
        finally:
            self._count([call.method for call in calls], time.monotonic() - began)

    async def read(
        self,
        queries: Sequence[Query[T]],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's
        max_batch: int | None = None,
    ) -> list[T]:
        """See RpcTransport."""
        began = time.monotonic()
        try:
            return await self._inner.read(queries, timeout=timeout, max_batch=max_batch)
        finally:
            self._count([query.call.method for query in queries], time.monotonic() - began)

    async def each(self, query: Query[T], *, everyone: bool = False) -> list[Answer[T]]:
        """See RpcTransport."""
        began = time.monotonic()
        try:
            return await self._inner.each(query, everyone=everyone)
        finally:
            self._count([query.call.method], time.monotonic() - began)

    def blame(self, source: RpcTransport, failure: CoproveError) -> None:
        """See RpcTransport."""
        self._inner.blame(source, failure)

    def _count(self, methods: Sequence[str], seconds: float) -> None:
        for method in methods:
            labels = {
                "avs_name": self._avs_name,
                "method": method,
                "client_version": self.client_version,
            }
            self._metrics.inc(names.RPC_REQUESTS, 1, **labels)
            self._metrics.observe(names.RPC_SECONDS, seconds, **labels)
