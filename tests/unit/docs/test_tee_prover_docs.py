"""The TEE prover's pages hold: problems, codes, methods, metrics, routes and settings are real."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from coprove.cli import main
from coprove.config import load_settings
from coprove.config.tee import tee_prover_options
from coprove.prover.http import INTERNAL
from coprove.prover.tee.host import metrics
from coprove.prover.tee.host.problems import PROBLEMS
from coprove.prover.tee.host.rpc import CODES
from tests.unit.prover.tee.host_lab import serving

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = (ROOT / "docs/reference/tee-prover.md").read_text()
HOW_TO = (ROOT / "docs/how-to/run-a-tee-prover.md").read_text()


def test_every_problem_and_code_is_in_the_reference() -> None:
    guard = (ROOT / "src/coprove/prover/http/guard.py").read_text()
    slugs = {kind.slug for kind in (*PROBLEMS.values(), INTERNAL)}
    for slug in slugs | set(re.findall(r'Kind\("([a-z-]+)"', guard)):
        assert f"`{slug}`" in REFERENCE, slug
    for code in CODES.values():
        assert code < 0 or str(code) in REFERENCE, code


async def test_every_route_and_method_is_in_the_reference() -> None:
    async with serving() as client:
        document = (await client.get("/v1/openapi.json")).json
        for path, methods in document["paths"].items():
            for method in methods:
                assert f"`{method.upper()} {path}" in REFERENCE, path
        for name in ("getPoe", "prover_metadata", "da_tryLock", "prover_genContext"):
            assert f"`{name}(" in REFERENCE


def test_the_public_provers_metrics_are_all_named() -> None:
    names = {spec.name for spec in metrics.ALL if spec.name.startswith("avs_")}
    assert len(names) == 8
    for name in names:
        assert f"`{name}`" in REFERENCE, name


def test_the_settings_of_the_how_to_are_settings(tmp_path: Path) -> None:
    block = re.search(r"```toml\n(.*?)```", HOW_TO, re.DOTALL)
    assert block is not None
    given = tomllib.loads(block[1])["tee"]
    tokens = tmp_path / "tokens"
    tokens.write_text("a-token-of-sixteen-characters\n")
    overrides = [f"tee.{name}={value}" for name, value in given.items() if name != "token_file"]
    overrides.append(f"tee.token_file={tokens}")
    options = tee_prover_options(load_settings(overrides=overrides, environment={}))
    assert options.tokens == ("a-token-of-sixteen-characters",)


@pytest.mark.parametrize("command", ["gramine", "sigstruct"])
def test_every_flag_of_measure_is_in_the_reference(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs/reference/operator-commands.md").read_text()
    with pytest.raises(SystemExit):
        main(["measure", command, "--help"])
    flags = set(re.findall(r"--[a-z][a-z0-9-]+", capsys.readouterr().out)) - {"--help"}
    assert flags
    for flag in flags:
        assert flag in page, flag
