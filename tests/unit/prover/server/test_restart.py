"""A restart loses no accepted request and asks the backend for nothing twice."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from coprove.prover import AmbiguousSubmissionError, ProverUnavailableError
from coprove.rpc import RpcTimeoutError
from tests.unit.prover.server.lab import (
    Client,
    CountingSource,
    FakeBackend,
    go_bytes,
    go_span_body,
    open_server,
    serving,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path

RANGE = {"start": 10, "end": 14}


async def test_a_job_whose_input_was_being_collected_goes_on(tmp_path: Path) -> None:
    backend, source = FakeBackend(), CountingSource()
    source.gate = asyncio.Event()
    async with serving(tmp_path, backend, source=source) as client:
        job_id = (await client.post("/v1/ranges", RANGE)).json["id"]
        await client.job(job_id, "witness")
    async with serving(tmp_path, backend) as client:
        assert (await client.job(job_id))["state"] == "fulfilled"
    assert len(backend.submissions) == 1


async def test_a_job_that_the_backend_has_is_only_asked_after(tmp_path: Path) -> None:
    backend = FakeBackend(at_once=False)
    async with serving(tmp_path, backend) as client:
        job_id = (await client.post("/v1/ranges", RANGE)).json["id"]
        await client.job(job_id, "proving")
    backend.finish(next(iter(backend.jobs)))
    async with serving(tmp_path, backend, max_proving=1) as client:
        assert (await client.job(job_id))["state"] == "fulfilled"
        again = await client.post("/v1/ranges", RANGE)
        assert again.json["id"] == job_id
    assert len(backend.submissions) == 1


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_submission_that_a_crash_cut_off_is_looked_up_first(
    accepted: bool, tmp_path: Path
) -> None:
    """The store says SUBMITTING; the backend knows whether the request got through."""
    backend = FakeBackend()
    backend.gate = asyncio.Event()
    async with serving(tmp_path, backend, stop_timeout=0.05) as client:
        job_id = (await client.post("/v1/ranges", RANGE)).json["id"]
        await until(lambda: asyncio.sleep(0, backend.submissions))
    backend.gate = None
    if accepted:  # the request was under way when the process died, and arrived
        database = sqlite3.connect(tmp_path / "jobs.sqlite")
        (key,) = database.execute("SELECT key FROM jobs").fetchone()
        database.execute("INSERT INTO intents VALUES (?, 'proof', '\"abcd\"')", (key,))
        database.commit()
        database.close()
    async with serving(tmp_path, backend) as client:
        job = await client.job(job_id, "proving", "fulfilled", "failed")
        if accepted:
            assert job["proof_id"] == "abcd"
    assert len(backend.submissions) == (1 if accepted else 2)


async def test_a_stop_lets_a_submission_end(tmp_path: Path) -> None:
    """An identifier that is on its way is worth a moment."""
    backend = FakeBackend(at_once=False)
    backend.gate = asyncio.Event()
    async with serving(tmp_path, backend) as client:
        job_id = (await client.post("/v1/ranges", RANGE)).json["id"]
        await until(lambda: asyncio.sleep(0, backend.submissions))
        asyncio.get_running_loop().call_later(0.05, backend.gate.set)
    async with serving(tmp_path, backend) as client:
        assert (await client.job(job_id, "proving"))["proof_id"]
    assert len(backend.submissions) == 1


async def test_a_proposer_that_waits_is_let_go_when_the_server_stops(tmp_path: Path) -> None:
    """It asks the next server again and joins its own request."""
    backend = FakeBackend(at_once=False)
    backend.gate = asyncio.Event()
    async with aiohttp.ClientSession() as session:
        async with open_server(tmp_path, backend) as server:
            client = Client(server.url, session)
            waiting = asyncio.create_task(client.post("/request_span_proof", go_span_body(10, 14)))
            await until(lambda: asyncio.sleep(0, backend.submissions))
            stopped = asyncio.create_task(_set_after(backend.gate, waiting))
        answer = await waiting
        assert (answer.status, b"stops" in answer.body) == (500, True)
        await stopped
    async with serving(tmp_path, backend) as client:
        answer = await client.post("/request_span_proof", go_span_body(10, 14))
        assert go_bytes(answer.json["proof_id"]) in backend.jobs
    assert len(backend.submissions) == 1


async def _set_after(gate: asyncio.Event, task: asyncio.Task[Any]) -> None:
    await asyncio.wait({task})
    gate.set()


async def test_subproofs_of_an_accepted_aggregation_survive(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with serving(tmp_path, backend) as client:
        ids = []
        for start in (10, 14):
            asked = await client.post("/v1/ranges", {"start": start, "end": start + 4})
            ids.append((await client.job(asked.json["id"]))["id"])
        proofs = [(await client.get(f"/v1/jobs/{job_id}/proof")).body for job_id in ids]
        head = (await client.job(ids[1]))["l1_head"]
        backend.failures += [ProverUnavailableError("down")] * 1000
        asked = await client.post("/v1/aggregations", {"ranges": ids, "l1_head": head})
        await client.job(asked.json["id"], "submitting")
    backend.failures.clear()
    async with serving(tmp_path, backend) as client:
        assert (await client.job(asked.json["id"]))["state"] == "fulfilled"
    job = list(backend.jobs.values())[-1]
    assert list(job.subproofs) == proofs  # type: ignore[union-attr]


async def test_an_input_that_was_removed_meanwhile_is_collected_again(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.failures += [ProverUnavailableError("down")] * 1000
    async with serving(tmp_path, backend) as client:
        job_id = (await client.post("/v1/ranges", RANGE)).json["id"]
        await client.job(job_id, "submitting")
    for path in (tmp_path / "witnesses").iterdir():
        path.unlink()
    backend.failures.clear()
    async with serving(tmp_path, backend) as client:
        assert (await client.job(job_id))["state"] == "fulfilled"
    (job,) = backend.jobs.values()
    assert job.input_path.exists()  # type: ignore[union-attr]


async def test_a_failing_status_ends_no_job(tmp_path: Path) -> None:
    """One call that fails or hangs is one call."""
    backend = FakeBackend(at_once=False)
    backend.status_failures += [ProverUnavailableError("down"), RpcTimeoutError("slow")] * 3
    async with serving(tmp_path, backend) as client:
        job_id = (await client.post("/v1/ranges", RANGE)).json["id"]
        job = await client.job(job_id, "proving")
        await until(lambda: asyncio.sleep(0, not backend.status_failures))
        backend.finish(bytes.fromhex(job["proof_id"]))
        assert (await client.job(job_id))["state"] == "fulfilled"


async def test_what_may_pass_is_tried_again_and_gives_up_in_time(tmp_path: Path) -> None:
    source = CountingSource()
    source.failures += [RpcTimeoutError("slow")] * 2
    async with serving(tmp_path, FakeBackend(), source=source) as client:
        job_id = (await client.post("/v1/ranges", RANGE)).json["id"]
        assert (await client.job(job_id))["state"] == "fulfilled"
        source.gate = asyncio.Event()
    assert len(source.collected) == 3
    source = CountingSource()
    source.gate = asyncio.Event()
    folder = tmp_path / "other"
    async with serving(folder, FakeBackend(), source=source, witness_timeout=0.05) as client:
        job_id = (await client.post("/v1/ranges", RANGE)).json["id"]
        job = await client.job(job_id)
        assert (job["state"], job["reason"].split(":")[0]) == ("failed", "WitnessTimeoutError")


async def test_an_ambiguous_submission_is_never_sent_again_before_it_is_known(
    tmp_path: Path,
) -> None:
    backend = FakeBackend()
    backend.lost += [AmbiguousSubmissionError("connection closed")]
    async with serving(tmp_path, backend) as client:
        job_id = (await client.post("/v1/ranges", RANGE)).json["id"]
        assert (await client.job(job_id))["state"] == "fulfilled"
    assert len(backend.submissions) == len(backend.jobs) == 1
