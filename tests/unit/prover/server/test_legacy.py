"""The early routes answer op-succinct's Go proposer byte for byte as its own server does."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from coprove.prover import (
    AmbiguousSubmissionError,
    Execution,
    Fulfillment,
    ProofRefusedError,
    ProofStatus,
    ProverUnavailableError,
)
from coprove.types import BlockRange
from tests.unit.prover.server.lab import (
    RECORDING,
    CountingSource,
    FakeBackend,
    go_aggregation_body,
    go_bytes,
    go_span_body,
    serving,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path

HEAD = RECORDING.l1_row(RECORDING.last_l1)["hash"]


async def test_a_span_request_answers_with_the_identifier_as_numbers(tmp_path: Path) -> None:
    """The answer is axum's: compact JSON, application/json without a charset."""
    backend = FakeBackend()
    async with serving(tmp_path, backend) as client:
        answer = await client.post("/request_span_proof", go_span_body(10, 14))
        proof_id = next(iter(backend.jobs))
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        numbers = ",".join(str(number) for number in proof_id)
        assert answer.body == b'{"proof_id":[' + numbers.encode() + b"]}"
        job = backend.jobs[proof_id]
        assert (job.blocks.start, job.blocks.end) == (10, 14)


async def test_a_status_has_the_three_members_in_order(tmp_path: Path) -> None:
    backend = FakeBackend(at_once=False)
    async with serving(tmp_path, backend) as client:
        asked = await client.post("/request_span_proof", go_span_body(10, 14))
        proof_id = go_bytes(asked.json["proof_id"])
        answer = await client.get(f"/status/{proof_id.hex()}")
        assert answer.body == b'{"fulfillment_status":2,"execution_status":1,"proof":[]}'
        backend.finish(proof_id)
        answer = await client.get(f"/status/{proof_id.hex().upper()}")
        assert list(answer.json) == ["fulfillment_status", "execution_status", "proof"]
        assert (answer.json["fulfillment_status"], answer.json["execution_status"]) == (3, 2)
        assert go_bytes(answer.json["proof"]) == backend.proofs[proof_id]


@pytest.mark.parametrize(
    ("fulfillment", "execution", "shown"),
    [
        (Fulfillment.UNFULFILLABLE, Execution.UNEXECUTABLE, (4, 3)),
        (Fulfillment.REVERTED, Execution.EXECUTED, (4, 2)),
        (Fulfillment.EXPIRED, Execution.UNEXECUTED, (4, 1)),
    ],
)
@pytest.mark.parametrize("foreign", [False, True])
async def test_every_end_without_a_proof_is_unfulfillable_to_the_proposer(
    fulfillment: Fulfillment,
    execution: Execution,
    shown: tuple[int, int],
    foreign: bool,
    tmp_path: Path,
) -> None:
    """Its protocol knows no later states; a foreign proof was requested by another server."""
    backend = FakeBackend(at_once=False)
    async with serving(tmp_path, backend) as client:
        if foreign:
            proof_id = b"\x55" * 32
            backend.done[proof_id] = ProofStatus(fulfillment=fulfillment, execution=execution)
        else:
            asked = await client.post("/request_span_proof", go_span_body(10, 14))
            proof_id = go_bytes(asked.json["proof_id"])
            backend.finish(proof_id, fulfillment=fulfillment, execution=execution)
        answer = await client.get(f"/status/{proof_id.hex()}")
        assert answer.json == {
            "fulfillment_status": shown[0],
            "execution_status": shown[1],
            "proof": [],
        }


async def test_a_proof_that_another_server_requested_is_found(tmp_path: Path) -> None:
    """Who replaces only the server keeps the proofs that are under way."""
    backend = FakeBackend()
    proof_id = b"\x66" * 32
    backend.done[proof_id] = ProofStatus(
        fulfillment=Fulfillment.FULFILLED, execution=Execution.EXECUTED
    )
    backend.proofs[proof_id] = b"\x00\x01\xff"
    async with serving(tmp_path, backend) as client:
        answer = await client.get(f"/status/{proof_id.hex()}")
        assert answer.body == b'{"fulfillment_status":3,"execution_status":2,"proof":[0,1,255]}'


