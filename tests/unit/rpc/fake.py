"""JSON-RPC servers whose answers a test writes down."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from coprove.rpc import EndpointOptions, RetryPolicy, open_transport
from tests.unit.rpc.hostile import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from coprove.rpc import RpcTransport

__all__ = ["FakeNode", "RpcFault", "transport_to"]

OPTIONS = EndpointOptions(retry=RetryPolicy(attempts=3, base_delay=0.001, max_delay=0.005))


class RpcFault(Exception):  # noqa: N818
    """Becomes a JSON-RPC error object."""

    def __init__(self, code: int, message: str) -> None:
        """What the caller is told."""
        super().__init__(message)
        self.code = code


@dataclass
class FakeNode:
    """Answers each method by its function; others are not found. Counts what it was asked."""

    methods: dict[str, Callable[..., Any]] = field(default_factory=dict)
    status: int = 200
    asked: list[str] = field(default_factory=list)
    requests: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        self.requests += 1
        if self.status != 200:
            return web.Response(status=self.status)
        body = await request.json()
        if isinstance(body, list):
            return web.json_response([self._answer(call) for call in body])
        return web.json_response(self._answer(body))

    def _answer(self, call: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(call["method"])
        reply = {"jsonrpc": "2.0", "id": call["id"]}
        method = self.methods.get(call["method"])
        if method is None:
            return {**reply, "error": {"code": -32601, "message": "the method does not exist"}}
        try:
            return {**reply, "result": method(*call["params"])}
        except RpcFault as fault:
            return {**reply, "error": {"code": fault.code, "message": str(fault)}}


@asynccontextmanager
async def transport_to(
    *nodes: FakeNode, quorum: int = 1, options: EndpointOptions = OPTIONS
) -> AsyncIterator[RpcTransport]:
    """A transport over these nodes, in this order of preference."""
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(serving(node.handle)) for node in nodes]
        transport = open_transport(urls, options, quorum=quorum)
        yield await stack.enter_async_context(transport)
