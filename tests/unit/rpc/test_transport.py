"""The transport against servers that fail, stall, flood and lie."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib
from typing import Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coprove.errors import CoproveError, InputError
from coprove.rpc import (
    Call,
    EndpointBusyError,
    EndpointOptions,
    EndpointUnavailableError,
    JsonRpcTransport,
    MalformedResponseError,
    MethodNotFoundError,
    NotYetAvailableError,
    RateLimitedError,
    RequestRefusedError,
    ResponseTooLargeError,
    RetryPolicy,
    RpcError,
    RpcTimeoutError,
)
from coprove.telemetry import redact
from tests.unit.rpc.hostile import serving

QUICK = RetryPolicy(attempts=3, base_delay=0.001, max_delay=0.01)
ONCE = RetryPolicy(attempts=1)


def answer(request_id: Any, result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def error(request_id: Any, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}


async def test_a_call_returns_its_result() -> None:
    """The plain case."""

    async def handler(request: web.Request) -> web.Response:
        body = await request.json()
        assert body["method"] == "eth_chainId"
        return web.json_response(answer(body["id"], "0x1"))

    async with serving(handler) as url, JsonRpcTransport(url) as transport:
        assert await transport.call("eth_chainId") == "0x1"


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_passing_http_failures_are_retried(status: int) -> None:
    """Two failures, then success: the caller sees only the success."""
    seen = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal seen
        seen += 1
        if seen < 3:
            return web.Response(status=status)
        return web.json_response(answer((await request.json())["id"], 5))

    options = EndpointOptions(retry=QUICK)
    async with serving(handler) as url, JsonRpcTransport(url, options) as transport:
        assert await transport.call("x") == 5
        assert transport.stats.retries == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, RateLimitedError),
        (500, EndpointUnavailableError),
        (401, RequestRefusedError),
        (404, RequestRefusedError),
        (302, RequestRefusedError),
    ],
)
async def test_lasting_http_failures_are_typed(status: int, kind: type[CoproveError]) -> None:
    """Each status has its reaction; a redirect is never followed."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    options = EndpointOptions(retry=QUICK)
    async with serving(handler) as url, JsonRpcTransport(url, options) as transport:
        with pytest.raises(kind):
            await transport.call("x")


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (-32005, "daily request count exceeded", RateLimitedError),
        (-32000, "Too Many Requests", RateLimitedError),
        (-32601, "nope", MethodNotFoundError),
        (-32000, "the method debug_x does not exist/is not available", MethodNotFoundError),
        (-32000, "block not found", NotYetAvailableError),
        (-32000, "request timed out", EndpointBusyError),
        (3, "execution reverted: output not found, try again", RpcError),
        (-32000, "execution reverted: rate limit exceeded", RpcError),
        (-32603, "whatever", RpcError),
    ],
)
async def test_rpc_errors_are_typed(code: int, message: str, kind: type[CoproveError]) -> None:
    """JSON-RPC errors become the leaf that tells how to react."""

    async def handler(request: web.Request) -> web.Response:
        return web.json_response(error((await request.json())["id"], code, message))

    async with (
        serving(handler) as url,
        JsonRpcTransport(url, EndpointOptions(retry=QUICK)) as transport,
    ):
        with pytest.raises(kind) as caught:
            await transport.call("x")
        assert type(caught.value) is kind


