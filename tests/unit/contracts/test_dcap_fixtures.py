"""The evidence that forge's tests use is what the script makes."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[3] / "contracts" / "scripts" / "export_fixtures.py"


def test_the_committed_fixtures_are_the_scripts() -> None:
    """Byte for byte: simulated evidence follows from its seed."""
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