async def test_a_silent_network_is_500_with_an_unspecified_status(tmp_path: Path) -> None:
    backend = FakeBackend(at_once=False)
    async with serving(tmp_path, backend, poll_interval=3600.0) as client:
        asked = await client.post("/request_span_proof", go_span_body(10, 14))
        proof_id = go_bytes(asked.json["proof_id"])
        backend.status_failures.append(ProverUnavailableError("down"))
        answer = await client.get(f"/status/{proof_id.hex()}")
        assert answer.status == 500
        assert answer.body == b'{"fulfillment_status":0,"execution_status":0,"proof":[]}'
        unknown = await client.get("/status/" + "ab" * 32)
        assert (unknown.status, unknown.body) == (500, answer.body)


@pytest.mark.parametrize("proof_id", ["0xabcd", "abc", "xyz", "ab%20cd"])
async def test_an_identifier_that_is_not_hex_is_500_with_text(
    proof_id: str, tmp_path: Path
) -> None:
    async with serving(tmp_path, FakeBackend()) as client:
        answer = await client.get(f"/status/{proof_id}")
        assert answer.status == 500
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert b"hex" in answer.body


async def test_an_aggregation_is_made_of_base64_proofs(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with serving(tmp_path, backend) as client:
        proofs = [await proven(client, start, start + 4) for start in (10, 14, 18)]
        answer = await client.post("/request_agg_proof", go_aggregation_body(proofs, HEAD))
        assert answer.status == 200
        job = backend.jobs[go_bytes(answer.json["proof_id"])]
        assert (job.blocks.start, job.blocks.end) == (10, 22)
        assert list(job.subproofs) == proofs  # type: ignore[union-attr]
        assert str(job.given.checkpoint_l1_head) == HEAD  # type: ignore[union-attr]


async def test_proofs_of_another_server_are_aggregated_by_what_they_say(tmp_path: Path) -> None:
    """A proposer keeps its ranges' proofs; who replaces only the server need not prove again."""
    backend = FakeBackend()
    async with serving(tmp_path / "one", backend) as client:
        proofs = [await proven(client, start, start + 4) for start in (10, 14)]
    async with serving(tmp_path / "two", backend) as client:
        answer = await client.post("/request_agg_proof", go_aggregation_body(proofs, HEAD))
        assert answer.status == 200
        job = backend.jobs[go_bytes(answer.json["proof_id"])]
        assert job.blocks == BlockRange(start=10, end=18)


async def proven(client: Any, start: int, end: int) -> bytes:
    asked = await client.post("/request_span_proof", go_span_body(start, end))
    answer = await client.get("/status/" + go_bytes(asked.json["proof_id"]).hex())
    assert answer.json["fulfillment_status"] == 3
    return go_bytes(answer.json["proof"])


async def test_mock_requests_answer_with_the_status_at_once(tmp_path: Path) -> None:
    """Fulfilled, execution unspecified; an aggregation's proof is empty, as SP1's mock has it."""
    mock = FakeBackend()
    async with serving(tmp_path, FakeBackend(), mock=mock) as client:
        span = await client.post("/request_mock_span_proof", go_span_body(10, 14))
        assert (span.json["fulfillment_status"], span.json["execution_status"]) == (3, 0)
        proof = go_bytes(span.json["proof"])
        assert proof == next(iter(mock.proofs.values()))
        aggregation = await client.post(
            "/request_mock_agg_proof", go_aggregation_body([proof], HEAD)
        )
        assert aggregation.body == b'{"fulfillment_status":3,"execution_status":0,"proof":[]}'


async def test_our_own_mock_verifier_can_have_the_mock_proof(tmp_path: Path) -> None:
    mock = FakeBackend()
    async with serving(tmp_path, FakeBackend(), mock=mock, empty_mock_aggregation=False) as client:
        span = await client.post("/request_mock_span_proof", go_span_body(10, 14))
        body = go_aggregation_body([go_bytes(span.json["proof"])], HEAD)
        aggregation = await client.post("/request_mock_agg_proof", body)
        assert go_bytes(aggregation.json["proof"]).startswith(b"aggregated")


async def test_without_a_mock_backend_mock_requests_fail_with_text(tmp_path: Path) -> None:
    async with serving(tmp_path, FakeBackend()) as client:
        answer = await client.post("/request_mock_span_proof", go_span_body(10, 14))
        assert (answer.status, answer.body) == (500, b"this server has no mock backend")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 5000, 400),
        (b'{"start":NaN,"end":2}', 400),
        (b"[1,2]", 422),
        (b'{"start":1}', 422),
        (b'{"start":-1,"end":2}', 422),
        (b'{"start":1.0,"end":2}', 422),
        (b'{"start":"1","end":2}', 422),
        (b'{"start":true,"end":2}', 422),
        (b'{"start":1,"start":1,"end":2}', 422),
        (b'{"start":1,"end":18446744073709551616}', 422),
        (b'{"start":5,"end":5}', 422),
        (b'{"start":1,"end":18446744073709551615}', 422),
        (b'{"start":0,"end":' + b" " * 70_000 + b"2}", 413),
    ],
)
async def test_a_bad_body_is_refused_with_text(body: bytes, status: int, tmp_path: Path) -> None:
    backend = FakeBackend()
    async with serving(tmp_path, backend) as client:
        answer = await client.post("/request_span_proof", body)
        assert answer.status == status
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert not backend.submissions


