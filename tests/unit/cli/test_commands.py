"""The command line: exit codes, JSON shapes, and errors that a person can act on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from coprove.cli import main
from tests.vectors import recording_dir, vectors_dir

if TYPE_CHECKING:
    from pathlib import Path

CHAIN = recording_dir("calldata")

pytestmark = pytest.mark.usefixtures("_no_endpoints")


@pytest.fixture
def _no_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("L1_RPC", "L1_BEACON_RPC", "L2_RPC", "L2_NODE_RPC"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: object) -> int:
    """Run the command and return its exit code."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    code = caught.value.code
    assert isinstance(code, int)
    return code


def test_a_range_reports_the_recorded_root(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("range", "run", "--chain", CHAIN, "--from", 10, "--to", 14, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report) == [
        "from",
        "to",
        "output_root",
        "expected_output_root",
        "match",
        "blocks",
        "transactions",
        "gas",
        "seconds",
    ]
    assert report["match"] is True
    assert report["output_root"] == report["expected_output_root"]
    assert (report["from"], report["to"], report["blocks"]) == (10, 14, 4)


def test_a_wrong_expected_root_is_a_mismatch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A recording whose last output root was altered gives exit code 1 and both roots."""
    altered = altered_recording(tmp_path, block=14)
    assert run("range", "run", "--chain", altered, "--from", 10, "--to", 14, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["match"] is False
    assert report["expected_output_root"] == "0x" + "11" * 32


def altered_recording(folder: Path, *, block: int) -> Path:
    """Copy the recording with another output root at one block."""
    import gzip  # noqa: PLC0415 - only this fixture needs it
    import shutil  # noqa: PLC0415

    target = folder / "chain"
    shutil.copytree(CHAIN, target)
    rows = [
        json.loads(line)
        for line in gzip.decompress((target / "l2.jsonl.gz").read_bytes()).splitlines()
    ]
    rows[block]["output"]["outputRoot"] = "0x" + "11" * 32
    (target / "l2.jsonl.gz").write_bytes(
        gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), 1)
    )
    return target


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--chain", CHAIN, "--from", 5, "--to", 5), "--to"),
        (("--chain", CHAIN, "--from", 5, "--to", 500), "500"),
        (("--chain", "no-such-folder", "--from", 5, "--to", 6), "no-such-folder"),
        (("--from", 5, "--to", 6), "--l1-rpc"),
        (("--chain", CHAIN, "--from", "five", "--to", 6), "five"),
        (("--chain", CHAIN, "--to", 6), "--from"),
    ],
)
def test_bad_usage_and_input_exit_with_2_and_say_why(
    arguments: tuple[object, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("range", "run", *arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err + captured.out
    assert "Traceback" not in captured.err


def test_a_block_gives_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = vectors_dir("blocks")
    code = run(
        "block",
        "run",
        "--block",
        blocks / "block-26207960.json.gz",
        "--witness",
        blocks / "block-26207960.kv.gz",
        "--json",
    )
    report = json.loads(capsys.readouterr().out)
    assert (code, report["match"], report["block"]) == (0, True, 26207960)


def test_a_cut_witness_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = vectors_dir("blocks")
    cut = tmp_path / "cut.kv.gz"
    cut.write_bytes((blocks / "block-26207960.kv.gz").read_bytes()[:5000])
    assert run("block", "run", "--block", blocks / "block-26207960.json.gz", "--witness", cut) == 2
    assert "Traceback" not in capsys.readouterr().err
