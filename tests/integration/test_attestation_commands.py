"""`coprove deploy attestation` and `coprove tee-register`, on a real anvil."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from coprove.attestation import Platform
from coprove.attestation.simulation.intel import SimulatedIntel
from coprove.contracts.attestation import ProverRegistry
from coprove.contracts.attestation.file import AttestationFile
from coprove.errors import InputError
from coprove.prover.tee.enclave.platforms import simulated_measurement
from coprove.types import Address
from tests.integration.anvil_l1 import L1, OTHER, PROPOSER, running_l1
from tests.integration.tee_lab import SEED, Prover

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anvil

KEY = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
FILE = f"""
version = 1
guardian = "{OTHER.address}"
proposers = ["{OTHER.address}"]
delay = 60

[parameters]
ttl = 600

[[measurement]]
platform = "intel-sgx"
measurement = "0x{simulated_measurement(Platform.INTEL_SGX).hex()}"

[[tcb]]
platform = "intel-sgx"
status = "OK"
until = "never"
"""


def start(folder: Path, url: str, *arguments: object) -> subprocess.Popen[str]:
    """Start the command, its key in the environment."""
    command = [sys.executable, "-c", "from coprove.cli import main; main()", *map(str, arguments)]
    command += ["--l1-rpc", url, "--confirmations", "1", "--poll-interval", "0.05"]
    command += ["--transactions", str(folder / "transactions.sqlite")]
    return subprocess.Popen(  # noqa: S603 - our own command
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "PRIVATE_KEY": KEY},
    )


async def ran(folder: Path, l1: L1, *arguments: object, code: int = 0) -> dict[str, Any]:
    """Run the command to its end while the loop goes on; return what it printed."""
    process = start(folder, l1.url, *arguments, "--json")
    out, said = await asyncio.to_thread(process.communicate, timeout=120)
    assert process.returncode == code, said
    if code:
        return {"error": said}
    found: dict[str, Any] = json.loads(out)
    return found


async def test_a_registry_is_deployed_and_a_prover_kept_registered(tmp_path: Path) -> None:
    """Deployed from a file, again without effect; registered once, then until told to stop."""
    async with running_l1(chain_id=900) as l1:
        began = await l1.timestamp() // 86400 * 86400
        (tmp_path / "attestation.toml").write_text(FILE)
        (tmp_path / "root.der").write_bytes(SimulatedIntel(SEED, start=began).root.der)
        given = ("--file", tmp_path / "attestation.toml", "--root", tmp_path / "root.der")
        deployed = await ran(tmp_path, l1, "deploy", "attestation", *given)
        assert deployed["simulated"] is True
        sent = await l1.nonce(PROPOSER.address)
        assert await ran(tmp_path, l1, "deploy", "attestation", *given) == deployed
        assert await l1.nonce(PROPOSER.address) == sent

        registry = ProverRegistry(l1.transport, Address.from_hex(deployed["registry"].lower()))
        prover = Prover(platform=Platform.INTEL_SGX, start=began)
        await prover.up()
        try:
            where: tuple[object, ...] = (
                *("--registry", deployed["registry"]),
                *("--collateral", deployed["collateral"]),
                *("--prover", f"http://127.0.0.1:{prover.port}"),
            )
            done = await ran(tmp_path, l1, "tee-register", *where, "--once")
            assert (done["step"], done["liveness"]) == ("register", "live")
            assert await registry.is_live(prover.address)
            again = await ran(tmp_path, l1, "tee-register", *where, "--once")
            assert again["step"] == "wait"
            await watched(tmp_path, l1, where, registry, prover)
        finally:
            await prover.down()


async def watched(
    folder: Path, l1: L1, where: tuple[object, ...], registry: ProverRegistry, prover: Prover
) -> None:
    """The command goes on by itself: a prover that starts again is registered anew."""
    process = start(folder, l1.url, "tee-register", *where, "--interval", "0.1")
    try:
        await prover.down()
        await prover.up()
        deadline = time.monotonic() + 60
        while not await registry.is_live(prover.address):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, said = await asyncio.to_thread(process.communicate, timeout=30)
        assert process.returncode == 0, said
        assert KEY not in said
    finally:
        process.kill()
        process.wait()


async def test_what_is_missing_is_said_before_anything_is_paid(tmp_path: Path) -> None:
    """A platform without verifier, a simulation elsewhere, an empty file: exit code 2."""
    async with running_l1(chain_id=10) as l1:
        file, root = tmp_path / "attestation.toml", tmp_path / "root.der"
        file.write_text(FILE.replace("intel-sgx", "aws-nitro"))
        said = await ran(tmp_path, l1, "deploy", "attestation", "--file", file, code=2)
        assert "verifiers.aws-nitro" in said["error"]
        file.write_text(FILE)
        root.write_bytes(SimulatedIntel(SEED).root.der)
        given = ("--file", file, "--root", root)
        said = await ran(tmp_path, l1, "deploy", "attestation", *given, code=2)
        assert "NotADevChain" in said["error"]
        assert await l1.nonce(PROPOSER.address) == 0


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("version = 1", "version = 2", "version"),
        ("delay = 60", "delay = -1", "delay"),
        ("delay = 60", 'dealy = "60"', "dealy"),
        (f'guardian = "{OTHER.address}"', 'guardian = "0x00"', "guardian"),
        ('until = "never"', "until = 2027-01-01T00:00:00", "tcb.0.until"),
        ('status = "OK"', 'status = "REVOKED"', "tcb.0.status"),
        ('platform = "intel-sgx"', 'platform = "intel"', "measurement.0.platform"),
        ("ttl = 600", "ttl = 0", "parameters.ttl"),
        ("version = 1", "version =", "attestation file"),
    ],
)
def test_a_files_mistake_is_named(old: str, new: str, names: str) -> None:
    """The field, what it must be, what came."""
    assert AttestationFile.parse(FILE).settings(dcap=OTHER.address).delay == 60
    with pytest.raises(InputError, match=names):
        AttestationFile.parse(FILE.replace(old, new, 1))


def test_dates_need_their_zone_and_mean_what_they_say() -> None:
    """TOML's own dates, or Unix seconds."""
    text = FILE.replace('until = "never"', "until = 2027-01-01T00:00:00Z")
    settings = AttestationFile.parse(text).settings(dcap=OTHER.address)
    assert list(settings.tcb_accepted_until.values()) == [1_798_761_600]
    [rules] = settings.measurements.values()
    assert rules.active_from == 1
