"""Request bodies: small ones in memory, aggregations on disk, all bounded in size and in time."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from starlette.requests import ClientDisconnect

from coprove.primitives.bounded_json import Json, check_json_depth
from coprove.prover.server.errors import (
    BodyTooLargeError,
    ContentTypeError,
    MalformedBodyError,
    RequestFieldError,
    UploadStalledError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from starlette.requests import Request

    from coprove.prover.server.files import DataFolder

__all__ = ["block_number", "body_on_disk", "check_content_type", "json_object"]

_MAX_SMALL: Final = 1 << 16
_WRITE_SIZE: Final = 1 << 20
_MOST_BLOCKS: Final = 2**64


def check_content_type(request: Request) -> None:
    """Raise ContentTypeError unless the body is said to be JSON.

    Anything else could be sent by a web page without the browser asking first.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        raise ContentTypeError(f"the content type is {kind[:100] or 'missing'!r}")


async def json_object(request: Request, *, idle: float) -> dict[str, Json]:
    """Return a small body, a JSON object without doubled members.

    Raises ContentTypeError, BodyTooLargeError, MalformedBodyError, RequestFieldError.
    """
    check_content_type(request)
    body = bytearray()
    async for chunk in _chunks(request, _MAX_SMALL, idle):
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


@asynccontextmanager
async def body_on_disk(
    request: Request,
    files: DataFolder,
    *,
    limit: int,
    idle: float,
    count: Callable[[int], None],
) -> AsyncIterator[Path]:
    """Write a body to a file as it comes in, and give the file; it goes when the block ends.

    Raises ContentTypeError, BodyTooLargeError, DiskFullError, UploadStalledError.
    """
    check_content_type(request)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal():
        if int(declared) > limit:
            raise BodyTooLargeError("body", limit)
        files.make_room(int(declared))
    path = files.temporary()
    try:
        with path.open("wb") as out:
            waiting = bytearray()
            async for chunk in _chunks(request, limit, idle):
                waiting += chunk
                count(len(chunk))
                if len(waiting) >= _WRITE_SIZE:
                    await _write(files, out, waiting)
            await _write(files, out, waiting)
        yield path
    finally:
        path.unlink(missing_ok=True)


async def _write(files: DataFolder, out: BinaryIO, waiting: bytearray) -> None:
    files.make_room(len(waiting))
    await asyncio.to_thread(out.write, bytes(waiting))
    waiting.clear()


async def _chunks(request: Request, limit: int, idle: float) -> AsyncIterator[bytes]:
    size = 0
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(idle):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise UploadStalledError(f"no byte came for {idle:g} s") from None
        except ClientDisconnect:
            raise UploadStalledError("the client went away") from None
        size += len(chunk)
        if size > limit:
            raise BodyTooLargeError("body", limit)
        yield chunk


def block_number(body: dict[str, Json], name: str) -> int:
    """Return a member that is a u64; RequestFieldError otherwise."""
    value = body.get(name)
    if name not in body:
        raise RequestFieldError(name, expected="a block number", actual="nothing")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MOST_BLOCKS:
        raise RequestFieldError(name, expected="a block number", actual=json.dumps(value))
    return value


def _refuse(name: str) -> None:
    raise ValueError(name)
