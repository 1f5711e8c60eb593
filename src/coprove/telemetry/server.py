"""A small HTTP server that tells whether a service lives, is ready, and what it measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from coprove.closing import AsyncClosing

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.telemetry.metrics import Metrics

__all__ = ["TelemetryServer"]


class TelemetryServer(AsyncClosing):
    """Serves `/metrics`, `/healthz` (200 while the loop runs) and `/readyz` (200 or 503).

    Use it as an asynchronous context manager; `port` 0 takes a free one, `url` tells which.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        """Prepare to serve `metrics` on `host`:`port`; `ready` is asked at each `/readyz`."""
        self._metrics, self._ready = metrics, ready
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens, as `http://host:port`, once entered."""
        return f"http://{self._host}:{self._port}"

    async def __aenter__(self) -> Self:
        """Start to listen; OSError when the port is taken."""
        app = web.Application()
        app.router.add_get("/metrics", self._serve_metrics)
        app.router.add_get("/healthz", self._serve_health)
        app.router.add_get("/readyz", self._serve_ready)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def close(self) -> None:
        """Stop to listen."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _serve_health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _serve_ready(self, _request: web.Request) -> web.Response:
        ready = self._ready()
        return web.json_response({"ready": ready}, status=200 if ready else 503)
