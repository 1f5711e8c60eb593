"""The enclave that `deploy/gramine` builds: a sound manifest, settings and a script that work."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from coprove.cli import app
from coprove.config import load_settings
from coprove.config.tee import tee_prover_options
from coprove.prover.http import check_exposure
from coprove.prover.tee.measure import GRAMINE_LAYOUTS, GramineManifest

FOLDER = Path(__file__).resolve().parents[3] / "deploy/gramine"
VALUES = {
    "python": "/usr/bin/python3.11",
    "stdlib": "/usr/lib/python3.11",
    "arch_libdir": "/lib/x86_64-linux-gnu",
    "gramine.libos": "/usr/lib/x86_64-linux-gnu/gramine/libsysdb.so",
    "gramine.runtimedir()": "/usr/lib/x86_64-linux-gnu/gramine/runtime/glibc",
}


def rendered() -> str:
    """Return the manifest as gramine-manifest renders it, with the hashes that signing adds."""
    text = (FOLDER / "coprove.manifest.template").read_text()
    text = re.sub(r"\{\{ (.*?) \}\}", lambda found: VALUES[found[1]], text)
    before, files = text.split("sgx.trusted_files = ")
    hashed = re.sub(r'"(file:[^"]+)"', r'{ uri = "\1", sha256 = "%s" }' % ("0" * 64), files)
    entry = 'loader.entrypoint.sha256 = "%s"\n' % ("0" * 64)
    return f"{entry}{before}sgx.trusted_files = {hashed}"


def test_the_manifest_lets_a_host_choose_nothing() -> None:
    manifest = GramineManifest.parse(rendered().encode())
    assert manifest.findings == ()
    assert not manifest.edmm
    assert manifest.enclave_size == 8 << 30
    assert {file.path for file in manifest.trusted_files} >= {"/app/", VALUES["python"]}


def test_the_manifest_runs_the_prover_with_the_measured_settings() -> None:
    argv = re.search(r"loader\.argv = \[(.*?)\]", rendered(), re.DOTALL)
    assert argv is not None
    words = re.findall(r'"([^"]*)"', argv[1])
    assert words[words.index("-c") + 1 :][:2] == [
        "from coprove.cli import main; main()",
        "tee-prover",
    ]
    assert "tee-prover" in app
    assert words[-2:] == ["--config", "/app/coprove.toml"]
    mounts = re.findall(r'path = "([^"]+)"', rendered())
    assert "/app" in mounts
    assert 'type = "tmpfs", path = "/tmp"' in rendered()


def test_the_measured_settings_make_a_prover_without_operator_or_secret() -> None:
    settings = load_settings(config=FOLDER / "coprove.toml", environment={})
    assert settings.tee.platform == "gramine"
    assert settings.tee.operator is None
    assert settings.tee.tokens is None
    options = tee_prover_options(settings)
    check_exposure(options.host, options.tokens)
    assert options.memory_bytes * 4 <= GramineManifest.parse(rendered().encode()).enclave_size


def test_the_build_is_for_a_version_whose_layout_is_known() -> None:
    dockerfile = (FOLDER / "Dockerfile").read_text()
    version = re.search(r"ARG GRAMINE_VERSION=(\S+)", dockerfile)
    assert version is not None
    assert version[1] in GRAMINE_LAYOUTS
    assert "--require-hashes" in (FOLDER / "build.sh").read_text()


def test_the_script_is_a_shell_script_and_knows_its_commands() -> None:
    shell = shutil.which("sh")
    assert shell is not None
    script = FOLDER / "build.sh"
    checked = subprocess.run([shell, "-n", str(script)], check=False)  # noqa: S603 - our own file
    assert checked.returncode == 0
    wrong = subprocess.run(  # noqa: S603 - our own file
        [shell, str(script), "unknown"], capture_output=True, check=False
    )
    assert wrong.returncode == 2
    assert b"unknown" in wrong.stderr


@pytest.mark.parametrize("name", ["pyproject.toml", "uv.lock", "native", "src", "deploy/gramine"])
def test_what_the_image_copies_is_in_its_context(name: str) -> None:
    assert f"!{name}" in (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    assert (FOLDER.parents[1] / name).exists()
