"""A running server of an aggregator, inside the process that runs the rest of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from coprove.avs.aggregator.server.app import create_app
from coprove.avs.aggregator.server.desk import Desk
from coprove.avs.tasks import SessionScope, audience_of
from coprove.errors import InputError
from coprove.prover.http import HttpService, check_exposure, is_loopback
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.avs.aggregator.server.desk import AggregatorPorts
    from coprove.avs.aggregator.server.options import AggregatorServerOptions
    from coprove.prover.http.serving import HttpServer
    from coprove.telemetry import Metrics
    from coprove.types import Address

__all__ = ["AggregatorServer"]

_log = get_logger(part="aggregator")


class AggregatorServer(HttpService):
    """Use as an asynchronous context manager: entered, it answers at `url`."""

    def __init__(
        self,
        options: AggregatorServerOptions,
        ports: AggregatorPorts,
        metrics: Metrics,
        *,
        chain_id: int,
        service_manager: Address,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Check the options; InputError when strangers would come unasked.

        `metrics` must have SERVER_METRICS; chain and AVS are what handshakes are made for.
        """
        if not options.public and not is_loopback(options.host):
            raise InputError(
                "aggregator.public",
                expected=f"true, to let strangers come to {options.host}",
                actual="false",
            )
        check_exposure("127.0.0.1", options.admin_tokens)
        super().__init__(options.host, options.port)
        self._options, self._ports, self._metrics = options, ports, metrics
        self._chain_id, self._service_manager = chain_id, service_manager
        self._clock = clock

    async def _start(self, http: HttpServer) -> None:
        options = self._options
        audiences = options.audiences or (http.url,)
        scopes = tuple(
            SessionScope(
                audience=audience_of(audience),
                chain_id=self._chain_id,
                service_manager=self._service_manager,
            )
            for audience in audiences
        )
        desk = Desk(self._ports, scopes, options, self._metrics, clock=self._clock)
        self._exit.callback(self._metrics.registry.unregister, desk.pushed)
        await http.start(
            create_app(desk),
            stop_timeout=options.stop_timeout,
            max_connections=options.max_requests + 64,
        )
        self._exit.push_async_callback(http.stop)
        # Polls are answered first: the stop waits for them.
        self._exit.callback(desk.stop)
        _log.info("listening", url=self.url, audiences=[scope.audience for scope in scopes])
