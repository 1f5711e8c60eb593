"""How an operator is: each service's last word, which counts for a while only."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["SERVICES", "HealthBoard", "NodeHealth", "Service", "ServiceStatus"]


class ServiceStatus(StrEnum):
    """EigenLayer's words for a service."""

    UP = "Up"
    """Its last look was good, and not long ago."""
    DOWN = "Down"
    """Its last look was bad, or was too long ago."""
    INITIALIZING = "Initializing"
    """It has not been looked at yet."""


class NodeHealth(StrEnum):
    """EigenLayer's words for a node."""

    HEALTHY = "healthy"
    """All services are up; HTTP 200."""
    PARTIAL = "partially healthy"
    """It starts, or something is down that others run; HTTP 206."""
    UNHEALTHY = "unhealthy"
    """Nothing can be signed; HTTP 503."""

    @property
    def status(self) -> int:
        """HTTP status."""
        return {NodeHealth.HEALTHY: 200, NodeHealth.PARTIAL: 206}.get(self, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Something that an operator needs."""

    id: str
    """Its name in paths."""
    name: str
    """For people."""
    description: str
    """What it does."""
    is_essential: bool
    """Whether nothing can be signed without it."""
    lasts: float
    """Seconds that a good look counts."""


SERVICES: Final = (
    Service(
        id="prover",
        name="TEE prover",
        description="executes ranges in a trusted environment and signs what comes out",
        is_essential=True,
        lasts=120.0,
    ),
    Service(
        id="attestation",
        name="Attestation",
        description="the prover counts on chain under this operator's BLS key",
        is_essential=True,
        lasts=120.0,
    ),
    Service(
        id="l1",
        name="L1 node",
        description="what tasks are held against",
        is_essential=True,
        lasts=120.0,
    ),
    Service(
        id="aggregator",
        name="Aggregator",
        description="gives tasks and takes signatures",
        is_essential=False,
        lasts=120.0,
    ),
    Service(
        id="tasks",
        name="Tasks",
        description="the last task was signed and taken",
        is_essential=False,
        # There may be none for hours.
        lasts=float("inf"),
    ),
    Service(
        id="confirmations",
        name="Confirmations",
        description="what was signed is confirmed on chain in time",
        is_essential=False,
        lasts=120.0,
    ),
)
"""An operator's services."""


class HealthBoard:
    """What is known of each service; those who look write it down."""

    def __init__(
        self, services: Sequence[Service] = SERVICES, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing has been looked at yet."""
        self.services = tuple(services)
        self._now = now
        self._seen: dict[str, tuple[bool, float, str]] = {}
        self._lasts = {service.id: service.lasts for service in services}

    def up(self, service: str) -> None:
        """Note a good look."""
        self._note(service, good=True, why="")

    def down(self, service: str, why: str) -> None:
        """Note a bad look."""
        self._note(service, good=False, why=why)

    def status(self, service: str) -> ServiceStatus:
        """Return how a service is; KeyError for one that there is not."""
        lasts = self._lasts[service]
        seen = self._seen.get(service)
        if seen is None:
            return ServiceStatus.INITIALIZING
        good, when, _ = seen
        return ServiceStatus.UP if good and self._now() - when <= lasts else ServiceStatus.DOWN

    def why(self, service: str) -> str:
        """Return what is wrong with a service; empty when nothing is known to be."""
        seen = self._seen.get(service)
        if seen is None or self.status(service) is not ServiceStatus.DOWN:
            return ""
        return seen[2] or f"no good look for {self._now() - seen[1]:.0f} s"

    @property
    def health(self) -> NodeHealth:
        """How the node is altogether."""
        found = {service: self.status(service.id) for service in self.services}
        if any(
            service.is_essential and status is ServiceStatus.DOWN
            for service, status in found.items()
        ):
            return NodeHealth.UNHEALTHY
        # No task yet is nothing that is wrong.
        waited_for = [status for service, status in found.items() if service.id != "tasks"]
        if found and all(status is ServiceStatus.UP for status in waited_for):
            tasks = [status for service, status in found.items() if service.id == "tasks"]
            if ServiceStatus.DOWN not in tasks:
                return NodeHealth.HEALTHY
        return NodeHealth.PARTIAL

    @property
    def score(self) -> float:
        """EigenLayer's performance score, 0 to 100: the share of services that are not down."""
        down = sum(self.status(service.id) is ServiceStatus.DOWN for service in self.services)
        return 100.0 * (1 - down / len(self.services))

    def _note(self, service: str, *, good: bool, why: str) -> None:
        if service not in self._lasts:
            raise KeyError(service)
        self._seen[service] = (good, self._now(), why)
