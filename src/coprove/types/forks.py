"""The hardforks of the OP Stack, in order."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Fork"]


class Fork(IntEnum):
    """A hardfork; a later one compares greater and implies all before it."""

    BEDROCK = 0
    REGOLITH = 1
    CANYON = 2
    DELTA = 3
    ECOTONE = 4
    FJORD = 5
    GRANITE = 6
    HOLOCENE = 7
    ISTHMUS = 8
    JOVIAN = 9
    KARST = 10

    @property
    def json_name(self) -> str:
        """The fork's key in rollup.json, such as `canyon_time`."""
        return f"{self.name.lower()}_time"
