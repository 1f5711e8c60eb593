"""How much memory a process had at most."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

__all__ = ["peak_mib"]


def peak_mib() -> float:
    """Return the peak of this process in MiB; what its parent had before it does not count."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(item for item in status.read_text().splitlines() if item.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
