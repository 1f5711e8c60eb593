"""Connections of strangers: none of them keeps a place that it does not use."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request
from starlette.responses import Response

from coprove.prover.http import HttpServer, bodies
from coprove.prover.http.bodies import chunks
from coprove.prover.http.errors import UploadStalledError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

HEAD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def greet(scope: Scope, receive: Receive, send: Send) -> None:
    await Response("hello")(scope, receive, send)


@asynccontextmanager
async def listening(**limits: Any) -> AsyncIterator[tuple[str, int]]:
    server = HttpServer("127.0.0.1", 0)
    await server.start(greet, stop_timeout=1.0, **limits)
    try:
        found = urlsplit(server.url)
        assert found.hostname is not None
        assert found.port is not None
        yield found.hostname, found.port
    finally:
        await server.stop()


@asynccontextmanager
async def connected(
    address: tuple[str, int],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.close()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Return what still comes until the connection is closed."""
    async with asyncio.timeout(60):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize("sent", [b"", HEAD[:20]])
@pytest.mark.parametrize("earlier", [False, True])
async def test_a_request_that_never_begins_ends_its_connection(sent: bytes, earlier: bool) -> None:
    """Nothing sent, half a head, half of a second one."""
    if earlier and not sent:
        sent = HEAD[:1]
    async with listening(head_timeout=0.3) as address, connected(address) as (reader, writer):
        if earlier:
            writer.write(HEAD)
            await reader.readuntil(b"hello")
        writer.write(sent)
        assert await rest(reader) == b""


async def test_more_connections_than_are_taken_are_closed_at_once() -> None:
    """And there is a place again when one ends."""
    async with listening(max_connections=2) as address:
        async with connected(address) as (_, first), connected(address) as (kept, second):
            for writer in (first, second):
                writer.write(HEAD)
            assert (await kept.readuntil(b"hello")).endswith(b"hello")
            async with connected(address) as (reader, writer):
                writer.write(HEAD)
                assert await rest(reader) == b""
        for _ in range(1000):
            async with connected(address) as (reader, writer):
                writer.write(HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                if b"hello" in await rest(reader):
                    return
        pytest.fail("no place became free")


async def test_a_connection_is_used_again() -> None:
    """The clock of one request is not that of the next."""
    async with listening(head_timeout=30.0) as address, connected(address) as (reader, writer):
        for _ in range(3):
            writer.write(HEAD)
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")


def dribbling(pieces: list[bytes]) -> Request:
    """Return a request whose body comes in pieces."""
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.001)
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a second pass with each piece."""
    seconds = itertools.count()
    monkeypatch.setattr(bodies, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))


@pytest.mark.usefixtures("clock")
async def test_a_byte_now_and_then_does_not_keep_a_request_open() -> None:
    """No single pause is too long, all of them together are."""
    with pytest.raises(UploadStalledError, match="bytes came in"):
        async for _ in chunks(dribbling([b"x"] * 100), 1 << 20, 30.0):
            pass


@pytest.mark.usefixtures("clock")
async def test_a_slow_connection_may_take_its_time() -> None:
    """Where as much comes as a slow client sends, only a single long pause counts."""
    request = dribbling([b"x" * (1 << 14)] * 60)
    assert [len(piece) async for piece in chunks(request, 1 << 20, 30.0) if piece] == [1 << 14] * 60
