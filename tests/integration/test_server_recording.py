"""A client that speaks as op-succinct's Go proposer drives a server through a whole chain."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest

from coprove.contracts import mock_proof
from coprove.prover.zk.sp1_proof import CompressedProof
from coprove.types import AggregationOutputs, Hash32
from coprove.witness import Recording
from tests.unit.prover.server.lab import (
    AGGREGATION_VKEY,
    RANGE_VKEY,
    go_aggregation_body,
    go_bytes,
    go_span_body,
)
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHAIN = recording_dir("calldata")
SERVER = """
import asyncio, sys
from pathlib import Path
from coprove.prover.pool import RangePool
from coprove.prover.server import RecordingSource, ServerOptions, ServerParts, serve
from coprove.prover.zk import MockBackend
from coprove.telemetry import configure_logging
from coprove.types import Hash32
from coprove.witness import Recording

async def main(folder, chain):
    pool = RangePool(1)
    keys = dict(range_vkey=Hash32(b"\\x11" * 32), aggregation_vkey=Hash32(b"\\x22" * 32))
    backend = MockBackend(Path(folder) / "backend", pool, **keys)
    parts = ServerParts(
        source=RecordingSource(Recording(chain)), backend=backend, mock=backend,
        range_vkey_commitment=keys["range_vkey"], aggregation_vkey=keys["aggregation_vkey"],
    )
    options = ServerOptions(
        data_dir=Path(folder) / "server", port=0, poll_interval=0.05, disk_reserve=0,
        requests_per_second=0, empty_mock_aggregation=False,
    )
    try:
        await serve(options, parts)
    finally:
        await backend.close()
        pool.close()

if __name__ == "__main__":
    configure_logging("server")
    asyncio.run(main(*sys.argv[1:]))
"""


class GoProposer:
    """The requests of proposer/op/proposer/prove.go, written out by hand."""

    def __init__(self, url: str) -> None:
        """`url` is OP_SUCCINCT_SERVER_URL."""
        self.address = url.removeprefix("http://")

    def send(self, method: str, path: str, body: bytes | None = None) -> Any:
        connection = http.client.HTTPConnection(self.address, timeout=120)
        try:
            headers = {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}
            if body is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, "/" + path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, content
        return json.loads(content)

    def prove(self, kind: str, body: bytes) -> bytes:
        """Request a proof and ask for it as ProcessProvingRequests does."""
        proof_id = go_bytes(self.send("POST", f"request_{kind}_proof", body)["proof_id"])
        while True:
            status = self.send("GET", f"status/{proof_id.hex()}")
            assert status["fulfillment_status"] != 4, status
            if status["fulfillment_status"] == 3:
                return go_bytes(status["proof"])
            time.sleep(0.02)


class Process:
    """A server process that can be killed and started again on its folder."""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        self.folder = folder
        self.script = folder / "server_main.py"
        self.script.write_text(textwrap.dedent(SERVER))
        self.start()

    def start(self) -> None:
        log = self.folder / "server.log"
        with log.open("wb") as out:
            self.process = subprocess.Popen(  # noqa: S603 - our own script
                [sys.executable, str(self.script), str(self.folder), str(CHAIN)], stderr=out
            )
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            assert self.process.poll() is None, log.read_text()
            time.sleep(0.02)
        self.url = found.group()

    def end(self, *, kill: bool = False) -> int:
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        return self.process.wait(60)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    running = Process(tmp_path)
    yield running
    if running.process.poll() is None:
        running.end()


def checkpoint() -> Hash32:
    recording = Recording(CHAIN)
    return Hash32.from_hex(recording.l1_row(recording.last_l1)["hash"])


def expected_aggregation(first: int, last: int, claims: list[CompressedProof]) -> bytes:
    """The proof that MockSP1Verifier would take for this range of the recording."""
    recording = Recording(CHAIN)
    outputs = AggregationOutputs(
        l1_head=checkpoint(),
        l2_pre_root=recording.expected_output(first),
        l2_post_root=recording.expected_output(last),
        l2_block_number=last,
        rollup_config_hash=Hash32(claims[0].public_values[-32:]),
        range_vkey_commitment=RANGE_VKEY,
    )
    return mock_proof(AGGREGATION_VKEY, outputs.abi_encode())


def claims_of(proofs: list[bytes], ends: list[int]) -> list[CompressedProof]:
    """Read the claims at the end of the proofs, as the Rust server's clients do."""
    found = []
    for proof, end in zip(proofs, ends, strict=True):
        at = proof.rindex(end.to_bytes(8, "little")) - 96
        found.append(CompressedProof.decode(proof, public_values=proof[at : at + 136]))
    return found


@pytest.mark.slow
def test_a_go_proposer_goes_through_ranges_and_an_aggregation(server: Process) -> None:
    """The whole recorded chain in four ranges; the aggregation is what the contract expects."""
    go = GoProposer(server.url)
    ends = [30, 60, 90, 118]
    starts = [0, *ends[:-1]]
    spans = [go_span_body(*blocks) for blocks in zip(starts, ends, strict=True)]
    proofs = [go.prove("span", body) for body in spans]
    claims = claims_of(proofs, ends)
    body = go_aggregation_body(proofs, checkpoint().hex0x)
    assert go.prove("agg", body) == expected_aggregation(0, 118, claims)
    mocked = go.send("POST", "request_mock_span_proof", spans[0])
    assert go_bytes(mocked["proof"]) == proofs[0]
    assert server.end() == 0


@pytest.mark.slow
def test_killed_at_any_moment_the_server_goes_on_where_it_was(server: Process) -> None:
    """After each kill the proposer asks again, as it does after an error, and gets its proofs."""
    ends = [6, 12, 18, 24]
    starts = [0, *ends[:-1]]
    proofs: list[bytes] = []
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        body = go_span_body(start, end)
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
        connection.request(
            "POST", "/request_span_proof", body, {"Content-Type": "application/json"}
        )
        time.sleep(0.02 * index)  # any moment will do
        server.end(kill=True)
        connection.close()
        server.start()
        proofs.append(GoProposer(server.url).prove("span", body))
    go = GoProposer(server.url)
    aggregated = go.prove("agg", go_aggregation_body(proofs, checkpoint().hex0x))
    assert aggregated == expected_aggregation(0, 24, claims_of(proofs, ends))
    assert len(go.send("GET", "v1/jobs?kind=range")["jobs"]) == 4
