"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Level", "failed", "passed", "skipped", "warned"]


class Level(StrEnum):
    """How good it is."""

    OK = "ok"
    """As it must be."""
    WARN = "warn"
    """It works, but worse, or not for long."""
    FAIL = "fail"
    """It will not work."""
    SKIPPED = "skipped"
    """Not set up, or not to be seen because something else failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check saw."""

    name: str
    """Name of the check; set where the checks are listed."""
    level: Level
    """How good it is."""
    detail: str
    """What was seen."""
    advice: str | None = None
    """What to do about it."""


def passed(detail: str) -> Finding:
    """Return a good finding."""
    return Finding(name="", level=Level.OK, detail=detail)


def warned(detail: str, advice: str) -> Finding:
    """Return a finding that should be looked after."""
    return Finding(name="", level=Level.WARN, detail=detail, advice=advice)


def failed(detail: str, advice: str) -> Finding:
    """Return a finding that must be looked after."""
    return Finding(name="", level=Level.FAIL, detail=detail, advice=advice)


def skipped(detail: str) -> Finding:
    """Return that nothing was looked at."""
    return Finding(name="", level=Level.SKIPPED, detail=detail)
