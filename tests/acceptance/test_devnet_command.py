"""The command as a user meets it: outputs as JSON, a quick second start, a clean end."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.devnets import all_processes_of, processes_of, running_devnet

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


def command(data: Path, *arguments: str) -> list[str]:
    """Return `coprove devnet` on a data directory, by this interpreter."""
    program = "from coprove.cli import main; main()"
    return [sys.executable, "-c", program, "devnet", f"--data-dir={data}", *arguments]


def run(data: Path, *arguments: str) -> dict[str, Any]:
    """Run `coprove devnet` to its end and return the object that it printed."""
    done = subprocess.run(  # noqa: S603 - our own command
        command(data, *arguments, "--json"),
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert isinstance(result, dict)
    return result


def test_outputs_are_printed_and_a_second_start_goes_on(tmp_path: Path) -> None:
    """The first run ends by itself after one output, the second goes on with the next."""
    data = tmp_path / "data"
    # Without the AVS, so that it is up before the first output is final.
    options = ("--exit-after-outputs=1", "--submission-interval=10", "--operators=0")
    first = run(data, *options)
    (output,) = first["outputs"]
    assert set(output) == {"l2_block", "output_root", "l1_tx"}
    assert output["l2_block"] == 10
    assert first["proofs"] == "mock"
    assert all_processes_of(data) == {}
    second = run(data, *options)
    (later,) = second["outputs"]
    assert later["l2_block"] > 10
    assert later["l2_block"] % 10 == 0
    assert all_processes_of(data) == {}


def test_ctrl_c_leaves_no_process_and_the_next_start_is_quick(tmp_path: Path) -> None:
    """SIGINT ends the command with status 0; deployment is not repeated."""
    data = tmp_path / "data"
    with running_devnet(data) as devnet:
        assert set(processes_of(data)) == {"l1", "node", "batcher", "proposer", "traffic"}
        manifest = devnet.manifest
        devnet.process.send_signal(signal.SIGINT)
        assert devnet.process.wait(30) == 0
    assert all_processes_of(data) == {}
    began = time.monotonic()
    with running_devnet(data) as devnet:
        assert time.monotonic() - began < 20
        assert devnet.manifest == manifest


def test_ctrl_c_during_the_start_leaves_no_process(tmp_path: Path) -> None:
    """Nothing is waited for that was only half started."""
    data = tmp_path / "data"
    with subprocess.Popen(  # noqa: S603 - our own command
        command(data),
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 20
        while "l1" not in processes_of(data) and time.monotonic() < deadline:
            if any((data / "logs").glob("l1.log")):
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert all_processes_of(data) == {}


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    """Whatever answers there is not mistaken for the devnet's own L1."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = subprocess.run(  # noqa: S603 - our own command
            command(tmp_path / "data", f"--l1-port={port}"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert refused.returncode == 2
    assert f"port {port} is in use" in refused.stderr


def test_a_second_devnet_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    """It says so and leaves the first one alone."""
    data = tmp_path / "data"
    with running_devnet(data) as devnet:
        refused = subprocess.run(  # noqa: S603 - our own command
            command(data),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert refused.returncode == 2
        assert "another devnet uses" in refused.stderr
        assert devnet.process.poll() is None
