"""A running TEE prover: inside another process as a context manager, or as a process itself."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from coprove.closing import AsyncClosing
from coprove.prover.http.serving import HttpServer, check_exposure, until_signal
from coprove.prover.tee.host import metrics as names
from coprove.prover.tee.host.app import create_app
from coprove.prover.tee.host.service import TeeService
from coprove.telemetry import Metrics, get_logger

if TYPE_CHECKING:
    from coprove.prover.tee.enclave import Enclave
    from coprove.prover.tee.host.contexts import WitnessMaker
    from coprove.prover.tee.host.options import TeeProverOptions

__all__ = ["TeeProver", "serve"]

_log = get_logger(part="tee-prover")


class TeeProver(AsyncClosing):
    """Use as an asynchronous context manager: entered, it answers at `url`."""

    def __init__(
        self, options: TeeProverOptions, enclave: Enclave, maker: WitnessMaker | None = None
    ) -> None:
        """Check the options; InputError when tokens are missing where they are needed."""
        check_exposure(options.host, options.tokens)
        self._options, self._enclave, self._maker = options, enclave, maker
        self.metrics = Metrics(names.ALL)
        self._exit = AsyncExitStack()
        self._http: HttpServer | None = None
        self._service: TeeService | None = None

    @property
    def url(self) -> str:
        """Where it listens, once entered."""
        if self._http is None:
            raise RuntimeError("the prover was not entered")
        return self._http.url

    @property
    def service(self) -> TeeService:
        """What it serves, once entered."""
        if self._service is None:
            raise RuntimeError("the prover was not entered")
        return self._service

    async def __aenter__(self) -> Self:
        """Listen; InputError for a taken port."""
        try:
            await self._start()
        except BaseException:
            await self._exit.aclose()
            raise
        return self

    async def close(self) -> None:
        """Take no more tasks, answer requests under way, let runs end or stop them."""
        await self._exit.aclose()

    async def wait(self) -> None:
        """Return when the HTTP server has ended; raise what ended it."""
        if self._http is not None:
            await self._http.wait()

    async def _start(self) -> None:
        self._http = HttpServer(self._options.host, self._options.port)
        self._exit.callback(self._http.close)
        self._service = TeeService(self._enclave, self._options, self.metrics, self._maker)
        self._service.start()
        app = create_app(self._service)
        await self._http.start(app, stop_timeout=self._options.stop_timeout)
        self._exit.push_async_callback(self._http.stop)
        # Runs are ended first: requests wait for them.
        self._exit.push_async_callback(self._service.stop)
        identity = self._enclave.identity
        _log.info(
            "listening",
            url=self.url,
            platform=identity.platform.value,
            prover=str(identity.address),
            measurement_id=identity.measurement_id.hex0x,
            simulated=identity.simulated,
        )


async def serve(
    options: TeeProverOptions, enclave: Enclave, maker: WitnessMaker | None = None
) -> None:
    """Run a prover until SIGTERM or SIGINT."""
    await until_signal(
        lambda: TeeProver(options, enclave, maker),
        TeeProver.wait,
        lambda: _log.info("stopping"),
    )
