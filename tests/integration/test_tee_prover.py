"""`coprove tee-prover` as a process: recorded ranges in, their recorded roots signed and out."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from coprove.attestation import Platform, ProofOfExecution, ProverBinding
from coprove.attestation.appraisal import Evidence
from coprove.attestation.dcap import DcapCollateral, verify_quote
from coprove.attestation.simulation.intel import SimulatedIntel
from coprove.config import load_settings
from coprove.config.errors import SettingError
from coprove.config.tee import tee_enclave
from coprove.prover.tee.enclave import recover_prover
from coprove.types import Address, Hash32
from tests.integration.ranges import range_input, recording
from tests.unit.prover.tee.host_lab import serving
from tests.unit.prover.tee.lab import (
    BLOCK_HASH,
    NONCE,
    OPERATOR,
    REGISTRY,
    FakeProvider,
    digest_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = 1_750_000_000
COMMAND = [sys.executable, "-c", "from coprove.cli import main; main()", "tee-prover"]


class Prover:
    """A prover's process."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """Start it with a simulated platform."""
        environment = {
            "PATH": os.environ["PATH"],
            "COPROVE_TEE_PLATFORM": "simulation",
            "COPROVE_TEE_SIMULATION_SEED": "integration",
            "COPROVE_TEE_SIMULATION_START": str(START),
            "COPROVE_TEE_PORT": "0",
            **settings,
        }
        log = folder / "prover.log"
        with log.open("wb") as out:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                COMMAND, stderr=out, env=environment
            )
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            assert self.process.poll() is None, log.read_text()
            time.sleep(0.02)
        self.url, self.log = found.group(), log

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            self.url + path,
            data,
            {
                "Content-Type": kind,
                **{name.replace("_", "-"): text for name, text in headers.items()},
            },
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - as above
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def prove(self, data: bytes, digest: Hash32 | None = None) -> tuple[int, Any]:
        name = digest or digest_of(data)
        return self.send("POST", "/v1/proofs?wait=60", data, Witness_Digest=name.hex0x)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def prover(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prover]:
    running = Prover(tmp_path_factory.mktemp("prover"))
    yield running
    if running.process.poll() is None:
        running.end()


def poe_of(view: Any) -> ProofOfExecution:
    values: dict[str, Any] = {
        name: Hash32.from_hex(value) if isinstance(value, str) else value
        for name, value in view["poe"].items()
    }
    return ProofOfExecution(**values)


def test_a_recorded_range_yields_its_recorded_roots_and_no_altered_one_does(
    prover: Prover,
) -> None:
    name, start, end = "calldata", 0, 118
    data = range_input(name, start, end).encode()
    _, who = prover.send("GET", "/v1/prover")
    status, view = prover.prove(data)
    assert status == 200, view
    poe = poe_of(view)
    assert (poe.l2_pre_block, poe.l2_post_block) == (start, end)
    assert poe.l2_pre_root == recording(name).expected_output(start)
    assert poe.l2_post_root == recording(name).expected_output(end)
    assert poe.l1_head == range_input(name, start, end).l1_head
    key = recover_prover(poe.digest(), bytes.fromhex(view["signature"][2:]))
    assert key == bytes.fromhex(who["public_key"][2:])
    for position in range(0, len(data), max(1, len(data) // 40)):
        altered = data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :]
        status, problem = prover.prove(altered, digest_of(data))
        # What was proven before under that name is not given to who brings other bytes.
        assert status == 422, position
        assert "signature" not in problem


@pytest.mark.parametrize(("name", "start", "end"), [("blobs", 20, 60), ("heavy", 0, 40)])
async def test_the_other_recordings_are_proven_over_http_as_well(
    name: str, start: int, end: int
) -> None:
    """Their L1s are no development chains, so the platform is one that says it is real."""
    data = range_input(name, start, end).encode()
    async with serving(FakeProvider(simulated=False)) as client:
        answer = await client.prove(data)
        assert answer.status == 200, answer.json
        poe = poe_of(answer.json)
        assert (poe.l2_pre_block, poe.l2_post_block) == (start, end)
        assert poe.l2_pre_root == recording(name).expected_output(start)
        assert poe.l2_post_root == recording(name).expected_output(end)


def test_evidence_holds_under_the_simulations_root_and_binds_the_key(prover: Prover) -> None:
    _, who = prover.send("GET", "/v1/prover")
    asked = {
        "chain_id": 900,
        "verifier": f"0x{REGISTRY.hex()}",
        "operator": f"0x{OPERATOR.hex()}",
        "block_number": 12,
        "block_hash": BLOCK_HASH.hex0x,
        "nonce": NONCE.hex0x,
    }
    status, found = prover.send("POST", "/v1/evidence", asked)
    assert status == 200, found
    members = {name: found[name] for name in ("platform", "evidence", "endorsements")}
    evidence = Evidence.from_json(json.dumps(members))
    assert evidence.platform is Platform.INTEL_SGX
    assert evidence.endorsements is not None
    claims = verify_quote(
        evidence.evidence,
        DcapCollateral.from_json(evidence.endorsements),
        at=START + 60,
        root=SimulatedIntel("integration", start=START).root,
    )
    ProverBinding(
        chain_id=900,
        verifier=REGISTRY,
        operator=OPERATOR,
        platform=Platform.INTEL_SGX,
        public_key=bytes.fromhex(who["public_key"][2:]),
        block_number=12,
        block_hash=BLOCK_HASH,
        nonce=NONCE,
    ).check(claims.report_data)
    assert claims.simulated
    assert claims.measurement_id.hex0x == who["measurement_id"]


def test_sigterm_ends_it_cleanly_and_each_start_has_a_key_of_its_own(
    prover: Prover, tmp_path: Path
) -> None:
    running = Prover(tmp_path)
    try:
        views = [each.send("GET", "/v1/prover")[1] for each in (prover, running)]
    finally:
        code = running.end()
    assert code == 0
    assert "error" not in running.log.read_text()
    assert len({Address.from_hex(view["prover"]) for view in views}) == 2


def test_without_a_platform_nothing_starts() -> None:
    with pytest.raises(SettingError, match="COPROVE_TEE_PLATFORM"):
        tee_enclave(load_settings(environment={}))
