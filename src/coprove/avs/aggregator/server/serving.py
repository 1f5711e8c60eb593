"""A running server of an aggregator, inside the process that runs the rest of it."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from coprove.avs.aggregator.server.app import create_app
from coprove.avs.aggregator.server.desk import Desk
from coprove.avs.tasks import SessionScope, audience_of
from coprove.closing import AsyncClosing
from coprove.errors import InputError
from coprove.prover.http import HttpServer, check_exposure, is_loopback
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.avs.aggregator.server.desk import AggregatorPorts
    from coprove.avs.aggregator.server.options import AggregatorServerOptions
    from coprove.telemetry import Metrics
    from coprove.types import Address

__all__ = ["AggregatorServer"]

_log = get_logger(part="aggregator")


class AggregatorServer(AsyncClosing):
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
        self._options, self._ports, self._metrics = options, ports, metrics
        self._chain_id, self._service_manager = chain_id, service_manager
        self._clock = clock
        self._exit = AsyncExitStack()
        self._http: HttpServer | None = None

    @property
    def url(self) -> str:
        """Where it listens, once entered."""
        if self._http is None:
            raise RuntimeError("the server was not entered")
        return self._http.url

    async def __aenter__(self) -> Self:
        """Listen; InputError for a taken port."""
        try:
            await self._start()
        except BaseException:
            await self._exit.aclose()
            raise
        return self

    async def close(self) -> None:
        """Answer all polls, take nothing more, wait for requests under way."""
        await self._exit.aclose()

    async def wait(self) -> None:
        """Return when the HTTP server has ended; raise what ended it."""
        if self._http is not None:
            await self._http.wait()

    async def _start(self) -> None:
        options = self._options
        self._http = HttpServer(options.host, options.port)
        self._exit.callback(self._http.close)
        audiences = options.audiences or (self._http.url,)
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
        await self._http.start(
            create_app(desk),
            stop_timeout=options.stop_timeout,
            max_connections=options.max_requests + 64,
        )
        self._exit.push_async_callback(self._http.stop)
        # Polls are answered first: the stop waits for them.
        self._exit.callback(desk.stop)
        _log.info("listening", url=self.url, audiences=[scope.audience for scope in scopes])
