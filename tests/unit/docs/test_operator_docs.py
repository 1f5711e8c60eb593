"""The operators' pages hold: flags, settings, variables, problems, states and sessions are real."""

from __future__ import annotations

import re
import shlex
import tomllib
from itertools import takewhile
from pathlib import Path

import pytest

from coprove.cli import app, main
from coprove.config import all_settings, load_settings
from coprove.config.names import COMMAND_VARIABLES, IGNORED
from coprove.config.wiring import proposer_settings
from coprove.prover.http import INTERNAL, Guard
from coprove.prover.server.problems import PROBLEMS
from coprove.prover.server.records import ALLOWED, JobState

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "docs/reference"
HOW_TO = [
    ROOT / "docs/how-to/run-a-proposer.md",
    ROOT / "docs/how-to/replace-op-succinct.md",
    ROOT / "docs/how-to/run-a-tee-prover.md",
    ROOT / "docs/how-to/run-an-operator.md",
]
PAGES = [
    *HOW_TO,
    REFERENCE / "operator-commands.md",
    REFERENCE / "proof-server.md",
    REFERENCE / "tee-prover.md",
    REFERENCE / "operator.md",
]
DEPLOY = ROOT / "deploy/README.md"


def test_links_of_the_deployment_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", DEPLOY.read_text()):
        assert (DEPLOY.parent / target).exists(), target


def help_of(command: list[str], capsys: pytest.CaptureFixture[str]) -> set[str]:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    return set(re.findall(r"--[a-z][a-z0-9-]+", capsys.readouterr().out)) - {"--help"}


@pytest.mark.parametrize(
    "command",
    [
        "proposer",
        "server",
        "tee-prover",
        "doctor",
        "cost",
        "vkeys",
        "measure gramine",
        "da put",
        "da get",
        "da transaction",
    ],
)
def test_every_flag_is_in_the_reference(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    reference = (REFERENCE / "operator-commands.md").read_text()
    for flag in help_of(command.split(), capsys):
        assert flag in reference, flag


@pytest.mark.parametrize("page", [*HOW_TO, DEPLOY], ids=lambda page: page.name)
def test_commands_of_the_pages_exist_with_their_flags(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = re.findall(r"^coprove .*$", page.read_text(), re.MULTILINE)
    assert lines or page == DEPLOY
    for line in lines:
        words = shlex.split(line.partition(" #")[0])
        assert words[1] in app, line
        names = takewhile(lambda word: re.fullmatch(r"[a-z-]*[a-z]", word), words[1:])
        known = help_of(list(names), capsys)
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, line
        settings = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
        load_settings(overrides=settings, environment={})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_and_variables_of_the_pages_exist(page: Path) -> None:
    names = {name for setting in all_settings() for name in setting.names}
    prefixes = {"OP_PROPOSER_"}
    paths = {setting.path for setting in all_settings()}
    sections = {setting.section for setting in all_settings()}
    for word in re.findall(r"`([^`\n]+)`", page.read_text()):
        if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+_?(=.*)?", word):
            name = word.partition("=")[0]
            others = {"COPROVE_CONFIG", *IGNORED, *COMMAND_VARIABLES}
            assert name in names | prefixes | others, word
        found = re.fullmatch(r"([a-z]+)\.([a-z_]+)", word)
        if found and found[1] in sections:
            assert word in paths, word


def test_the_settings_of_the_how_to_make_a_proposer() -> None:
    page = HOW_TO[0].read_text()
    block = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert block is not None
    parsed = tomllib.loads(block[1])
    overrides = [
        f"{section}.{name}={value}"
        for section, values in parsed.items()
        for name, value in values.items()
    ]
    found = proposer_settings(load_settings(overrides=overrides, environment={}))
    assert found.l1_rpc_url == "https://l1.example"


def test_the_session_of_vkeys_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (REFERENCE / "operator-commands.md").read_text()
    session = re.search(r"\$ coprove (vkeys .*)\n((?:.+\n)+)```", page)
    assert session is not None
    with pytest.raises(SystemExit) as left:
        main(shlex.split(session[1]))
    assert left.value.code == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert printed == [line.split() for line in session[2].splitlines()]


def test_every_problem_is_in_the_reference() -> None:
    reference = (REFERENCE / "proof-server.md").read_text()
    guard = (ROOT / "src/coprove/prover/http/guard.py").read_text()
    app_page = (ROOT / "src/coprove/prover/http/app.py").read_text()
    slugs = {kind.slug for kind in (*PROBLEMS.values(), INTERNAL)}
    slugs |= set(re.findall(r'Kind\("([a-z-]+)"', guard + app_page))
    assert Guard.__name__ in guard
    for slug in slugs:
        assert f"`{slug}`" in reference, slug


def test_the_states_of_a_job_are_those_of_the_table() -> None:
    reference = (REFERENCE / "proof-server.md").read_text()
    for state, following in ALLOWED.items():
        if not following:
            continue
        row = re.search(rf"^\| `{state}` \| [^|]* \| ([^|]*) \|$", reference, re.MULTILINE)
        assert row is not None, state
        assert set(re.findall(r"`(\w+)`", row[1])) == {JobState(item).value for item in following}
