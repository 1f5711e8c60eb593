"""A proof server on a free port, a backend that does as it is told, and a Go-style client."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import aiohttp

from coprove.prover import (
    AggregationJob,
    Execution,
    Fulfillment,
    ProofCost,
    ProofStatus,
    RangeJob,
    UnknownProofError,
)
from coprove.prover.server import ProofServer, RecordingSource, ServerOptions, ServerParts
from coprove.prover.zk.simulated import simulated_range
from coprove.types import Hash32
from coprove.witness import Recording
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from coprove.prover import IntentLog
    from coprove.prover.server import WitnessSource
    from coprove.rpc import RpcTransport
    from coprove.types import BlockRange, BootInfo

RANGE_VKEY = Hash32(b"\x11" * 32)
AGGREGATION_VKEY = Hash32(b"\x22" * 32)
RECORDING = Recording(recording_dir("calldata"))


@dataclass
class FakeBackend:
    """Accepts everything; proofs come when `finish` says so, or at once."""

    at_once: bool = True
    name: str = "fake"
    is_simulated: bool = True
    jobs: dict[bytes, RangeJob | AggregationJob] = field(default_factory=dict)
    done: dict[bytes, ProofStatus] = field(default_factory=dict)
    proofs: dict[bytes, bytes] = field(default_factory=dict)
    submissions: list[str] = field(default_factory=list)
    cancelled: list[bytes] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    """Raised by the next submissions, one each, before anything is accepted."""
    lost: list[Exception] = field(default_factory=list)
    """Raised by the next submissions after they were accepted."""
    status_failures: list[Exception] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """When set, submissions wait for it."""

    async def submit(self, job: RangeJob | AggregationJob, intents: IntentLog) -> bytes:
        self.submissions.append(job.key)
        await intents.note(job.key, {"state": "asked"})
        if self.failures:
            raise self.failures.pop(0)
        if self.gate is not None:
            await self.gate.wait()
        proof_id = len(self.jobs).to_bytes(4, "big") + b"\x7f" * 28
        self.jobs[proof_id] = job
        await intents.note(job.key, {"proof": proof_id.hex()})
        if self.at_once:
            self.finish(proof_id)
        if self.lost:
            raise self.lost.pop(0)
        return proof_id

    async def find(self, key: str, intents: IntentLog) -> bytes | None:
        found = (await intents.read(key)).get("proof")
        return None if found is None else bytes.fromhex(str(found))

    def finish(self, proof_id: bytes, **values: Any) -> None:
        job = self.jobs[proof_id]
        status = ProofStatus(
            fulfillment=Fulfillment.FULFILLED,
            execution=Execution.EXECUTED,
            cost=ProofCost(cycles=7, seconds=0.5),
        )
        self.done[proof_id] = replace(status, **values)
        self.proofs[proof_id] = (
            simulated_range(job.boot_info, range_vkey=RANGE_VKEY).encode()
            if isinstance(job, RangeJob)
            else b"aggregated " + job.key.encode()
        )

    async def status(self, proof_id: bytes) -> ProofStatus:
        if self.status_failures:
            raise self.status_failures.pop(0)
        if proof_id in self.done:
            return self.done[proof_id]
        if proof_id not in self.jobs:
            raise UnknownProofError("no such proof")
        return ProofStatus(fulfillment=Fulfillment.ASSIGNED, execution=Execution.UNEXECUTED)

    async def proof(self, proof_id: bytes) -> bytes:
        return self.proofs[proof_id]

    async def cancel(self, proof_id: bytes) -> None:
        self.cancelled.append(proof_id)

    async def close(self) -> None:
        """Nothing to close."""


class CountingSource(RecordingSource):
    """Counts what it collects; can be told to fail, to wait, or that a reorg happened."""

    def __init__(self) -> None:
        """Over the recording `calldata`."""
        super().__init__(RECORDING)
        self.collected: list[BlockRange] = []
        self.failures: list[Exception] = []
        self.gate: asyncio.Event | None = None
        self.reorged: set[BlockRange] = set()

    async def prepare(self, blocks: BlockRange, target: Path) -> BootInfo:
        self.collected.append(blocks)
        if self.failures:
            raise self.failures.pop(0)
        if self.gate is not None:
            await self.gate.wait()
        return await super().prepare(blocks, target)

    async def is_current(self, blocks: BlockRange, claim: BootInfo) -> bool:
        return blocks not in self.reorged and await super().is_current(blocks, claim)


@asynccontextmanager
async def open_server(
    folder: Path,
    backend: Any,
    *,
    source: WitnessSource | None = None,
    mock: Any = None,
    l1: RpcTransport | None = None,
    **options: Any,
) -> AsyncIterator[ProofServer]:
    """Run a server on a free port over the recording `calldata`."""
    defaults: dict[str, Any] = {
        "data_dir": folder,
        "port": 0,
        "poll_interval": 0.02,
        "retry_delay": 0.01,
        "requests_per_second": 0.0,
        "disk_reserve": 0,
        "stop_timeout": 10.0,
    }
    parts = ServerParts(
        source=source or RecordingSource(RECORDING),
        backend=backend,
        mock=mock,
        range_vkey_commitment=RANGE_VKEY,
        aggregation_vkey=AGGREGATION_VKEY,
        l1=l1,
    )
    async with ProofServer(ServerOptions(**(defaults | options)), parts) as server:
        yield server


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Plain HTTP against a server."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        """The session stays its owner's to close."""
        self.url, self.session = url, session

    async def send(self, method: str, path: str, **given: Any) -> Answer:
        async with self.session.request(method, self.url + path, **given) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, await response.read())

    async def get(self, path: str, **given: Any) -> Answer:
        return await self.send("GET", path, **given)

    async def post(self, path: str, body: Any, **given: Any) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **given.pop("headers", {})}
        return await self.send("POST", path, data=data, headers=headers, **given)

    async def delete(self, path: str) -> Answer:
        return await self.send("DELETE", path)

    async def job(self, job_id: str, *states: str) -> Any:
        """Wait until a job is in one of `states`, by default until it is over."""
        wanted = states or ("fulfilled", "failed", "cancelled")

        async def look() -> Any:
            found = (await self.get(f"/v1/jobs/{job_id}")).json
            return found if found["state"] in wanted else None

        return await until(look)


@asynccontextmanager
async def serving(folder: Path, backend: Any, **given: Any) -> AsyncIterator[Client]:
    """Run a server as `open_server` does and give a client of it."""
    async with (
        open_server(folder, backend, **given) as server,
        aiohttp.ClientSession() as session,
    ):
        yield Client(server.url, session)


async def until(look: Callable[[], Awaitable[Any]]) -> Any:
    """Look until the answer is true; the test's own time limit ends a wait that is in vain."""
    while True:
        if found := await look():
            return found
        await asyncio.sleep(0.01)


def go_span_body(start: int, end: int) -> bytes:
    """What Go's encoding/json makes of SpanProofRequest."""
    return b'{"start":%d,"end":%d}' % (start, end)


def go_aggregation_body(subproofs: list[bytes], head: str) -> bytes:
    """What Go's encoding/json makes of AggProofRequest: [][]byte as base64, fields in order."""
    items = b",".join(b'"' + base64.b64encode(proof) + b'"' for proof in subproofs)
    return b'{"subproofs":[' + items + b'],"head":"' + head.encode() + b'"}'


def go_bytes(value: Any) -> bytes:
    """What Go's encoding/json reads into []byte from an array of numbers."""
    assert isinstance(value, list)
    assert all(type(item) is int and 0 <= item < 256 for item in value)
    return bytes(value)
