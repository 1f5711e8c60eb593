"""The proof server as an ASGI application."""

# No `from __future__ import annotations`: FastAPI reads these annotations.

import asyncio
import sqlite3
from importlib import metadata

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse

from coprove.prover.http.app import finish_app
from coprove.prover.http.guard import Guard, GuardMetrics
from coprove.prover.server import metrics as names
from coprove.prover.server.api import create_router
from coprove.prover.server.contract import ContractCheck
from coprove.prover.server.engine import Engine
from coprove.prover.server.legacy import LegacyRoutes
from coprove.prover.server.problems import SERVER_PROBLEMS
from coprove.prover.server.uploads import Uploads
from coprove.telemetry import Metrics, get_logger
from coprove.types import Hash32

__all__ = ["create_app", "health"]

_GUARDED = GuardMetrics(
    requests=names.REQUESTS, seconds=names.REQUEST_SECONDS, refused=names.REFUSED
)
_log = get_logger(part="server")


def create_app(
    engine: Engine,
    *,
    range_vkey_commitment: Hash32,
    aggregation_vkey: Hash32,
    contract: ContractCheck | None,
    metrics: Metrics,
) -> FastAPI:
    """Return the application around an engine, which its owner starts and stops."""
    app = FastAPI(
        title="coprove proof server",
        version=metadata.version("coprove"),
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    uploads = Uploads(engine, metrics)
    app.include_router(
        create_router(
            engine,
            uploads,
            range_vkey_commitment=range_vkey_commitment,
            aggregation_vkey=aggregation_vkey,
        )
    )
    app.router.routes += LegacyRoutes(engine, contract=contract, uploads=uploads).routes()

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        healthy, figures = await asyncio.to_thread(health, engine)
        return JSONResponse({"healthy": healthy, **figures}, 200 if healthy else 503)

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        ready = len(engine.store.open_jobs()) < engine.options.max_open_jobs and engine.works
        return JSONResponse({"ready": ready}, 200 if ready else 503)

    @app.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        healthy, _ = await asyncio.to_thread(health, engine)
        metrics.set(names.UP, int(healthy))
        engine.measure()
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    finish_app(app, SERVER_PROBLEMS, _log)
    app.add_middleware(Guard, options=engine.options, metrics=metrics, names=_GUARDED)
    real = engine.backends["real"]
    metrics.set(
        names.INFO,
        1,
        version=metadata.version("coprove"),
        backend=real.name,
        simulated=str(real.is_simulated).lower(),
    )
    return app


def health(engine: Engine) -> tuple[bool, dict[str, object]]:
    """Whether the server can do its work, and what it looked at.

    The database takes writes, the disk has room, every open job has its task.
    """
    try:
        engine.store.check()
        database = True
    except sqlite3.Error:
        database = False
    room = engine.files.free_bytes()
    works = database and engine.works
    return database and room > 0 and works, {
        "database": database,
        "free_bytes": room,
        "jobs_worked": works,
    }
