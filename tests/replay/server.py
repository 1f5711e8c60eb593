"""The HTTP side: JSON-RPC and beacon routes, with latency, limits and faults."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from tests.replay.alter import flip
from tests.replay.chain import ReplayChain, RpcFailure

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(kw_only=True)
class Faults:
    """What goes wrong, and how slowly things go right."""

    latency: float = 0.0
    """Seconds before each answer."""
    fault_rate: float = 0.0
    """Part of the HTTP requests that get 503."""
    wrong_rate: float = 0.0
    """Part of the results, each call of a batch for itself, in which a digit is changed."""
    calls_per_second: float = 0.0
    """Calls allowed in each second; more get 429. 0 for no limit."""
    missing: frozenset[str] = frozenset()
    """Methods (and beacon paths: "sidecars", "blobs", "spec") that are not served."""
    batches: bool = True
    """False refuses JSON-RPC batches as a whole."""
    tamper: Callable[[str, list[Any], Any], Any] | None = None
    """Changes a result: (method, params, result) to what is sent instead."""
    seed: int = 7
    """Seed of the faults."""


@dataclass
class ReplayServer:
    """Serves a chain on a local port; use as an async context manager."""

    chain: ReplayChain
    faults: Faults = field(default_factory=Faults)
    calls: Counter[str] = field(default_factory=Counter)
    http_requests: int = 0

    def __post_init__(self) -> None:
        """Seed the faults."""
        self._random = random.Random(self.faults.seed)
        self._window = (0.0, 0)

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/{layer:l1|l2|node}", self._rpc)
        app.router.add_get("/beacon/eth/v1/beacon/genesis", self._genesis)
        app.router.add_get("/beacon/eth/v1/config/spec", self._spec)
        app.router.add_get("/beacon/eth/v1/beacon/blob_sidecars/{slot}", self._sidecars)
        app.router.add_get("/beacon/eth/v1/beacon/blobs/{slot}", self._blobs)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port: int = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    def url(self, part: str) -> str:
        return f"http://127.0.0.1:{self.port}/{part}"

    async def _admit(self, calls: int) -> web.Response | None:
        self.http_requests += 1
        if self.faults.latency:
            await asyncio.sleep(self.faults.latency)
        if self.faults.calls_per_second:
            start, used = self._window
            now = time.monotonic()
            if now - start >= 1.0:
                start, used = now, 0
            self._window = (start, used + calls)
            if used and used + calls > self.faults.calls_per_second:
                self.calls["429"] += 1
                return web.Response(status=429, headers={"Retry-After": "0.2"})
        if self._random.random() < self.faults.fault_rate:
            self.calls["503"] += 1
            return web.Response(status=503, text="try later")
        return None

    async def _rpc(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        refused = await self._admit(len(body) if isinstance(body, list) else 1)
        if refused is not None:
            return refused
        layer = request.match_info["layer"]
        if not isinstance(body, list):
            return web.json_response(self._answer(layer, body))
        if not self.faults.batches:
            error = {"code": -32600, "message": "batch requests are not served"}
            return web.json_response({"jsonrpc": "2.0", "id": None, "error": error})
        answers = [self._answer(layer, call) for call in body]
        self._random.shuffle(answers)  # the standard leaves the order open
        return web.json_response(answers)

    def _answer(self, layer: str, call: dict[str, Any]) -> dict[str, Any]:
        name, params = call["method"], call["params"]
        self.calls[name] += 1
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": call["id"]}
        method = self.chain.methods[layer].get(name)
        if method is None or name in self.faults.missing:
            message = f"the method {name} does not exist/is not available"
            return {**reply, "error": {"code": -32601, "message": message}}
        try:
            result = method(params)
        except RpcFailure as failure:
            return {**reply, "error": {"code": failure.code, "message": str(failure)}}
        if self.faults.tamper is not None:
            result = self.faults.tamper(name, params, result)
        return {**reply, "result": self._perhaps_wrong(result)}

    def _perhaps_wrong(self, result: Any) -> Any:
        if self._random.random() >= self.faults.wrong_rate:
            return result
        self.calls["wrong"] += 1
        return flip(result, self._random)

    async def _genesis(self, _: web.Request) -> web.Response:
        time_ = int(self.chain.l1[0]["block"]["timestamp"], 16)
        return await self._data("genesis", {"genesis_time": str(time_)})

    async def _spec(self, _: web.Request) -> web.Response:
        return await self._data("spec", {"SECONDS_PER_SLOT": "1"})

    async def _sidecars(self, request: web.Request) -> web.Response:
        rows = self._slot(request)
        sidecars = [
            {
                "index": str(row["index"]),
                "blob": _padded(row),
                "kzg_commitment": row["commitment"],
                "kzg_proof": row["proof"],
            }
            for row in rows
        ]
        return await self._data("sidecars", sidecars)

    async def _blobs(self, request: web.Request) -> web.Response:
        wanted = request.query.get("versioned_hashes", "").split(",")
        rows = [row for row in self._slot(request) if row["versioned_hash"] in wanted]
        return await self._data("blobs", [_padded(row) for row in rows])

    def _slot(self, request: web.Request) -> list[dict[str, Any]]:
        slot = int(request.match_info["slot"])
        return [row for row in self.chain.blob_rows if row["slot"] == slot]

    async def _data(self, name: str, value: Any) -> web.Response:
        self.calls[name] += 1
        if name in self.faults.missing:
            return web.json_response({"code": 404, "message": "not found"}, status=404)
        refused = await self._admit(1)
        if refused is not None:
            return refused
        if self.faults.tamper is not None:
            value = self.faults.tamper(name, [], value)
        return web.json_response({"data": self._perhaps_wrong(value)})


def _padded(row: dict[str, Any]) -> str:
    return str(row["blob"]).ljust(2 + 2 * int(row["blob_length"]), "0")
