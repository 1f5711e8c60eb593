"""The committed artifacts are what the Solidity sources compile to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def run(command: list[str], folder: Path) -> None:
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-4000:]


def test_committed_artifacts_are_what_the_sources_compile_to() -> None:
    """A fresh compile gives the very files under src/coprove/contracts/artifacts."""
    run([sys.executable, "contracts/scripts/export_artifacts.py", "--check"], REPOSITORY)


def test_a_changed_artifact_is_noticed(tmp_path: Path) -> None:
    """The check fails when a file differs, is missing or is too many."""
    script = [sys.executable, "contracts/scripts/export_artifacts.py", "--out", str(tmp_path)]
    run(script, REPOSITORY)
    oracle = tmp_path / "L2OutputOracle.json"
    oracle.write_text(oracle.read_text().replace("0x60", "0x61", 1))
    (tmp_path / "Extra.json").write_text("{}")
    (tmp_path / "OracleProxy.json").unlink()
    finished = subprocess.run(  # noqa: S603
        [*script, "--check"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 1
    for name in ("L2OutputOracle", "Extra", "OracleProxy"):
        assert f"{name}.json differs" in finished.stderr