async def test_a_stalling_server_hits_the_time_limit() -> None:
    """A call ends after its timeout even when the server has begun to answer."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"jsonrpc":')
        await asyncio.sleep(5)
        return response

    options = EndpointOptions(timeout=0.2, retry=ONCE)
    async with serving(handler) as url, JsonRpcTransport(url, options) as transport:
        with pytest.raises(RpcTimeoutError):
            await transport.call("x")


async def test_floods_and_bombs_are_cut_off() -> None:
    """The size limit counts decompressed bytes."""
    bomb = zlib.compress(b" " * (64 << 20))

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "deflate"})

    options = EndpointOptions(max_response_bytes=1 << 20, retry=ONCE)
    async with serving(handler) as url, JsonRpcTransport(url, options) as transport:
        with pytest.raises(ResponseTooLargeError):
            await transport.call("x")
        assert transport.stats.bytes_received == 0


async def test_an_unreachable_server_is_temporary() -> None:
    """Connection failures are retried and then typed."""
    async with JsonRpcTransport("http://127.0.0.1:9", EndpointOptions(retry=QUICK)) as transport:
        with pytest.raises(EndpointUnavailableError):
            await transport.call("x")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"7", b'{"id":1}', b"[" * 100_000, b'{"result":1,"id":99}']
)
async def test_what_is_no_json_rpc_is_malformed(body: bytes) -> None:
    """Empty, HTML, nested without end, or an answer to another call."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body)

    options = EndpointOptions(retry=ONCE)
    async with serving(handler) as url, JsonRpcTransport(url, options) as transport:
        with pytest.raises(MalformedResponseError):
            await transport.call("x")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "result", "error", "code", "jsonrpc"]), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_answer_raises_anything_untyped(body: bytes) -> None:
    """Fuzz: any body gives a value or a CoproveError, for calls and for batches."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body)

    async def talk() -> None:
        options = EndpointOptions(retry=ONCE)
        async with serving(handler) as url, JsonRpcTransport(url, options) as transport:
            with contextlib.suppress(CoproveError):
                await transport.call("x")
            with contextlib.suppress(CoproveError):
                await transport.batch([Call("a"), Call("b")])

    asyncio.run(talk())


async def test_a_batch_is_matched_by_id_in_any_order() -> None:
    """Answers may come in any order; errors stand in the place of their call."""

    async def handler(request: web.Request) -> web.Response:
        calls = await request.json()
        answers = [answer(call["id"], call["method"]) for call in calls]
        answers[1] = error(calls[1]["id"], 3, "reverted")
        return web.json_response(answers[::-1])

    async with serving(handler) as url, JsonRpcTransport(url) as transport:
        first, second, third = await transport.batch([Call("a"), Call("b"), Call("c")])
        assert (first, third) == ("a", "c")
        assert isinstance(second, RpcError)
        with pytest.raises(RpcError):
            await transport.all([Call("a"), Call("b")])


@pytest.mark.parametrize("fault", ["missing", "double", "foreign"])
async def test_a_batch_with_wrong_ids_is_malformed(fault: str) -> None:
    """One answer for each call, no more and no other."""

    async def handler(request: web.Request) -> web.Response:
        calls = await request.json()
        answers = [answer(call["id"], 1) for call in calls]
        if fault == "missing":
            answers.pop()
        elif fault == "double":
            answers[1] = answers[0]
        else:
            answers[0]["id"] = 10**9
        return web.json_response(answers)

    async with serving(handler) as url, JsonRpcTransport(url) as transport:
        with pytest.raises(MalformedResponseError):
            await transport.batch([Call("a"), Call("b")])


async def test_refused_batches_become_single_calls() -> None:
    """Endpoints without batching still work."""
    singles = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal singles
        body = await request.json()
        if isinstance(body, list):
            return web.json_response(error(None, -32600, "no batches"))
        singles += 1
        return web.json_response(answer(body["id"], body["method"]))

    async with serving(handler) as url, JsonRpcTransport(url) as transport:
        assert await transport.all([Call("a"), Call("b")]) == ["a", "b"]
        assert await transport.all([Call("c"), Call("d")]) == ["c", "d"]
    assert singles == 4


async def test_batches_too_large_are_halved() -> None:
    """An answer over the limit makes the batch smaller, not the call fail."""

    async def handler(request: web.Request) -> web.Response:
        body = await request.json()
        if isinstance(body, list):
            return web.json_response([answer(call["id"], "x" * 400) for call in body])
        return web.json_response(answer(body["id"], "x" * 400))

    options = EndpointOptions(max_response_bytes=1000)
    async with serving(handler) as url, JsonRpcTransport(url, options) as transport:
        results = await transport.all([Call("a")] * 9)
    assert results == ["x" * 400] * 9


async def test_concurrency_is_capped() -> None:
    """Never more requests under way than allowed."""
    now = most = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        return web.json_response(answer((await request.json())["id"], 1))

    options = EndpointOptions(max_concurrency=3, max_batch=1)
    async with serving(handler) as url, JsonRpcTransport(url, options) as transport:
        await transport.all([Call("a")] * 12)
    assert most == 3


async def test_secrets_of_the_url_never_show() -> None:
    """User info, path and query of a provider's URL are in no message."""
    url = "http://user:hunter2@example.invalid/v2/SECRETKEY?token=T0KEN"
    async with JsonRpcTransport(url, EndpointOptions(retry=ONCE)) as transport:
        with pytest.raises(EndpointUnavailableError) as caught:
            await transport.call("x")
        shown = f"{caught.value!r} {caught.value} {caught.value.__cause__} {transport.name}"
    for secret in ("hunter2", "SECRETKEY", "T0KEN"):
        assert secret not in shown


async def test_an_endpoint_that_repeats_the_key_does_not_give_it_away() -> None:
    """Providers name the key in their errors; neither the error nor a log line passes it on."""
    path_key, query_key, header_key = "k3y0fThePath0123456789", "k3y0fTheQuery", "k3y0fTheHeader"
    said = f"app {path_key}: https://p.example/v2/{path_key} {query_key} {header_key} is unknown"

    async def handler(request: web.Request) -> web.Response:
        number = (await request.json())["id"]
        error = {"code": -32600, "message": said}
        return web.json_response({"jsonrpc": "2.0", "id": number, "error": error})

    options = EndpointOptions(retry=ONCE, headers={"Authorization": f"Bearer {header_key}"})
    async with serving(handler) as base:
        url = f"{base}/v2/{path_key}?key={query_key}"
        async with JsonRpcTransport(url, options) as transport:
            with pytest.raises(RpcError) as caught:
                await transport.call("x")
    # The address in front of the message is a local one here, which may show its path.
    assert "is unknown" in caught.value.message
    assert str(caught.value).endswith(caught.value.message)
    for secret in (path_key, query_key, header_key):
        assert secret not in caught.value.message
        assert secret not in str(redact({"reason": f"a line with {secret}"}))


def test_only_http_urls_are_taken() -> None:
    """file:// and the like are refused at once, without being shown in full."""
    with pytest.raises(InputError):
        JsonRpcTransport("file:///etc/passwd")
