"""A running proof server: inside another process as a context manager, or as a process itself."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from coprove.closing import AsyncClosing
from coprove.contracts import GENESIS_CONFIG
from coprove.prover.http.serving import HttpServer, check_exposure, until_signal
from coprove.prover.server import metrics as names
from coprove.prover.server.app import create_app
from coprove.prover.server.contract import ContractCheck
from coprove.prover.server.engine import Engine
from coprove.prover.server.files import DataFolder
from coprove.prover.server.store import JobStore
from coprove.telemetry import Metrics, get_logger

if TYPE_CHECKING:
    from fastapi import FastAPI

    from coprove.prover.backend import ProverBackend
    from coprove.prover.server.options import ServerOptions
    from coprove.prover.server.source import WitnessSource
    from coprove.rpc import RpcTransport
    from coprove.types import Address, Hash32

__all__ = ["ProofServer", "ServerParts", "serve"]

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


class ProofServer(AsyncClosing):
    """Use as an asynchronous context manager: entered, it answers at `url`."""

    def __init__(self, options: ServerOptions, parts: ServerParts) -> None:
        """Check the options; InputError when tokens are missing where they are needed."""
        check_exposure(options.host, options.tokens)
        self._options, self._parts = options, parts
        self.metrics = Metrics(names.ALL)
        self._exit = AsyncExitStack()
        self._http: HttpServer | None = None

    @property
    def url(self) -> str:
        """Where it listens, once entered."""
        if self._http is None:
            raise RuntimeError("the server was not entered")
        return self._http.url

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

    async def close(self) -> None:
        """Refuse further requests, end those under way, stop the jobs where they are."""
        await self._exit.aclose()

    async def wait(self) -> None:
        """Return when the HTTP server has ended; raise what ended it."""
        if self._http is not None:
            await self._http.wait()

    async def _start(self) -> None:
        options = self._options
        self._http = HttpServer(options.host, options.port)
        self._exit.callback(self._http.close)
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
        await self._http.start(self._app(engine), stop_timeout=options.stop_timeout)
        self._exit.push_async_callback(self._http.stop)
        self._exit.callback(engine.begin_stop)
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


async def serve(options: ServerOptions, parts: ServerParts) -> None:
    """Run a server until SIGTERM or SIGINT."""
    await until_signal(
        lambda: ProofServer(options, parts), ProofServer.wait, lambda: _log.info("stopping")
    )
