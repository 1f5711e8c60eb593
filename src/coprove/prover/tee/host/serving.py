"""A running TEE prover: inside another process as a context manager, or as a process itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.prover.http.serving import HttpService, check_exposure, until_signal
from coprove.prover.tee.host import metrics as names
from coprove.prover.tee.host.app import create_app
from coprove.prover.tee.host.service import TeeService
from coprove.telemetry import Metrics, get_logger

if TYPE_CHECKING:
    from coprove.prover.http.serving import HttpServer
    from coprove.prover.tee.enclave import Enclave
    from coprove.prover.tee.host.contexts import WitnessMaker
    from coprove.prover.tee.host.options import TeeProverOptions

__all__ = ["TeeProver", "serve"]

_log = get_logger(part="tee-prover")


class TeeProver(HttpService):
    """Use as an asynchronous context manager: entered, it answers at `url`."""

    def __init__(
        self, options: TeeProverOptions, enclave: Enclave, maker: WitnessMaker | None = None
    ) -> None:
        """Check the options; InputError when tokens are missing where they are needed."""
        check_exposure(options.host, options.tokens)
        super().__init__(options.host, options.port)
        self._options, self._enclave, self._maker = options, enclave, maker
        self.metrics = Metrics(names.ALL)
        self._service: TeeService | None = None

    @property
    def service(self) -> TeeService:
        """What it serves, once entered."""
        if self._service is None:
            raise RuntimeError("the prover was not entered")
        return self._service

    async def _start(self, http: HttpServer) -> None:
        self._service = TeeService(self._enclave, self._options, self.metrics, self._maker)
        self._service.start()
        app = create_app(self._service)
        await http.start(app, stop_timeout=self._options.stop_timeout)
        self._exit.push_async_callback(http.stop)
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
