"""Request bodies in pieces, bounded in size and in time; small ones as JSON objects."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect

from coprove.primitives.bounded_json import Json, check_json_depth
from coprove.prover.http.errors import (
    BodyTooLargeError,
    ContentTypeError,
    MalformedBodyError,
    RequestFieldError,
    UploadStalledError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

__all__ = ["MAX_SMALL", "check_content_type", "chunks", "json_object"]

MAX_SMALL: Final = 1 << 16
"""Bytes of a body that holds no proof and no witness."""
_SLOWEST: Final = 1 << 14
"""Bytes a second that a client sends at least on the whole, its pauses apart."""


def check_content_type(request: Request) -> None:
    """Raise ContentTypeError unless the body is said to be JSON.

    Anything else could be sent by a web page without the browser asking first.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        raise ContentTypeError(f"the content type is {kind[:100] or 'missing'!r}")


async def json_object(request: Request, *, idle: float, limit: int = MAX_SMALL) -> dict[str, Json]:
    """Return a body of at most `limit` bytes, a JSON object without doubled members.

    Raises ContentTypeError, BodyTooLargeError, MalformedBodyError, RequestFieldError.
    """
    check_content_type(request)
    body = bytearray()
    async for chunk in chunks(request, limit, idle):
        body += chunk

    def members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise RequestFieldError(twice, expected="one such member", actual="two")
        return found

    try:
        check_json_depth(bytes(body))
        value = json.loads(body.decode(), object_pairs_hook=members, parse_constant=_refuse)
    except ValueError as error:
        raise MalformedBodyError(
            "body", expected="JSON in UTF-8", actual=type(error).__name__
        ) from None
    if not isinstance(value, dict):
        raise RequestFieldError("body", expected="an object", actual=type(value).__name__)
    return value


async def chunks(request: Request, limit: int, idle: float) -> AsyncIterator[bytes]:
    """Give a body as it comes in.

    Raises BodyTooLargeError beyond `limit` bytes, UploadStalledError when the client goes away,
    when nothing comes for `idle` seconds, and when all pauses together are that much longer than a
    slow connection's: a byte now and then does not keep a request open.
    """
    size, waited = 0, 0.0
    stream = request.stream()
    while True:
        began = time.monotonic()
        try:
            left = idle + min(0.0, size / _SLOWEST - waited)
            async with asyncio.timeout(max(0.0, left)):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            waited += time.monotonic() - began
            raise UploadStalledError(f"{size} bytes came in {waited:.1f} s") from None
        except ClientDisconnect:
            raise UploadStalledError("the client went away") from None
        waited += time.monotonic() - began
        size += len(chunk)
        if size > limit:
            raise BodyTooLargeError("body", limit)
        yield chunk


def _refuse(name: str) -> None:
    raise ValueError(name)
