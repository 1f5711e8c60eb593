"""The committed artifacts are what the Solidity sources compile to."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

REPOSITORY = Path(__file__).resolve().parents[2]
ARTIFACTS = REPOSITORY / "src" / "coprove" / "contracts" / "artifacts"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script behind `make contracts`."""
    path = REPOSITORY / "contracts" / "scripts" / "export_artifacts.py"
    spec = importlib.util.spec_from_file_location("export_artifacts", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_committed_artifacts_are_what_the_sources_compile_to(script: Any, tmp_path: Path) -> None:
    """A fresh compile gives the very files under src/coprove/contracts/artifacts."""
    script.compile_contracts(tmp_path)
    assert script.compare(script.render(tmp_path), ARTIFACTS) == []


def test_a_changed_missing_or_extra_artifact_is_noticed(script: Any, tmp_path: Path) -> None:
    """Each kind of difference is named."""
    files = {path.name: path.read_text() for path in ARTIFACTS.glob("*.json")}
    assert script.compare(files, ARTIFACTS) == []
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "L2OutputOracle.json").write_text(files["L2OutputOracle.json"] + " ")
    (tmp_path / "OracleProxy.json").unlink()
    (tmp_path / "Extra.json").write_text("{}")
    expected = ["Extra.json", "L2OutputOracle.json", "OracleProxy.json"]
    assert script.compare(files, tmp_path) == expected
