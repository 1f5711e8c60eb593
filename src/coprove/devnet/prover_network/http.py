"""Artifacts by HTTP, and the control endpoint by which tests say what shall happen."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from coprove.devnet.prover_network.core import RefusedCallError
from coprove.devnet.prover_network.faults import Fault, FaultKind
from coprove.prover import Execution

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.devnet.prover_network.core import NetworkCore
    from coprove.devnet.prover_network.faults import FaultPlan
    from coprove.devnet.prover_network.fulfilment import Fulfilment

__all__ = ["artifact_path", "http_app"]

_CHUNK: Final = 1 << 20


def artifact_path(data_dir: Path, artifact_id: str) -> Path:
    """Return where an artifact's content lies."""
    return data_dir / "artifacts" / artifact_id


def http_app(core: NetworkCore, faults: FaultPlan, fulfilment: Fulfilment) -> web.Application:
    """Return the HTTP side of the network."""
    handlers = _Handlers(core, faults, fulfilment)
    app = web.Application(client_max_size=1 << 20)
    app.router.add_put("/artifacts/{id:[0-9a-f]{32}}", handlers.put)
    app.router.add_get("/artifacts/{id:[0-9a-f]{32}}", handlers.get)
    app.router.add_get("/healthz", handlers.health)
    app.router.add_get("/control/requests", handlers.requests)
    app.router.add_get("/control/calls", handlers.calls)
    app.router.add_post("/control/faults", handlers.add_fault)
    app.router.add_delete("/control/faults", handlers.clear_faults)
    app.router.add_post("/control/requests/{id:[0-9a-f]{64}}", handlers.decide)
    return app


class _Handlers:
    def __init__(self, core: NetworkCore, faults: FaultPlan, fulfilment: Fulfilment) -> None:
        self._core, self._faults, self._fulfilment = core, faults, fulfilment

    async def put(self, request: web.Request) -> web.Response:
        """Take an upload by its presigned URL, whole or not at all."""
        if failure := await self._fault("PUT"):
            return failure
        artifact = self._core.store.artifact(request.match_info["id"])
        if artifact is None or not hmac.compare_digest(
            artifact.token, request.query.get("token", "")
        ):
            raise web.HTTPForbidden(text="no such presigned URL")
        path = artifact_path(self._core.settings.data_dir, artifact.artifact_id)
        part = path.with_suffix(".part")
        digest, size = hashlib.sha256(), 0
        file = await asyncio.to_thread(part.open, "wb")
        with file:
            async for piece in request.content.iter_chunked(_CHUNK):
                size += len(piece)
                if size > self._core.settings.max_artifact_bytes:
                    raise web.HTTPRequestEntityTooLarge(
                        max_size=self._core.settings.max_artifact_bytes, actual_size=size
                    )
                digest.update(piece)
                await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(part.replace, path)
        self._core.store.put_artifact(replace(artifact, digest=digest.hexdigest()))
        return web.Response()

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Give an artifact."""
        if failure := await self._fault("GET"):
            return failure
        path = artifact_path(self._core.settings.data_dir, request.match_info["id"])
        if not await asyncio.to_thread(path.exists):
            raise web.HTTPNotFound(text="no such artifact")
        return web.FileResponse(path)

    async def health(self, _request: web.Request) -> web.Response:
        """Say that the loop runs, and that all of this is simulated."""
        return web.json_response({"status": "ok", "simulated": True})

    async def requests(self, _request: web.Request) -> web.Response:
        """Tell all requests, and how often each input was requested."""
        records = self._core.requests()
        counts: dict[str, int] = {}
        for record in records:
            counts[record.stdin_digest] = counts.get(record.stdin_digest, 0) + 1
        listed = [
            {
                "request_id": record.request_id.hex(),
                "requester": record.requester.hex(),
                "stdin_digest": record.stdin_digest,
                "fulfillment": record.fulfillment.name,
                "execution": record.execution.name,
            }
            for record in records
        ]
        return web.json_response({"requests": listed, "by_stdin": counts})

    async def calls(self, _request: web.Request) -> web.Response:
        """Tell how many calls came, by method."""
        return web.json_response(self._faults.calls)

    async def add_fault(self, request: web.Request) -> web.Response:
        """Plan a fault: method, kind, and count, code or seconds."""
        values = await _object(request)
        try:
            self._faults.add(Fault(**values | {"kind": FaultKind(values.get("kind", ""))}))
        except (TypeError, ValueError) as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return web.Response()

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """Forget all planned faults."""
        self._faults.clear()
        return web.Response()

    async def decide(self, request: web.Request) -> web.Response:
        """Say what becomes of a request."""
        request_id = bytes.fromhex(request.match_info["id"])
        action = (await _object(request)).get("action")
        try:
            match action:
                case "assign":
                    self._core.assign(request_id)
                case "fulfil":
                    await self._fulfilment.fulfil(request_id)
                case "unexecutable":
                    self._core.fail(request_id, execution=Execution.UNEXECUTABLE, cause=1)
                case "unfulfillable":
                    self._core.fail(request_id, execution=Execution.EXECUTED)
                case "expire":
                    self._core.expire(request_id)
                case _:
                    raise web.HTTPBadRequest(text=f"no action {action!r}")
        except RefusedCallError as error:
            raise web.HTTPNotFound(text=str(error)) from error
        return web.Response()

    async def _fault(self, method: str) -> web.Response | None:
        fault = self._faults.take(method)
        if fault is None:
            return None
        if fault.kind is FaultKind.DELAY:
            await asyncio.sleep(fault.seconds)
            return None
        return web.Response(status=503, text="planned failure")


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        values = await request.json()
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"no JSON: {error}") from error
    if not isinstance(values, dict):
        raise web.HTTPBadRequest(text="expected an object")
    return values
