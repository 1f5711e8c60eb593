"""What makes a FastAPI application one of ours: errors as problems, tokens in its document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from coprove.errors import CoproveError
from coprove.prover.http.problems import Kind, problem

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response
    from structlog.typing import FilteringBoundLogger

    from coprove.prover.http.problems import Problems

__all__ = ["finish_app"]

_INVALID = Kind("invalid-request", 422, "The request is not what it must be")


def finish_app(app: FastAPI, problems: Problems, log: FilteringBoundLogger) -> None:
    """Answer errors by a table of problems, and describe in /v1/openapi.json how tokens come."""

    @app.exception_handler(CoproveError)
    async def on_error(_request: Request, error: CoproveError) -> Response:
        return problems.answer(error)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return problem(_INVALID, f"{where}: {first['msg']}", field=where)

    @app.exception_handler(HTTPException)
    async def on_http(_request: Request, error: HTTPException) -> Response:
        kind = Kind(f"http-{error.status_code}", error.status_code, str(error.detail))
        answer = problem(kind, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def on_defect(_request: Request, error: Exception) -> Response:
        log.error("defect", error=error)
        return problems.answer(error)

    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with the tokens that the guard asks for."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        document.setdefault("components", {})["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "basic": {
                "type": "http",
                "scheme": "basic",
                "description": "The token as the password.",
            },
        }
        document["security"] = [{"bearer": []}, {"basic": []}, {}]
        app.openapi_schema = document
    return app.openapi_schema
