"""A running proof server: inside another process as a context manager, or as a process itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.contracts import GENESIS_CONFIG
from coprove.prover.http.serving import HttpService, check_exposure, until_signal
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
    from coprove.prover.http.serving import HttpServer
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


class ProofServer(HttpService):
    """Use as an asynchronous context manager: entered, it answers at `url`.

    Entering raises DataFolderInUseError when another server has the data folder.
    """

    def __init__(self, options: ServerOptions, parts: ServerParts) -> None:
        """Check the options; InputError when tokens are missing where they are needed."""
        check_exposure(options.host, options.tokens)
        super().__init__(options.host, options.port)
        self._options, self._parts = options, parts
        self.metrics = Metrics(names.ALL)

    async def _start(self, http: HttpServer) -> None:
        options = self._options
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
        await http.start(self._app(engine), stop_timeout=options.stop_timeout)
        self._exit.push_async_callback(http.stop)
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
