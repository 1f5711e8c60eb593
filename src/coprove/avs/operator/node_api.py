"""EigenLayer's node API, and metrics beside it (AVS node specification v0.0.1)."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Final, Self

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from coprove.avs.operator.health import ServiceStatus
from coprove.closing import AsyncClosing

if TYPE_CHECKING:
    from coprove.avs.operator.health import HealthBoard
    from coprove.telemetry import Metrics

__all__ = ["NODE_API_PORT", "NodeApi"]

NODE_API_PORT: Final = 15_692
"""Where operators of the AVS have it."""
_NODE_NAME: Final = "coprove"
_SPEC_VERSION: Final = "v0.0.1"
_STATUS: Final = {
    ServiceStatus.UP: 200,
    ServiceStatus.INITIALIZING: 206,
    ServiceStatus.DOWN: 503,
}
_MAX_REQUEST: Final = 1024


class NodeApi(AsyncClosing):
    """Serves `/eigen/node…` and `/metrics`; reads only. Use as an async context manager."""

    def __init__(
        self,
        board: HealthBoard,
        metrics: Metrics,
        *,
        host: str = "127.0.0.1",
        port: int = NODE_API_PORT,
    ) -> None:
        """Prepare to listen on `host`:`port`; port 0 takes a free one."""
        self._board, self._metrics = board, metrics
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens, once entered."""
        return f"http://{self._host}:{self._port}"

    async def __aenter__(self) -> Self:
        """Start to listen; OSError when the port is taken."""
        app = web.Application(client_max_size=_MAX_REQUEST)
        app.router.add_get("/eigen/node", self._node)
        app.router.add_get("/eigen/node/health", self._health)
        app.router.add_get("/eigen/node/services", self._services)
        app.router.add_get("/eigen/node/services/{id}/health", self._service)
        app.router.add_get("/metrics", self._serve_metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def close(self) -> None:
        """Stop to listen."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _node(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "node_name": _NODE_NAME,
                "spec_version": _SPEC_VERSION,
                "node_version": f"v{metadata.version('coprove')}",
            }
        )

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(status=self._board.health.status)

    async def _services(self, _request: web.Request) -> web.Response:
        services = [
            {
                "id": service.id,
                "name": service.name,
                "description": service.description,
                "status": self._board.status(service.id).value,
            }
            for service in self._board.services
        ]
        return web.json_response({"services": services})

    async def _service(self, request: web.Request) -> web.Response:
        try:
            status = self._board.status(request.match_info["id"])
        except KeyError:
            return web.Response(status=404)
        return web.Response(status=_STATUS[status])

    async def _serve_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )
