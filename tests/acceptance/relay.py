"""A relay before an L1 node that notes what a process asks for, and stops it where it hurts."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

__all__ = ["Relay"]

SENDING = "eth_sendRawTransaction"


@dataclass
class Relay:
    """Forwards JSON-RPC to `target`; an asynchronous context manager."""

    target: str
    sent: list[tuple[float, str]] = field(default_factory=list)
    """When each signed transaction came by, and the transaction."""
    on_method: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    """What is awaited, once, before a request with this method is passed on."""
    asked: list[str] = field(default_factory=list)
    """Methods in the order of their requests."""
    is_cut: bool = False
    """Whether requests are answered with 503 now."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/", self._pass_on)
        self._session = aiohttp.ClientSession()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port: int = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening."""
        await self._runner.cleanup()
        await self._session.close()

    async def once(self, method: str, harm: Callable[[], Awaitable[None]]) -> None:
        """Do `harm` before the next request with `method` is passed on; return when it is done."""
        done = asyncio.Event()

        async def act() -> None:
            await harm()
            done.set()

        self.on_method[method] = act
        await done.wait()

    async def _pass_on(self, request: web.Request) -> web.Response:
        body = await request.read()
        content = json.loads(body)
        calls = content if isinstance(content, list) else [content]
        for call in calls:
            method = call["method"]
            self.asked.append(method)
            if method == SENDING:
                self.sent.append((time.monotonic(), call["params"][0]))
            harm = self.on_method.pop(method, None)
            if harm is not None:
                await harm()
        if self.is_cut:
            return web.Response(status=503)
        headers = {"Content-Type": "application/json"}
        async with self._session.post(self.target, data=body, headers=headers) as answer:
            content_type = answer.headers.get("Content-Type", "application/json")
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                headers={"Content-Type": content_type},
            )
