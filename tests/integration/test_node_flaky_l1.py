"""The node behind an L1 endpoint that often fails, and sometimes lies."""

from __future__ import annotations

import json
import random
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.integration.node_lab import lab, wait_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


class FlakyProxy(ThreadingHTTPServer):
    """Passes JSON-RPC on to `target`, except for about one request in five."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.chance = random.Random(7)
        self.failures = 0


class _Handler(BaseHTTPRequestHandler):
    server: FlakyProxy

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer, or fail in one of several ways."""
        body = self.rfile.read(int(self.headers["content-length"]))
        request = urllib.request.Request(  # noqa: S310
            self.server.target, body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            good = answer.read()
        luck = self.server.chance.random()
        self.server.failures += luck < 0.2
        if luck < 0.06:
            self._send(503, b"busy")
        elif luck < 0.10:
            self._send(200, good[: len(good) // 2])
        elif luck < 0.13:
            self._send(200, b"<html>not json</html>")
        elif luck < 0.16:
            self._send(200, good.replace(b'"stateRoot":"0x', b'"stateRoot":"0x0', 1))
        elif luck < 0.20:
            error = {"code": -32603, "message": "internal"}
            calls = json.loads(body)
            many = calls if isinstance(calls, list) else [calls]
            answers = [{"jsonrpc": "2.0", "id": call["id"], "error": error} for call in many]
            shown = answers if isinstance(calls, list) else answers[0]
            self._send(200, json.dumps(shown).encode())
        else:
            self._send(200, good)

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_flaky_l1(tmp_path: Path) -> None:
    """Failing, truncated, malformed and altered answers delay both nodes and mislead neither."""
    with lab(tmp_path) as chain, FlakyProxy(chain.anvil.url) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{proxy.server_address[1]}"
        node = chain.start_node("sequencer", l1_rpc_url=url)
        chain.start_batching(node)
        wait_for("safe blocks", lambda: node.head("safe") > 20, 120)
        follower = chain.start_node("follower", sequencer=False, l1_rpc_url=url)
        wait_for("the follower", lambda: follower.head("safe") > 20, 120)
        for number in range(21):
            assert node.hash_of(number) == follower.hash_of(number)
        assert proxy.failures > 20
        assert node.process.poll() is None
        assert follower.stop() == 0
        proxy.shutdown()
