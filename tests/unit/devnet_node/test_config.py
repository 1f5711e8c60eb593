"""The node's settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from coprove.devnet.node.config import NodeConfig
from coprove.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {
    "data_dir": "data",
    "l2_genesis": "genesis.json.gz",
    "rollup_config": "rollup.json",
    "l1_chain_config": "/etc/l1.json",
    "l1_rpc_url": "http://127.0.0.1:8545",
}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "node.json"
    path.write_text(json.dumps(GOOD | changes))
    return path


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """Relative paths start at the file's folder, absolute ones stay."""
    config = NodeConfig.load(written(tmp_path))
    assert config.data_dir == tmp_path / "data"
    assert str(config.l1_chain_config) == "/etc/l1.json"
    assert config.http_host == "127.0.0.1"


@pytest.mark.parametrize(
    "changes", [{"http_port": 70000}, {"unknown": 1}, {"l1_rpc_url": 5}, {"mempool": {"x": 1}}]
)
def test_mistakes_are_named(tmp_path: Path, changes: dict[str, Any]) -> None:
    """A wrong, unknown or mistyped field is an InputError that names it."""
    with pytest.raises(InputError, match=next(iter(changes))):
        NodeConfig.load(written(tmp_path, **changes))


def test_unreadable_files(tmp_path: Path) -> None:
    """A missing file and one that is not JSON are InputErrors."""
    with pytest.raises(InputError):
        NodeConfig.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError):
        NodeConfig.load(tmp_path / "bad.json")
