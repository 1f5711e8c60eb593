"""The aggregator's server as an ASGI application."""

# No `from __future__ import annotations`: FastAPI reads these annotations.

from importlib import metadata

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse
from starlette.routing import Route

from coprove.avs.aggregator.server import metrics as names
from coprove.avs.aggregator.server.api import create_router
from coprove.avs.aggregator.server.callers import check_admin
from coprove.avs.aggregator.server.desk import Desk
from coprove.avs.aggregator.server.refused import AGGREGATOR_PROBLEMS
from coprove.avs.aggregator.server.rpc import JsonRpc
from coprove.prover.http.app import finish_app
from coprove.prover.http.guard import Guard
from coprove.telemetry import get_logger

__all__ = ["create_app"]

_log = get_logger(part="aggregator")


def create_app(desk: Desk) -> FastAPI:
    """Return the application around a desk."""
    app = FastAPI(
        title="coprove aggregator",
        version=metadata.version("coprove"),
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(create_router(desk))
    app.router.routes.append(Route("/", JsonRpc(desk).handle, methods=["POST"]))

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        health = desk.ports.health()
        body = {"healthy": health.healthy, "parts": dict(health.parts)}
        return JSONResponse(body, 200 if health.healthy else 503)

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        ready = desk.ports.health().ready and not desk.is_stopping
        return JSONResponse({"ready": ready}, 200 if ready else 503)

    @app.get("/metrics", include_in_schema=False)
    async def exposition(request: Request) -> Response:
        if desk.options.public:
            check_admin(desk, request)
        desk.metrics.set(names.UP, int(desk.ports.health().healthy))
        desk.metrics.set(names.POLLS, desk.places.taken)
        return Response(desk.metrics.render(), media_type=CONTENT_TYPE_LATEST)

    finish_app(app, AGGREGATOR_PROBLEMS, _log)
    app.add_middleware(
        Guard,
        options=desk.options,
        metrics=desk.metrics,
        names=names.GUARDED,
        public=desk.options.public,
    )
    return app
