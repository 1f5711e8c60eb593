"""HTTP around the dispatcher: POST / for JSON-RPC, GET /healthz, GET /metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from coprove.devnet.node.rpc.dispatch import Dispatcher

__all__ = ["Health", "create_app"]

Health = Callable[[], tuple[bool, dict[str, object]]]
"""Whether the node works, and figures that say why."""


def create_app(
    dispatcher: Dispatcher, *, health: Health, registry: CollectorRegistry, max_body_bytes: int
) -> Starlette:
    """The ASGI application."""

    async def rpc(request: Request) -> Response:
        kind = request.headers.get("content-type", "application/json").split(";")[0].strip()
        if kind.lower() != "application/json":
            # Anything else could be sent by a web page without the browser asking first.
            return JSONResponse({"error": "content type must be application/json"}, 415)
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > max_body_bytes:
            return JSONResponse({"error": "body too large"}, 413)
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_body_bytes:
                    return JSONResponse({"error": "body too large"}, 413)
        except ClientDisconnect:
            return Response(status_code=400)
        answer = await dispatcher.handle(bytes(body))
        if answer is None:
            return Response(status_code=204)
        return Response(answer, media_type="application/json")

    async def healthz(_request: Request) -> Response:
        healthy, figures = health()
        return JSONResponse({"healthy": healthy, **figures}, 200 if healthy else 503)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/", rpc, methods=["POST"]),
            Route("/healthz", healthz, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
        ],
        # A wallet in the browser talks to a local chain from its own origin.
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origin_regex=r"(https?://(localhost|127\.0\.0\.1)(:\d+)?|[a-z]+-extension://.*)",
                allow_methods=["POST", "GET"],
                allow_headers=["content-type"],
            )
        ],
    )
