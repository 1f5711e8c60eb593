"""The TEE prover as an ASGI application."""

# No `from __future__ import annotations`: FastAPI reads these annotations.

from importlib import metadata

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse
from starlette.routing import Route

from coprove.prover.http.app import finish_app
from coprove.prover.http.guard import Guard
from coprove.prover.tee.host import metrics as names
from coprove.prover.tee.host.api import create_router
from coprove.prover.tee.host.problems import TEE_PROBLEMS
from coprove.prover.tee.host.rpc import JsonRpc
from coprove.prover.tee.host.service import TeeService
from coprove.telemetry import get_logger

__all__ = ["create_app"]

_log = get_logger(part="tee-prover")


def create_app(service: TeeService) -> FastAPI:
    """Return the application around a service, which its owner starts and stops."""
    app = FastAPI(
        title="coprove TEE prover",
        version=metadata.version("coprove"),
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(create_router(service))
    app.router.routes.append(Route("/", JsonRpc(service).handle, methods=["POST"]))
    identity, metrics = service.enclave.identity, service.metrics

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        healthy = service.is_healthy
        return JSONResponse(
            {"healthy": healthy, "quotes": service.quotes, "simulated": identity.simulated},
            200 if healthy else 503,
        )

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        ready = service.is_healthy and service.desk.has_room
        return JSONResponse({"ready": ready}, 200 if ready else 503)

    # The public prover shows its metrics at the root.
    @app.get("/", include_in_schema=False)
    @app.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        service.measure()
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    finish_app(app, TEE_PROBLEMS, _log)
    app.add_middleware(Guard, options=service.options, metrics=metrics, names=names.GUARDED)
    metrics.set(
        names.INFO,
        1,
        version=metadata.version("coprove"),
        platform=identity.platform.value,
        prover=str(identity.address),
        simulated=str(identity.simulated).lower(),
    )
    return app
