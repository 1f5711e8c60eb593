"""The stub of the native module says what the binary does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[3] / "src"


def test_the_stub_matches_the_binary() -> None:
    """mypy's stubtest finds no difference in names, parameters or defaults."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "coprove._native"],
        env={**os.environ, "MYPYPATH": str(SOURCES)},
        cwd=SOURCES.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
