"""JSON-RPC 2.0 and its HTTP face."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from coprove.devnet.node.rpc.dispatch import Dispatcher, Method
from coprove.devnet.node.rpc.errors import RpcError
from coprove.devnet.node.rpc.server import create_app
from coprove.errors import Critical, InputError


async def echo(value: Any, second: Any = None) -> Any:
    return [value, second]


async def reverted() -> Any:
    raise RpcError(3, "execution reverted", "0x08c379a0")


async def broken() -> Any:
    raise ZeroDivisionError


async def bad_input() -> Any:
    raise InputError("block", expected="a number", actual="x")


async def critical() -> Any:
    raise Critical("lost a node")


METHODS: dict[str, Method] = {
    "echo": echo,
    "reverted": reverted,
    "broken": broken,
    "bad_input": bad_input,
    "critical": critical,
}


def dispatcher() -> Dispatcher:
    return Dispatcher(METHODS, max_batch=3)


async def ask(request: Any) -> Any:
    answer = await dispatcher().handle(json.dumps(request).encode())
    return None if answer is None else json.loads(answer)


def call(method: str, *params: Any, **extra: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)} | extra


async def test_result() -> None:
    """A call gets its result under its id."""
    assert await ask(call("echo", 5)) == {"jsonrpc": "2.0", "id": 1, "result": [5, None]}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (call("nothing"), -32601),
        (call("echo"), -32602),
        (call("echo", 1, 2, 3), -32602),
        (call("echo", params={"value": 1}), -32602),
        (call("bad_input"), -32602),
        (call("critical"), -32603),
        (call("broken"), -32603),
        ({"id": 1, "method": "echo", "params": [1]}, -32600),
        (call("echo", 1, id={"a": 1}), -32600),
        (call("echo", 1, id=True), -32600),
        (call("echo", 1, id=float("nan")), -32600),
        (5, -32600),
        ([], -32600),
        ([call("echo", 1)] * 4, -32005),
    ],
)
async def test_errors(request_: Any, code: int) -> None:
    """Each kind of mistake has its JSON-RPC code."""
    assert (await ask(request_))["error"]["code"] == code


async def test_error_data() -> None:
    """Revert data reaches the caller."""
    answer = await ask(call("reverted"))
    assert answer["error"] == {"code": 3, "message": "execution reverted", "data": "0x08c379a0"}


async def test_batch_and_notifications() -> None:
    """A batch is answered in order; calls without an id get no answer."""
    silent = {"jsonrpc": "2.0", "method": "echo", "params": [0]}
    answers = await ask([call("echo", 1, id="a"), silent, call("nothing", id="b")])
    assert [item["id"] for item in answers] == ["a", "b"]
    assert await ask(silent) is None
    assert await ask([silent]) is None


async def test_a_batchs_answers_are_bounded_together() -> None:
    """As geth: what does not fit any more is an error, and its method is not called."""
    ran = []

    async def long(size: int) -> str:
        ran.append(size)
        return "x" * size

    served = Dispatcher({"long": long}, max_batch=10, max_answer_bytes=1000)
    batch = [call("long", size, id=size) for size in (300, 600, 900, 5)]
    answers = json.loads(await served.handle(json.dumps(batch).encode()) or b"")
    assert [item["id"] for item in answers] == [300, 600, 900, 5]
    assert ["result" in item for item in answers] == [True, True, False, False]
    assert answers[2]["error"] == {"code": -32003, "message": "response too large"}
    assert ran == [300, 600, 900]


async def test_a_batch_lets_others_run_between_its_calls() -> None:
    """The sequencer lives on the same event loop."""
    order = []

    async def work() -> None:
        order.append("call")

    async def other() -> None:
        order.append("other")

    served = Dispatcher({"work": work}, max_batch=10)
    task = asyncio.create_task(other())
    await served.handle(json.dumps([call("work")] * 3).encode())
    await task
    assert order == ["call", "other", "call", "call"]


@given(st.binary(max_size=60))
async def test_noise_is_answered(body: bytes) -> None:
    """Whatever comes, the answer is an error and never an exception."""
    answer = await dispatcher().handle(body)
    assert answer is not None
    assert "error" in json.loads(answer)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'["]",' * 200_000,
        # Read as bytes, the second half of this character is a quote that hides what follows.
        ('["\u2200",' + "[" * 200_000).encode("utf-16-le"),
        ("[" * 200_000).encode("utf-32-le"),
    ],
    ids=["lists", "objects", "strings", "utf-16", "utf-32"],
)
async def test_deep_nesting_is_refused(body: bytes) -> None:
    """A tower of brackets does not take the process down, in whatever encoding."""
    answer = await dispatcher().handle(body)
    assert answer is not None
    assert json.loads(answer)["error"]["code"] == -32700


async def test_brackets_in_strings_do_not_nest() -> None:
    """Text may hold as many brackets as it likes."""
    text = "[" * 100 + '\\"' + "{" * 100
    assert (await ask(call("echo", text)))["result"] == [text, None]


async def http(
    method: str,
    path: str = "/",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    healthy: bool = True,
    chunks: int = 1,
) -> tuple[int, dict[str, str], bytes]:
    """Send one request to the application; a body of several chunks declares no length."""
    app = create_app(
        dispatcher(),
        health=lambda: (healthy, {"unsafe": 7}),
        registry=CollectorRegistry(),
        max_body_bytes=200,
    )
    sent = {"content-type": "application/json"} | (headers or {})
    if chunks == 1:
        sent["content-length"] = str(len(body))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(key.encode(), value.encode()) for key, value in sent.items()],
    }
    size = max(1, len(body) // chunks)
    pieces = [body[i : i + size] for i in range(0, len(body), size)] or [b""]
    answers: list[Any] = []

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        answers.append(message)

    await app(scope, receive, send)
    received = {key.decode(): value.decode() for key, value in answers[0]["headers"]}
    return answers[0]["status"], received, b"".join(item.get("body", b"") for item in answers[1:])


def encoded(*params: Any, **extra: Any) -> bytes:
    return json.dumps(call("echo", *params, **extra)).encode()


async def test_http() -> None:
    """POST answers calls; other content types, large bodies and other methods are refused."""
    status, _, body = await http("POST", body=encoded(1))
    assert (status, json.loads(body)["result"]) == (200, [1, None])
    assert (await http("POST", body=b"x" * 201))[0] == 413
    assert (await http("POST", body=b"{}", headers={"content-type": "text/plain"}))[0] == 415
    assert (await http("GET"))[0] == 405
    silent = json.dumps({"jsonrpc": "2.0", "method": "echo", "params": [1]}).encode()
    assert (await http("POST", body=silent))[0] == 204


async def test_chunked_bodies_are_bounded_too() -> None:
    """A body without a declared length is cut off at the limit."""
    assert (await http("POST", body=b"x" * 500, chunks=10))[0] == 413


async def test_probes() -> None:
    """/healthz says the truth by its status; /metrics speaks Prometheus."""
    status, _, body = await http("GET", "/healthz")
    assert (status, json.loads(body)) == (200, {"healthy": True, "unsafe": 7})
    assert (await http("GET", "/healthz", healthy=False))[0] == 503
    assert (await http("GET", "/metrics"))[1]["content-type"].startswith("text/plain")


async def test_browser_wallets_may_ask_and_other_sites_may_not() -> None:
    """CORS admits pages on this machine and extensions alone."""
    name = "access-control-allow-origin"
    _, local, _ = await http("POST", body=encoded(1), headers={"origin": "http://localhost:3000"})
    assert local[name] == "http://localhost:3000"
    _, other, _ = await http("POST", body=encoded(1), headers={"origin": "https://example.com"})
    assert name not in other
