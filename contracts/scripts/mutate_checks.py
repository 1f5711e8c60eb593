"""Take out each check of a contract in turn and tell which ones no test misses.

`python contracts/scripts/mutate_checks.py src/attestation/PoEVerifier.sol --match-path 'test/PoE*'`
works on a copy of the project. A check is an `if (…)` before a `revert` or `return`, one term of a
condition whose terms are joined by `&&` or `||`, or a modifier that lets only some pass. Exit code
1 when one can go without a test failing.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent
_REPOSITORY = _PROJECT.parent
_MODIFIER = re.compile(r"\b(onlyRole\(\w+\)|onlyOwner|whenNotPaused)(?=[\s{])")
_REVERT = re.compile(r"if \(")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A source without one of its checks."""

    name: str
    """Line and what was taken out."""
    text: str
    """The whole source."""


def _closing(text: str, start: int) -> int:
    """Return the index of the parenthesis that closes the one before `start`."""
    depth = 1
    for index in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if depth == 0:
            return index
    raise ValueError("unbalanced parentheses")


def _named(text: str, start: int, end: int, replacement: str) -> Mutant:
    line = text.count("\n", 0, start) + 1
    shown = " ".join(text[start:end].split())
    return Mutant(name=f"{line}: {shown}", text=text[:start] + replacement + text[end:])


def mutants(text: str) -> list[Mutant]:
    """Return the source without each of its checks."""
    made = [_named(text, found.start(), found.end(), "") for found in _MODIFIER.finditer(text)]
    for found in _REVERT.finditer(text):
        end = _closing(text, found.end())
        if re.match(r"\)\s*\{?\s*(revert|return)\b", text[end:]):
            made.append(_named(text, found.end(), end, "false"))
    # Terms of a named condition: `bool isX = a && b;` and of `if (a || b) revert`.
    for found in re.finditer(r"bool is\w+\s*=\s*([^;]+);", text):
        made += _terms(text, found.start(1), found.end(1))
    for found in _REVERT.finditer(text):
        end = _closing(text, found.end())
        if re.match(r"\)\s*\{?\s*(revert|return)\b", text[end:]):
            made += _terms(text, found.end(), end)
    return made


def _terms(text: str, start: int, end: int) -> list[Mutant]:
    """Return the source without each term of a condition whose terms are joined at its top."""
    cuts, depth = [start], 0
    operators = []
    for index in range(start, end):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if depth == 0 and text[index : index + 2] in ("&&", "||"):
            operators.append(text[index : index + 2])
            cuts += [index, index + 2]
    cuts.append(end)
    if len(set(operators)) != 1:
        return []
    neutral = " true " if operators[0] == "&&" else " false "
    return [
        _named(text, first, last, neutral)
        for first, last in zip(cuts[::2], cuts[1::2], strict=True)
    ]


def main() -> int:
    """Run the tests against each mutant; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+", type=Path, help="sources, relative to contracts/")
    parser.add_argument("--match-path", required=True, help="tests to run, as forge takes it")
    arguments = parser.parse_args()
    sys.path.insert(0, str(_REPOSITORY / "src"))
    from coprove.contracts.foundry_tools import find_tool  # noqa: PLC0415 - path set above

    command = [str(find_tool("forge")), "test", "--fail-fast", "--match-path"]
    survivors = total = 0
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "contracts"
        ignored = shutil.ignore_patterns("out", "cache", "node_modules")
        shutil.copytree(_PROJECT, project, ignore=ignored)
        for link in (project / "node_modules", Path(folder) / "node_modules"):
            link.symlink_to(_REPOSITORY / "node_modules")
        for source in arguments.sources:
            original = (project / source).read_text()
            for mutant in mutants(original):
                (project / source).write_text(mutant.text)
                ran = subprocess.run(  # noqa: S603 - forge of node_modules, our own arguments
                    [*command, arguments.match_path],
                    cwd=project,
                    capture_output=True,
                    check=False,
                    text=True,
                )
                total += 1
                output = ran.stdout + ran.stderr
                if ran.returncode == 0 or "Compiler run failed" in output:
                    survivors += 1
                    why = "no test fails" if ran.returncode == 0 else "does not compile"
                    print(f"{source}:{mutant.name}: {why}", flush=True)  # noqa: T201
            (project / source).write_text(original)
    print(f"{total} checks taken out, {total - survivors} noticed by a test")  # noqa: T201
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