async def test_a_body_that_is_not_called_json_is_refused(tmp_path: Path) -> None:
    """A web page can send text/plain to a server on this machine without asking."""
    async with serving(tmp_path, FakeBackend()) as client:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
            headers = {"Content-Type": kind}
            answer = await client.post("/request_span_proof", go_span_body(1, 2), headers=headers)
            assert answer.status == 415


@pytest.mark.parametrize(
    ("subproofs", "head", "status"),
    [
        ("[]", f'"{HEAD}"', 422),
        ("null", f'"{HEAD}"', 422),
        ('["AAA"]', f'"{HEAD}"', 422),
        ('["A=AA"]', f'"{HEAD}"', 422),
        ("[1]", f'"{HEAD}"', 422),
        ('["AAAA"]', '"abcd"', 422),
        ('["AAAA"]', '"0xabcd"', 422),
        ('["AAAA"]', "7", 422),
        ('["AAAA"', f'"{HEAD}"', 400),
        ('["AAAA"]', f'"{HEAD}"', 500),
    ],
)
async def test_a_bad_aggregation_is_refused(
    subproofs: str, head: str, status: int, tmp_path: Path
) -> None:
    """The last one is well formed, but its proof is none: that ends its job."""
    backend = FakeBackend()
    async with serving(tmp_path, backend) as client:
        body = f'{{"subproofs":{subproofs},"head":{head}}}'.encode()
        assert (await client.post("/request_agg_proof", body)).status == status
        assert not backend.submissions
        assert not list((tmp_path / "uploads").iterdir())


async def test_a_repeated_request_joins_the_one_under_way(tmp_path: Path) -> None:
    """The proposer asks again after a lost answer; a second proof would be paid for."""
    backend, source = FakeBackend(at_once=False), CountingSource()
    source.gate = asyncio.Event()
    async with serving(tmp_path, backend, source=source) as client:
        first = asyncio.create_task(client.post("/request_span_proof", go_span_body(10, 14)))
        second = asyncio.create_task(client.post("/request_span_proof", go_span_body(10, 14)))
        await until(lambda: asyncio.sleep(0, source.collected))
        source.gate.set()
        answers = [await first, await second]
        answers.append(await client.post("/request_span_proof", go_span_body(10, 14)))
        backend.finish(next(iter(backend.jobs)))
        await until(lambda: jobs_in(client, "fulfilled"))
        answers.append(await client.post("/request_span_proof", go_span_body(10, 14)))
        assert len({answer.body for answer in answers}) == 1
        assert len(backend.submissions) == len(source.collected) == 1


