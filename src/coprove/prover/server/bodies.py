"""Bodies of aggregations, on disk, bounded in size and in time; members of small ones."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from coprove.prover.http.bodies import check_content_type, chunks
from coprove.prover.http.errors import BodyTooLargeError, RequestFieldError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from starlette.requests import Request

    from coprove.primitives.bounded_json import Json
    from coprove.prover.server.files import DataFolder

__all__ = ["block_number", "body_on_disk"]

_WRITE_SIZE: Final = 1 << 20
_MOST_BLOCKS: Final = 2**64


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
            async for chunk in chunks(request, limit, idle):
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


def block_number(body: dict[str, Json], name: str) -> int:
    """Return a member that is a u64; RequestFieldError otherwise."""
    value = body.get(name)
    if name not in body:
        raise RequestFieldError(name, expected="a block number", actual="nothing")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MOST_BLOCKS:
        raise RequestFieldError(name, expected="a block number", actual=json.dumps(value))
    return value
