"""The whole network in one object: gRPC, artifacts, control, fulfilment."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import grpc
from aiohttp import web

from coprove.closing import AsyncClosing
from coprove.devnet.prover_network.core import NetworkCore
from coprove.devnet.prover_network.faults import FaultPlan
from coprove.devnet.prover_network.fulfilment import Fulfilment
from coprove.devnet.prover_network.http import http_app
from coprove.devnet.prover_network.service import NetworkService
from coprove.devnet.prover_network.store import NetworkStore
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from coprove.devnet.prover_network.settings import ProverNetworkSettings

__all__ = ["ProverNetworkServer"]

_HOST = "127.0.0.1"
_log = get_logger(part="prover network")


class ProverNetworkServer(AsyncClosing):
    """A simulated SP1 prover network on the loopback address.

    An asynchronous context manager; what it accepted it knows again after a restart on the same
    `data_dir`. Its proofs hold on development chains alone.
    """

    def __init__(self, settings: ProverNetworkSettings) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self.faults = FaultPlan()
        """What goes wrong on purpose, and how many calls came."""
        self._grpc_port = self._http_port = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The gRPC endpoint."""
        return f"http://{_HOST}:{self._grpc_port}"

    @property
    def http_url(self) -> str:
        """Where artifacts, /control and /healthz are."""
        return f"http://{_HOST}:{self._http_port}"

    async def __aenter__(self) -> Self:
        """Open the database and listen; OSError or RuntimeError when a port is taken."""
        settings = self._settings
        (settings.data_dir / "artifacts").mkdir(parents=True, exist_ok=True)
        self._store = NetworkStore(settings.data_dir / "network.sqlite")
        self.core = NetworkCore(settings, self._store)
        self.fulfilment = Fulfilment(self.core)
        service = NetworkService(
            self.core,
            self.faults,
            base_url=lambda: self.http_url,
            on_request=self.fulfilment.wake,
        )
        app = http_app(self.core, self.faults, self.fulfilment)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, settings.http_port).start()
        self._http_port = self._runner.addresses[0][1]
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        self._server.add_generic_rpc_handlers(service.handlers())
        self._grpc_port = self._server.add_insecure_port(f"{_HOST}:{settings.grpc_port}")
        await self._server.start()
        self._task = asyncio.create_task(self.fulfilment.run(), name="fulfilment")
        _log.info("simulated prover network", grpc=self.url, http=self.http_url)
        return self

    async def close(self) -> None:
        """Stop; what is under way is taken up again after the next start."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._server.stop(grace=None)
        await self._runner.cleanup()
        self.fulfilment.close()
        self._store.close()

    async def serve(self) -> None:
        """Wait as long as the network works; raises what ended its fulfilment."""
        if self._task is not None:
            await self._task
