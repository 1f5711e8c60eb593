"""The contracts with a switch at each check, so that a test can take one out without compiling.

Every `if (condition) revert Name(…)` of the sources gets a number, and its condition the addition
that the switch of this number is on. A switch is the balance of an account of its own: off when it
is not zero, which an `eth_call` with state overrides can have.
"""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coprove.contracts.foundry_tools import find_tool, node_modules

__all__ = ["Build", "Guard", "build", "switch"]

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
SOURCES = (
    "attestation/P256Verifier.sol",
    "attestation/asn1",
    "attestation/dcap",
    "dev/DevChains.sol",
)
FIRST_SWITCH = 0xC0DE_0000
LOOKUPS = (
    ("DcapCollateral.sol", "abi.encodePacked(fmspc,", "abi.encodePacked({on} ? fmspc : bytes6(0),"),
    ("DcapCollateral.sol", " pceId, isTdx)", " {on} ? pceId : bytes2(0), isTdx)"),
    ("DcapCollateral.sol", " isTdx))", " {on} && isTdx))"),
    ("DcapCollateral.sol", "[identity.isTdx]", "[{on} && identity.isTdx]"),
    ("DcapCollateral.sol", "_qeIdentities[isTdx]", "_qeIdentities[{on} && isTdx]"),
    ("TcbInfo.sol", "_isAbove(levels, place - 1", "{on} && _isAbove(levels, place - 1"),
)
"""Checks that are no condition but a key or an order: source, text, and the text with a switch."""
_REVERT = re.compile(r"\s*\{?\s*revert (\w+)\(")


@dataclass(frozen=True, kw_only=True)
class Guard:
    """A check of the contracts."""

    number: int
    """Of its switch."""
    file: str
    """Name of the source."""
    error: str
    """Name of the error that it raises."""
    condition: str
    """What it refuses."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """The compiled contracts."""

    artifacts: dict[str, Any]
    """forge's artifact of each contract, by its name."""
    guards: tuple[Guard, ...]
    """All checks."""

    def numbers(self, *errors: str) -> set[int]:
        """Return the switches of all checks that raise one of these errors."""
        assert set(errors) <= {guard.error for guard in self.guards}, errors
        return {guard.number for guard in self.guards if guard.error in errors}

    def lookups(self, *texts: str) -> set[int]:
        """Return the switches of all of LOOKUPS with one of these texts."""
        return {guard.number for guard in self.guards if guard.condition in texts}


def switch(number: int) -> str:
    """Return the account whose balance turns a check off."""
    return f"0x{FIRST_SWITCH + number:040x}"


def build(folder: Path) -> Build:
    """Compile the contracts with switches in an empty folder."""
    project = folder / "contracts"
    shutil.copytree(CONTRACTS / "src", project / "src")
    (project / "test").mkdir()
    shutil.copytree(CONTRACTS / "test" / "support", project / "test" / "support")
    for name in ("foundry.toml", "solc.cjs"):
        shutil.copy(CONTRACTS / name, project / name)
    for link in (folder / "node_modules", project / "node_modules"):
        link.symlink_to(node_modules())
    guards: list[Guard] = []
    for source in SOURCES:
        path = project / "src" / source
        for file in sorted(path.glob("*.sol")) if path.is_dir() else [path]:
            file.write_text(_with_switches(file, guards))
    presenter = "test/support/DcapPresenter.sol"
    command = [str(find_tool("forge")), "build", "--no-cache", "--out", "out", presenter]
    subprocess.run(  # noqa: S603 - forge of node_modules, fixed arguments
        command, cwd=project, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    files = sorted((project / "out").glob("*.sol/*.json"))
    artifacts = {file.stem: json.loads(file.read_text()) for file in files}
    return Build(artifacts=artifacts, guards=tuple(guards))


def _with_switches(file: Path, guards: list[Guard]) -> str:
    # A switch is read from the chain's state.
    text = re.sub(r"\bpure\b", "view", file.read_text())
    for name, plain, switched in LOOKUPS:
        if name == file.name:
            assert plain in text, plain
            text = text.replace(plain, switched.format(on=_on(len(guards))))
            guards.append(Guard(number=len(guards), file=name, error="", condition=plain))
    parts, at = [], 0
    for start in (match.end() for match in re.finditer(r"\bif \(", text)):
        end = _closing(text, start)
        found = _REVERT.match(text, end + 1)
        if found is None:
            continue
        condition, number = text[start:end], len(guards)
        parts += [text[at:start], f"({condition}) && {_on(number)}"]
        at = end
        guards.append(
            Guard(
                number=number,
                file=file.name,
                error=found[1],
                condition=" ".join(condition.split()),
            )
        )
    return "".join([*parts, text[at:]])


def _on(number: int) -> str:
    return f"(address(uint160({FIRST_SWITCH + number})).balance == 0)"


def _closing(text: str, at: int) -> int:
    """Return where the bracket closes that was opened before an offset."""
    depth = 1
    while depth:
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return at - 1
