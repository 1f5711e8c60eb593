"""Several beacon nodes of one L1 in the place of one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from coprove.closing import AsyncClosing
from coprove.errors import CoproveError, InputError
from coprove.rpc.beacon import BeaconClient
from coprove.rpc.errors import NotYetAvailableError
from coprove.rpc.failover import EndpointHealth, split_urls
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.rpc.http import EndpointOptions

__all__ = ["BeaconSource", "FailoverBeacon", "open_beacon"]


class BeaconSource(Protocol):
    """Where blobs can be asked for: one beacon node or several."""

    @property
    def name(self) -> str:
        """The redacted address, or addresses, for messages."""

    @property
    def clients(self) -> Sequence[BeaconClient]:
        """The nodes in the order in which to ask them."""

    def judge(self, client: BeaconClient, failure: CoproveError | None) -> None:
        """Note how a node did: the failure, or None for a good answer."""

    async def close(self) -> None:
        """Close the connections."""


class FailoverBeacon(AsyncClosing):
    """Beacon nodes in order of preference, those that failed or lied lately last."""

    def __init__(self, clients: Sequence[BeaconClient]) -> None:
        """The clients are closed with this; InputError for none."""
        if not clients:
            raise InputError("beacon endpoints", expected="at least one", actual="none")
        self._clients = tuple(clients)
        self._health = {client: EndpointHealth() for client in clients}
        self._log = get_logger()

    @property
    def name(self) -> str:
        """The redacted addresses."""
        return ", ".join(client.name for client in self._clients)

    @property
    def clients(self) -> list[BeaconClient]:
        """The nodes in the order in which to ask them now."""
        now = asyncio.get_running_loop().time()
        return sorted(
            self._clients, key=lambda client: max(0.0, self._health[client].rests_until - now)
        )

    def judge(self, client: BeaconClient, failure: CoproveError | None) -> None:
        """Let a node rest that failed or lied; one that lacks a slot did neither."""
        client.judge(client, failure)
        if failure is None:
            self._health[client].answered()
        elif not isinstance(failure, NotYetAvailableError):
            self._health[client].failed(failure, asyncio.get_running_loop().time())
            self._log.warning("endpoint rests", endpoint=client.name, reason=str(failure))

    async def close(self) -> None:
        """Close the connections of all nodes."""
        for client in self._clients:
            await client.close()


def open_beacon(
    urls: str | Sequence[str], options: EndpointOptions | None = None
) -> FailoverBeacon:
    """Return a source for one base URL or several (a sequence, or separated by commas)."""
    return FailoverBeacon([BeaconClient(url, options) for url in split_urls(urls)])
