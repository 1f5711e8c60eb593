"""The operators' commands: what they print, what they exit with, how they end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from coprove.cli import main
from coprove.config import all_settings
from coprove.prover.zk.cycles import UNCERTAINTY
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

CHAIN = recording_dir("calldata")
RANGE_VKEY = "0x" + "11" * 32
AGGREGATION_VKEY = "0x" + "22" * 32
pytestmark = pytest.mark.usefixtures("_no_settings")


@pytest.fixture
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in all_settings():
        for name in setting.names:
            monkeypatch.delenv(name, raising=False)


def run(*arguments: object) -> int:
    """Run the command and return its exit code."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_cost_reports_ranges_estimates_and_speed(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--chain", CHAIN, "--from", 0, "--to", 118, "--batch-size", 50)
    assert run("cost", *arguments, "--price-per-bpgu", 1.5, "--currency", "USD", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [(item["from"], item["to"]) for item in report["ranges"]] == [
        (0, 50),
        (50, 100),
        (100, 118),
    ]
    assert (report["blocks"], report["transactions"], report["gas"]) == (118, 344, 61_405_770)
    assert sum(item["gas"] for item in report["ranges"]) == report["gas"]
    for value in ("cycles", "pgu", "price", "price_per_day", "price_per_transaction"):
        low, likely, high = (report[value][name] for name in ("low", "likely", "high"))
        assert low == pytest.approx(likely / UNCERTAINTY)
        assert high == pytest.approx(likely * UNCERTAINTY)
    assert report["price"]["likely"] == pytest.approx(report["pgu"]["likely"] * 1.5 / 1e9)
    assert report["currency"] == "USD"
    assert len(report["basis"]["published"]) == 3
    assert report["times_real_time"] > 0


def test_cost_shows_tables_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("cost", "--chain", CHAIN, "--from", 10, "--to", 14) == 0
    shown = capsys.readouterr().out
    for word in ("10..14", "SP1 cycles", "PROVE", "times real time", "op-succinct published"):
        assert word in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", 5, "--to", 6),
        ("--chain", CHAIN, "--from", 6, "--to", 5),
        ("--chain", CHAIN, "--from", 5, "--to", 500),
        ("--chain", CHAIN, "--from", 5, "--to", 6, "--batch-size", 0),
        ("--chain", CHAIN, "--from", 5, "--to", 6, "--price-per-bpgu", -1),
    ],
)
def test_cost_refuses_bad_input(
    arguments: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("cost", *arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_vkeys_prints_keys_as_contracts_hold_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(
        json.dumps({"range_vkey_digest": [1] * 8, "aggregation_vkey": "0x" + "01" * 32})
    )
    assert run("vkeys", file, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["range_vkey_commitment"] == "0x" + "00000001" * 8
    assert shown["aggregation_vkey"] == "0x" + "01" * 32
    assert run("vkeys", "--range-digest", "1,1,1,1,1,1,1,1", "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert again["range_vkey_commitment"] == shown["range_vkey_commitment"]
    assert run("vkeys", "--range-commitment", shown["range_vkey_commitment"]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--range-digest", "1,2"),
        ("--range-digest", "one"),
        ("--range-commitment", "0x" + "ff" * 32),
        ("--aggregation", "0x" + "ff" * 32),
        ("no-such-file",),
    ],
)
def test_vkeys_refuses_what_is_no_key(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("vkeys", *arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("server", ("--chain", CHAIN), "RANGE_VKEY_COMMITMENT"),
        ("server", ("--set", "server.prot=1"), "server.port"),
        ("server", ("--config", "nothing.toml"), "nothing.toml"),
        ("proposer", (), "L2_RPC"),
        ("proposer", ("--set", "transactions.private_key=0x12"), "PRIVATE_KEY"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    command: str, arguments: tuple[object, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, *arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err


class Running:
    """A command in a process of its own, and its log; also for the tests on live nodes."""

    def __init__(self, folder: Path, arguments: list[str], environment: dict[str, str]) -> None:
        """Start it."""
        self.log = folder / f"{arguments[0]}.log"
        known = {name for setting in all_settings() for name in setting.names}
        bare = {name: value for name, value in os.environ.items() if name not in known}
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [str(Path(sys.executable).with_name("coprove")), *arguments],
                cwd=folder,
                env=bare | environment,
                stdout=subprocess.DEVNULL,
                stderr=out,
            )

    def wait_for(self, pattern: str) -> str:
        """Wait until a line of the log matches; return the first group."""
        while (found := re.search(pattern, self.log.read_text())) is None:
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        return found.group(1)

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def started() -> Iterator[list[Running]]:
    running: list[Running] = []
    yield running
    for item in running:
        if item.process.poll() is None:
            item.process.kill()
            item.process.wait(60)


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    """GET, or POST a JSON body; return the JSON answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def test_server_proves_a_recording_and_ends_on_sigterm(
    tmp_path: Path, started: list[Running]
) -> None:
    """Settings from environment, file and flags together; logs are one JSON object a line."""
    file = tmp_path / "coprove.toml"
    file.write_text(f'[prover]\nbackend = "mock"\n[server]\ndata_dir = "{tmp_path / "data"}"\n')
    arguments = ["server", "--chain", str(CHAIN), "--config", str(file)]
    arguments += ["--set", "server.port=0", "--set", "server.requests_per_second=0"]
    environment = {"RANGE_VKEY_COMMITMENT": RANGE_VKEY, "AGGREGATION_VKEY": AGGREGATION_VKEY}
    running = Running(tmp_path, arguments, environment)
    started.append(running)
    url = running.wait_for(r'"url": "(http://127\.0\.0\.1:\d+)"')
    proof_id = bytes(ask(f"{url}/request_span_proof", {"start": 10, "end": 14})["proof_id"])
    while ask(f"{url}/status/{proof_id.hex()}")["fulfillment_status"] != 3:
        time.sleep(0.05)
    assert ask(f"{url}/healthz")["healthy"] is True
    assert ask(f"{url}/v1/server")["simulated"] is True
    assert running.stop() == 0
    for line in running.log.read_text().splitlines():
        assert json.loads(line)["service"] == "server"
