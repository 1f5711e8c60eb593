"""Range inputs of the recordings, built once a process."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from coprove.witness import Recording
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from coprove.program import RangeInput

__all__ = ["range_input", "recording"]


@functools.cache
def recording(name: str) -> Recording:
    """Return the recorded chain; skips the test where it is absent."""
    return Recording(recording_dir(name))


@functools.lru_cache(maxsize=8)
def range_input(name: str, start: int, end: int) -> RangeInput:
    """Return the input of the range from block `start` (agreed) to `end` (claimed)."""
    return recording(name).range_input(start, end)
