"""Where the recorded chains and blocks lie that tests run on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["EXAMPLES", "recording_dir", "vectors_dir"]

_ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = _ROOT / "examples"
"""Recordings that ship with the repository; always there."""


def vectors_dir(part: str) -> Path:
    """Return the folder of shared vectors `part` ("opstack/heavy", "blocks"), or skip the test.

    With COPROVE_REQUIRE_VECTORS=1 (as in CI) an absent folder fails the test instead.
    """
    path = _ROOT.parent / "shared" / "vectors" / part
    if path.is_dir():
        return path
    reason = f"shared vectors {part!r} are not beside this checkout"
    if os.environ.get("COPROVE_REQUIRE_VECTORS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def recording_dir(name: str) -> Path:
    """Return the folder of the recorded chain `name` (calldata, blobs, heavy)."""
    shipped = EXAMPLES / name
    return shipped if shipped.is_dir() else vectors_dir(f"opstack/{name}")
