"""Who makes a request, and what its body says."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from coprove.avs.aggregator.server.desk import Caller
from coprove.avs.tasks import Refusal, RefusedError
from coprove.primitives.bounded_json import load_json
from coprove.prover.http.bodies import check_content_type, chunks
from coprove.prover.http.errors import BodyTooLargeError, MalformedBodyError

if TYPE_CHECKING:
    from starlette.requests import Request

    from coprove.avs.aggregator.server.desk import Desk
    from coprove.primitives.bounded_json import Json

__all__ = ["address_of", "caller_of", "check_admin", "is_admin", "json_body", "session_caller"]


def address_of(request: Request) -> str:
    """Return the client's address."""
    return request.client.host if request.client is not None else ""


def caller_of(desk: Desk, request: Request) -> Caller:
    """Return who asks; RefusedError (unauthorized) for a session that is none."""
    operator = desk.sessions.operator(request.headers.get("authorization"))
    return Caller(address=address_of(request), operator=operator)


def session_caller(desk: Desk, request: Request) -> Caller:
    """As `caller_of`, for who must have a session."""
    caller = caller_of(desk, request)
    if caller.operator is None:
        raise RefusedError(
            Refusal.UNAUTHORIZED, expected="a session's bearer token", actual="no token"
        )
    return caller


def is_admin(desk: Desk, request: Request) -> bool:
    """Whether a request shows an administrator's token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    presented = token.strip().encode()
    # Every token is compared, so that the time tells nothing.
    matches = [
        hmac.compare_digest(presented, known.encode()) for known in desk.options.admin_tokens
    ]
    return scheme.lower() == "bearer" and any(matches)


def check_admin(desk: Desk, request: Request) -> None:
    """Raise RefusedError unless an administrator asks."""
    if not is_admin(desk, request):
        raise RefusedError(
            Refusal.UNAUTHORIZED, expected="an administrator's token", actual="no such token"
        )


async def json_body(desk: Desk, request: Request, *, limit: int) -> Json:
    """Return a body of at most `limit` bytes that is JSON.

    Raises RefusedError for a body that is too long or a client that sends too much,
    ContentTypeError, MalformedBodyError and UploadStalledError.
    """
    check_content_type(request)
    body = bytearray()
    try:
        async for chunk in chunks(request, limit, desk.options.body_idle_timeout):
            body += chunk
    except BodyTooLargeError as error:
        raise RefusedError(
            Refusal.TOO_LARGE, expected=f"at most {error.limit} bytes", actual="more"
        ) from None
    desk.charge(address_of(request), len(body))
    try:
        return load_json(bytes(body))
    except ValueError as error:
        raise MalformedBodyError(
            "body", expected="JSON in UTF-8", actual=type(error).__name__
        ) from None
