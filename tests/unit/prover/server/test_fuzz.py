"""Whatever comes in, every route answers with a client's error or a typed one, and goes on."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.prover.server.lab import FakeBackend, open_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

POSTS = (
    "/request_span_proof",
    "/request_agg_proof",
    "/request_mock_span_proof",
    "/request_mock_agg_proof",
    "/validate_config",
    "/v1/ranges",
    "/v1/aggregations",
)
NUMBERS = st.integers(-(2**65), 2**65) | st.floats(allow_nan=False) | st.none() | st.text()
VALUES = st.recursive(NUMBERS | st.booleans(), st.lists, max_leaves=5)
MEMBERS = st.sampled_from(
    ["start", "end", "subproofs", "head", "l1_head", "ranges", "address", "priority", "mock", "x"]
)
BODIES = (
    st.binary(max_size=200)
    | st.dictionaries(MEMBERS, VALUES, max_size=5).map(lambda body: json.dumps(body).encode())
    | st.builds(
        lambda body, cut: json.dumps(body).encode()[:cut],
        st.dictionaries(MEMBERS, VALUES, min_size=1, max_size=3),
        st.integers(0, 40),
    )
)
PATHS = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), max_size=70)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Run a server in a thread; give its host and port."""
    loop, place = asyncio.new_event_loop(), {}
    started, stop = threading.Event(), asyncio.Event()

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        async with open_server(folder, FakeBackend(), mock=FakeBackend()) as server:
            place["url"] = server.url.removeprefix("http://")
            yield

    async def main() -> None:
        async with running():
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    started.wait()
    try:
        yield place["url"]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("server")) as url:
        yield url


def ask(
    address: str, method: str, path: str, body: bytes | None, **headers: str
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


FUZZ = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(path=st.sampled_from(POSTS), body=BODIES)
def test_no_body_is_a_defect(address: str, path: str, body: bytes) -> None:
    """A range that happens to be right may be proven; nothing else is accepted."""
    status, text = ask(address, "POST", path, body, **{"Content-Type": "application/json"})
    assert status in (200, 202, 400, 404, 413, 422, 500)
    assert b"internal error" not in text
    assert b"problem:internal" not in text
    assert ask(address, "GET", "/healthz", None)[0] == 200


@FUZZ
@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "PATCH"]),
    start=st.sampled_from(["/", "/status/", "/v1/jobs/", "/v1/witnesses/", "/v1/jobs?"]),
    rest=PATHS,
)
def test_no_path_is_a_defect(address: str, method: str, start: str, rest: str) -> None:
    status, text = ask(address, method, start + rest.replace("#", ""), None)
    assert status < 500 or (status == 500 and start == "/status/")
    assert b"internal error" not in text
    assert ask(address, "GET", "/healthz", None)[0] == 200


@FUZZ
@given(
    name=st.sampled_from(
        ["Host", "Authorization", "Content-Type", "Content-Length", "Idempotency-Key", "Accept"]
    ),
    value=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
)
def test_no_header_is_a_defect(address: str, name: str, value: str) -> None:
    """Refused; a header that is no HTTP may end the connection before the answer is read."""
    headers = {"Content-Type": "application/json", name: value}
    with suppress(ConnectionResetError, BrokenPipeError):
        status, text = ask(address, "POST", "/v1/ranges", b'{"start":9,"end":8}', **headers)
        assert 400 <= status < 500
        assert b"problem:internal" not in text
    assert ask(address, "GET", "/healthz", None)[0] == 200
