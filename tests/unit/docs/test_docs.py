"""The docs hold: links lead somewhere, and the commands of the README do what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from coprove.cli import main

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md"))
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_session_of_the_readme_is_what_the_command_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    session = re.search(
        r"\$ \.venv/bin/coprove (range run .*)\n((?:.+\n)+)```", (ROOT / "README.md").read_text()
    )
    assert session is not None
    with pytest.raises(SystemExit) as left:
        main(shlex.split(session[1]))
    assert left.value.code == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    shown = [line.split() for line in session[2].splitlines()]
    assert [words for words in printed if words[0] != "seconds"] == [
        words for words in shown if words[0] != "seconds"
    ]


def test_every_flag_of_the_commands_is_in_the_reference(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reference = (ROOT / "docs/reference/commands.md").read_text()
    for command in (["range", "run"], ["block", "run"], ["devnet"]):
        with pytest.raises(SystemExit):
            main([*command, "--help"])
        for flag in set(re.findall(r"--[a-z][a-z0-9-]+", capsys.readouterr().out)):
            if flag not in ("--help", "--version"):
                assert flag in reference, flag
