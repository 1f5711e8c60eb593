"""A running proof server: inside another process as a context manager, or as a process itself."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import uvicorn

from coprove.contracts import GENESIS_CONFIG
from coprove.errors import InputError
from coprove.prover.server import metrics as names
from coprove.prover.server.app import create_app
from coprove.prover.server.contract import ContractCheck
from coprove.prover.server.engine import Engine
from coprove.prover.server.files import DataFolder
from coprove.prover.server.options import is_loopback
from coprove.prover.server.store import JobStore
from coprove.telemetry import Metrics, get_logger, register_secret

if TYPE_CHECKING:
    from types import TracebackType

    from fastapi import FastAPI

    from coprove.prover.backend import ProverBackend
    from coprove.prover.server.options import ServerOptions
    from coprove.prover.server.source import WitnessSource
    from coprove.rpc import RpcTransport
    from coprove.types import Address, Hash32

__all__ = ["ProofServer", "ServerParts", "serve"]

_SHORTEST_TOKEN = 16
_log = get_logger(part="server")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParts:
    """What a server works with; its owner closes these."""

    source: WitnessSource
    """Where inputs come from."""
    backend: ProverBackend
    """Who makes the proofs."""
    mock: ProverBackend | None
    """Who makes mock proofs, None for nobody."""
    range_vkey_commitment: Hash32
    """Commitment to the range program's verification key."""
    aggregation_vkey: Hash32
    """Verification key of the aggregation program."""
    prover_address: Address | None = None
    """Who is credited in aggregations; None for contracts of the first generation."""
    l1: RpcTransport | None = None
    """L1 endpoint to read contracts by; None leaves validate_config unanswered."""
    config_name: str = GENESIS_CONFIG
    """Named config of a contract of the second generation."""


class _Uvicorn(uvicorn.Server):
    """uvicorn without signal handlers: the process that it runs in has its own."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave signals alone."""
        yield


class ProofServer:
    """Use as an asynchronous context manager: entered, it answers at `url`."""

    def __init__(self, options: ServerOptions, parts: ServerParts) -> None:
        """Check the options; InputError when tokens are missing where they are needed."""
        if not options.tokens and not is_loopback(options.host):
            raise InputError(
                "server tokens",
                expected=f"at least one, to listen on {options.host}",
                actual="none",
            )
        for token in options.tokens:
            register_secret(token)
            if len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
                raise InputError(
                    "server token",
                    expected=f"at least {_SHORTEST_TOKEN} printable ASCII characters",
                    actual=f"{len(token)} characters",
                )
        self._options, self._parts = options, parts
        self.metrics = Metrics(names.ALL)
        self._exit = AsyncExitStack()
        self._port = options.port
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens, once entered."""
        host = self._options.host
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    async def __aenter__(self) -> Self:
        """Open the data folder, take up open jobs, listen.

        DataFolderInUseError when another server has the folder, InputError for a taken port.
        """
        try:
            await self._start()
        except BaseException:
            await self._exit.aclose()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Refuse further requests, end those under way, stop the jobs where they are."""
        await self._exit.aclose()

    async def wait(self) -> None:
        """Return when the HTTP server has ended; raise what ended it."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def _start(self) -> None:
        options = self._options
        listener = _listen(options.host, options.port)
        self._exit.callback(listener.close)
        self._port = listener.getsockname()[1]
        files = DataFolder(options.data_dir, reserve=options.disk_reserve)
        self._exit.callback(files.close)
        store = JobStore(files.store)
        self._exit.callback(store.close)
        backends = {"real": self._parts.backend}
        if self._parts.mock is not None:
            backends["mock"] = self._parts.mock
        engine = Engine(
            store=store,
            files=files,
            source=self._parts.source,
            backends=backends,
            range_vkey_commitment=self._parts.range_vkey_commitment,
            prover_address=self._parts.prover_address,
            options=options,
            metrics=self.metrics,
        )
        engine.start()
        self._exit.push_async_callback(engine.stop)
        config = uvicorn.Config(
            self._app(engine),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(1, int(options.stop_timeout)),
        )
        self._server = _Uvicorn(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        self._exit.push_async_callback(self._end_http)
        self._exit.callback(engine.begin_stop)
        while not self._server.started:
            if self._task.done():
                await self._task
                raise RuntimeError("the HTTP server ended at once")
            await asyncio.sleep(0.01)
        _log.info("listening", url=self.url, backend=self._parts.backend.name)

    def _app(self, engine: Engine) -> FastAPI:
        parts = self._parts
        contract = None
        if parts.l1 is not None:
            contract = ContractCheck(
                parts.l1,
                parts.source,
                aggregation_vkey=parts.aggregation_vkey,
                range_vkey_commitment=parts.range_vkey_commitment,
                config_name=parts.config_name,
            )
        return create_app(
            engine,
            range_vkey_commitment=parts.range_vkey_commitment,
            aggregation_vkey=parts.aggregation_vkey,
            contract=contract,
            metrics=self.metrics,
        )

    async def _end_http(self) -> None:
        if self._server is None or self._task is None:
            return
        self._server.should_exit = True
        await self._task


async def serve(options: ServerOptions, parts: ServerParts) -> None:
    """Run a server until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    try:
        async with ProofServer(options, parts) as server:
            ended = asyncio.create_task(server.wait())
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if ended.done():
                await ended
            else:
                _log.info("stopping")
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
