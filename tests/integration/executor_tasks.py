"""Tasks that run in workers of the tests."""

from __future__ import annotations

import os
import time
from pathlib import Path

from coprove.errors import InputError
from coprove.rpc import RateLimitedError, RpcError
from coprove.types import Hash32

__all__ = ["double", "fail", "wait_for_leave"]


def double(value: int) -> int:
    """Return twice the value."""
    return 2 * value


def fail(kind: str) -> None:
    """Raise an error of the package."""
    if kind == "input":
        raise InputError("a field", expected=Hash32(b"\x01" * 32), actual=ValueError("odd"))
    if kind == "limit":
        raise RateLimitedError("slow down", retry_after=2.5)
    raise RpcError("eth_call at here", code=-32000, message="no", data={"a": [1]})


def wait_for_leave(folder: str, value: int) -> int:
    """Tell this process's number in a file, wait until the file "leave" is there, and square."""
    (Path(folder) / f"pid-{os.getpid()}").touch()
    while not (Path(folder) / "leave").exists():
        time.sleep(0.01)
    return value * value
