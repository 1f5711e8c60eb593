"""An aggregator over HTTP whose answers a test writes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from coprove.avs.tasks import REFUSALS, Refusal
from coprove.closing import AsyncClosing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from coprove.avs.tasks import AvsTask

__all__ = ["FakeAggregator", "refused", "task_answer"]

Answer = dict[str, Any] | web.Response


@dataclass
class FakeAggregator(AsyncClosing):
    """Answers each method with the next of its answers, the last one again and again."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    sessions: list[web.Response | dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, Any, str | None]] = field(default_factory=list)
    handshakes: list[Any] = field(default_factory=list)
    url: str = ""
    on_call: Callable[[str], Awaitable[None]] | None = None
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        app = web.Application()
        app.router.add_post("/", self._rpc)
        app.router.add_post("/v1/session", self._session)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def of(self, method: str) -> list[Any]:
        return [params for name, params, _ in self.calls if name == method]

    async def _rpc(self, request: web.Request) -> web.Response:
        call = json.loads(await request.read())
        method = call["method"]
        self.calls.append((method, call["params"][0], request.headers.get("Authorization")))
        if self.on_call is not None:
            await self.on_call(method)
        waiting = self.answers.get(method, [{"result": None}])
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, web.Response):
            # A response can be sent once.
            return web.Response(body=answer.body, status=answer.status)
        return web.json_response({"jsonrpc": "2.0", "id": call["id"], **answer})

    async def _session(self, request: web.Request) -> web.Response:
        self.handshakes.append(json.loads(await request.read()))
        if not self.sessions:
            return web.Response(status=404)
        answer = self.sessions.pop(0)
        return answer if isinstance(answer, web.Response) else web.json_response(answer)


def refused(refusal: Refusal) -> dict[str, Any]:
    answer = REFUSALS[refusal]
    return {"error": {"code": answer.code, "message": answer.text}}


def task_answer(task: AvsTask) -> dict[str, Any]:
    result = {"ok": True, "task_id": task.number, "task_type": 3, "ext": task.to_ext()}
    return {"result": result}
