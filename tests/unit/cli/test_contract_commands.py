"""The contract commands without an L1: their reference, and what they refuse."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from coprove.cli import main
from coprove.cli.sending import KeyVariable
from coprove.config.names import COMMAND_VARIABLES

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = [
    ["deploy", "oracle"],
    ["deploy", "game"],
    ["upgrade"],
    ["config"],
    ["config", "write"],
    ["config", "add"],
    ["config", "remove"],
    ["validate"],
    ["checkpoint"],
]
ADDRESS = "0x" + "11" * 20
KEYS = ("--aggregation-vkey", "0x" + "1" * 64, "--range-vkey-commitment", "0x" + "2" * 64)
VARIABLES = (
    "L1_RPC",
    "L2_NODE_RPC",
    "L2OO_ADDRESS",
    "PRIVATE_KEY",
    "AGGREGATION_VKEY",
    "RANGE_VKEY_COMMITMENT",
    "OWNER",
)


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_the_variables_of_the_commands_are_in_the_references() -> None:
    """What is read past the flags, keys above all, stands on both pages."""
    for page in ("contract-commands.md", "environment.md"):
        text = (ROOT / "docs/reference" / page).read_text()
        for variable in (*KeyVariable, *COMMAND_VARIABLES):
            assert f"`{variable}" in text, (page, variable)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_flag_is_in_the_reference(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """So is the variable that stands for it; no flag takes a key itself."""
    reference = (ROOT / "docs/reference/contract-commands.md").read_text()
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    shown = re.sub(r"\s*│\n│\s*", " ", capsys.readouterr().out)
    flags = set(re.findall(r"--[a-z][a-z0-9-]+", shown)) - {"--help", "--version"}
    assert flags
    for word in flags:
        assert word in reference, word
    assert "--private-key" not in flags
    for variable in re.findall(r"env var:\s*([A-Z0-9_]+)\]", shown):
        assert variable in reference, variable


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["config"], "--l2oo-address"),
        (["config", "--l2oo-address", ADDRESS], "--l1-rpc"),
        (["config", "--l2oo-address", "0x12"], "--l2oo-address"),
        (["validate", "--l2oo-address", ADDRESS, "--l1-rpc", "http://x"], "--aggregation-vkey"),
        (["checkpoint", "--l2oo-address", ADDRESS], "--l1-rpc"),
        (["config", "write"], "--l2-node-rpc"),
        (["config", "write", "--l2-node-rpc", "http://x"], "--aggregation-vkey"),
        (["config", "write", "--l2-node-rpc", "http://x", *KEYS], "--owner"),
        (["upgrade", "--l2oo-address", ADDRESS, "--generation", "3"], "--generation"),
        (["deploy", "oracle", "--file", "/nowhere.json"], "nowhere.json"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:2]),
)
def test_what_is_missing_or_malformed_is_named(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and nothing was connected to."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert named in capsys.readouterr().err
