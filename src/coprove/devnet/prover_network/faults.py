"""What goes wrong on purpose: calls that fail, are slow, or lose their answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from enum import StrEnum

__all__ = ["Fault", "FaultKind", "FaultPlan", "stall"]


class FaultKind(StrEnum):
    """How a call goes wrong."""

    FAIL = "fail"
    """It has no effect and fails."""
    LOSE = "lose"
    """It has its effect, and then fails: the answer is lost."""
    DELAY = "delay"
    """It waits first."""
    STALL = "stall"
    """It has its effect, and never answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A number of calls that go wrong."""

    method: str
    """Name of the gRPC method, or PUT or GET for artifacts."""
    kind: FaultKind
    """How."""
    count: int = 1
    """For how many calls from now on."""
    code: str = "UNAVAILABLE"
    """gRPC status of a failure."""
    seconds: float = 0.0
    """Time of a delay."""


class FaultPlan:
    """Faults in the order in which they were planned; each is used up by calls of its method."""

    def __init__(self) -> None:
        """Start with none."""
        self._faults: list[Fault] = []
        self.calls: dict[str, int] = {}
        """Calls so far by method, failed ones included."""

    def add(self, fault: Fault) -> None:
        """Plan a fault."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Forget all that is planned."""
        self._faults.clear()

    def take(self, method: str) -> Fault | None:
        """Count a call, and return the fault that it meets."""
        self.calls[method] = self.calls.get(method, 0) + 1
        for index, fault in enumerate(self._faults):
            if fault.method != method:
                continue
            if fault.count <= 1:
                del self._faults[index]
            else:
                self._faults[index] = replace(fault, count=fault.count - 1)
            return fault
        return None


async def stall() -> None:
    """Wait for ever, or until the caller gives up."""
    await asyncio.Event().wait()