async def jobs_in(client: Any, state: str) -> Any:
    return (await client.get(f"/v1/jobs?state={state}")).json["jobs"]


async def test_a_failed_range_is_requested_anew(tmp_path: Path) -> None:
    """Each attempt has a key of its own, so that the backend takes it for a new request."""
    backend = FakeBackend(at_once=False)
    async with serving(tmp_path, backend) as client:
        for _ in range(2):
            asked = await client.post("/request_span_proof", go_span_body(10, 14))
            proof_id = go_bytes(asked.json["proof_id"])
            backend.finish(proof_id, fulfillment=Fulfillment.UNFULFILLABLE)
            await client.get(f"/status/{proof_id.hex()}")
        assert len(set(backend.submissions)) == 2


async def test_a_proof_that_a_reorg_made_worthless_is_requested_anew(tmp_path: Path) -> None:
    backend, source = FakeBackend(), CountingSource()
    async with serving(tmp_path, backend, source=source) as client:
        first = await client.post("/request_span_proof", go_span_body(10, 14))
        await until(lambda: jobs_in(client, "fulfilled"))
        source.reorged.add(BlockRange(start=10, end=14))
        second = await client.post("/request_span_proof", go_span_body(10, 14))
        assert first.body != second.body
        assert len(source.collected) == 2


async def test_a_lost_answer_of_the_backend_costs_nothing(tmp_path: Path) -> None:
    """Accepted, but the answer did not come: the request is looked up, not sent again."""
    backend = FakeBackend()
    backend.lost.append(AmbiguousSubmissionError("connection closed"))
    async with serving(tmp_path, backend) as client:
        answer = await client.post("/request_span_proof", go_span_body(10, 14))
        assert go_bytes(answer.json["proof_id"]) in backend.jobs
    assert len(backend.submissions) == 1


async def test_a_busy_backend_is_asked_again_and_a_refusal_ends_the_job(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.failures += [ProverUnavailableError("busy"), ProverUnavailableError("busy")]
    async with serving(tmp_path, backend) as client:
        assert (await client.post("/request_span_proof", go_span_body(10, 14))).status == 200
        assert len(backend.submissions) == 3
        backend.failures.append(ProofRefusedError("no such program"))
        answer = await client.post("/request_span_proof", go_span_body(14, 18))
        assert answer.status == 500
        assert b"no such program" in answer.body


async def test_a_range_that_is_not_there_ends_with_its_reason(tmp_path: Path) -> None:
    async with serving(tmp_path, FakeBackend()) as client:
        answer = await client.post("/request_span_proof", go_span_body(100, 5000))
        assert answer.status == 500
        assert b"RecordingError" in answer.body


async def test_waiting_ends_before_the_proposer_gives_up(tmp_path: Path) -> None:
    """The job goes on; asking again joins it."""
    backend = FakeBackend()
    backend.gate = asyncio.Event()
    async with serving(tmp_path, backend, legacy_wait=0.05) as client:
        answer = await client.post("/request_span_proof", go_span_body(10, 14))
        assert answer.status == 500
        assert b"goes on" in answer.body
        await until(lambda: asyncio.sleep(0, backend.submissions))
        backend.gate.set()
        await until(lambda: jobs_in(client, "fulfilled"))
        again = await client.post("/request_span_proof", go_span_body(10, 14))
        assert again.status == 200
    assert len(backend.submissions) == 1


async def test_unknown_routes_and_methods_are_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, FakeBackend()) as client:
        assert (await client.get("/request_span_proof")).status == 405
        assert (await client.get("/nothing")).status == 404
        assert json.loads((await client.get("/nothing")).body)["status"] == 404
