"""An HTTP server inside another loop, what it may listen on, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from coprove.closing import AsyncClosing
from coprove.errors import InputError
from coprove.telemetry import register_secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.types import ASGIApp

__all__ = ["HttpServer", "HttpService", "check_exposure", "is_loopback", "until_signal"]

_SHORTEST_TOKEN: Final = 16
_MOST_CONNECTIONS: Final = 1024


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a socket that is bound to `host`."""
    bare = host.strip("[]")
    if bare == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def check_exposure(host: str, tokens: Sequence[str]) -> None:
    """Check that strangers are kept out, and keep tokens out of logs.

    InputError when an address beyond loopback has no tokens, or a token is too short or odd.
    """
    if not tokens and not is_loopback(host):
        raise InputError(
            "server tokens", expected=f"at least one, to listen on {host}", actual="none"
        )
    for token in tokens:
        register_secret(token)
        if len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
            raise InputError(
                "server token",
                expected=f"at least {_SHORTEST_TOKEN} printable ASCII characters",
                actual=f"{len(token)} characters",
            )


class _Uvicorn(uvicorn.Server):
    """uvicorn without signal handlers: the process that it runs in has its own."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave signals alone."""
        yield


class _Connection(H11Protocol):
    """A connection that is closed unless its requests' heads come in time.

    Nobody needs a token to open one, and each takes a descriptor of the process.
    """

    head_timeout: ClassVar[float]
    """Seconds from a connection's start, or the first byte of a further request, to its head."""
    most: ClassVar[int]
    """Connections at once; further ones are closed."""
    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
            return
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Stop the clock while a request is answered."""
        super().data_received(data)
        if not self._is_between_requests:
            self._stop_clock()
        elif self._clock is None:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    @property
    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        self._clock = self.loop.call_later(self.head_timeout, self._late)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _late(self) -> None:
        self._clock = None
        if self._is_between_requests and not self.transport.is_closing():
            self.transport.abort()


class HttpServer:
    """A listening socket, and once started a server on it."""

    def __init__(self, host: str, port: int) -> None:
        """Listen, port 0 for a free one; InputError when the address is taken."""
        self._host = host
        self._listener = _listen(host, port)
        self._port: int = self._listener.getsockname()[1]
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def start(
        self,
        app: ASGIApp,
        *,
        stop_timeout: float,
        head_timeout: float = 30.0,
        max_connections: int = _MOST_CONNECTIONS,
    ) -> None:
        """Answer with `app`; a stop waits up to `stop_timeout` seconds for requests under way.

        A request's head must come within `head_timeout` seconds, or its connection is closed.
        """
        limits = {"head_timeout": head_timeout, "most": max_connections}
        config = uvicorn.Config(
            app,
            http=type("_Limited", (_Connection,), limits),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(1, int(stop_timeout)),
        )
        self._server = _Uvicorn(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise RuntimeError("the HTTP server ended at once")
            await asyncio.sleep(0.01)

    async def wait(self) -> None:
        """Return when the server has ended; raise what ended it."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """End requests under way and close the socket."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
        self._listener.close()

    def close(self) -> None:
        """Close the socket of a server that was never started."""
        self._listener.close()


class HttpService(AsyncClosing):
    """An HTTP server with all that lies behind it; entered, it answers at `url`."""

    def __init__(self, host: str, port: int) -> None:
        """Nothing listens yet; port 0 takes a free one."""
        self._host, self._port = host, port
        self._exit = AsyncExitStack()
        self._http: HttpServer | None = None

    @property
    def url(self) -> str:
        """Where it listens, once entered."""
        if self._http is None:
            raise RuntimeError(f"{type(self).__name__} was not entered")
        return self._http.url

    async def __aenter__(self) -> Self:
        """Start; InputError for a taken port. What was begun is ended again when it fails."""
        try:
            self._http = HttpServer(self._host, self._port)
            self._exit.callback(self._http.close)
            await self._start(self._http)
        except BaseException:
            await self._exit.aclose()
            raise
        return self

    async def close(self) -> None:
        """End what was started, the last first."""
        await self._exit.aclose()

    async def wait(self) -> None:
        """Return when the HTTP server has ended; raise what ended it."""
        if self._http is not None:
            await self._http.wait()

    async def _start(self, http: HttpServer) -> None:
        """Start what lies behind and then the server; note on `_exit` how each ends."""
        raise NotImplementedError


async def until_signal(
    server: Callable[[], contextlib.AbstractAsyncContextManager[Any]],
    wait: Callable[[Any], Awaitable[None]],
    stopping: Callable[[], None],
) -> None:
    """Run a server until SIGTERM or SIGINT, or until it ends by itself.

    `server` opens it, `wait` returns when it has ended, `stopping` is called before a stop.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    try:
        async with server() as running:
            ended = asyncio.ensure_future(wait(running))
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if ended.done():
                await ended
            else:
                stopping()
                ended.cancel()
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(name)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
    except OSError as error:
        listener.close()
        raise InputError(
            "server address", expected="a free one", actual=f"{host}:{port}: {error.strerror}"
        ) from None
    listener.listen(128)
    return listener
