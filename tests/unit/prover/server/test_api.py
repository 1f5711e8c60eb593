"""Our own API: jobs, idempotency, cancellation, proofs, the cache of inputs, problems, OpenAPI."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from coprove.prover import Execution, Fulfillment
from coprove.types import BlockRange
from tests.unit.prover.server.lab import (
    RECORDING,
    CountingSource,
    FakeBackend,
    serving,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.prover.server.lab import Answer, Client

HEAD = RECORDING.l1_row(RECORDING.last_l1)["hash"]


def problem(answer: Answer, status: int, slug: str) -> Any:
    """Check that an answer is a problem of this kind; return it."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json
    assert found["type"] == f"urn:coprove:problem:{slug}"
    assert found["status"] == status
    assert {"title", "detail"} <= found.keys()
    return found


async def test_a_range_is_accepted_proven_and_fetched(tmp_path: Path) -> None:
    backend = FakeBackend()
    async with serving(tmp_path, backend) as client:
        asked = await client.post("/v1/ranges", {"start": 10, "end": 14})
        assert asked.status == 202
        assert asked.headers["location"] == f"/v1/jobs/{asked.json['id']}"
        job = await client.job(asked.json["id"])
        assert (job["state"], job["start"], job["end"]) == ("fulfilled", 10, 14)
        assert job["output_root"] == str(RECORDING.expected_output(14))
        assert job["simulated"] is True
        assert job["cost"] == {"cycles": 7, "gas": None, "price": None, "seconds": 0.5}
        proof = await client.get(f"/v1/jobs/{job['id']}/proof")
        assert proof.headers["content-type"] == "application/octet-stream"
        assert proof.body == backend.proofs[bytes.fromhex(job["proof_id"])]


async def test_ranges_are_aggregated_by_their_jobs_or_their_proofs(tmp_path: Path) -> None:
    """Both name the same proofs, so both are the same request."""
    backend = FakeBackend()
    async with serving(tmp_path, backend) as client:
        ids, proofs = [], []
        for start in (10, 14):
            asked = await client.post("/v1/ranges", {"start": start, "end": start + 4})
            ids.append((await client.job(asked.json["id"]))["id"])
            proofs.append((await client.get(f"/v1/jobs/{ids[-1]}/proof")).body)
        by_job = await client.post("/v1/aggregations", {"ranges": ids, "l1_head": HEAD})
        encoded = [base64.b64encode(proof).decode() for proof in proofs]
        by_proof = await client.post("/v1/aggregations", {"l1_head": HEAD, "subproofs": encoded})
        assert by_job.json["id"] == by_proof.json["id"]
        job = await client.job(by_job.json["id"])
        assert (job["kind"], job["start"], job["end"]) == ("aggregation", 10, 18)
        assert job["l1_head"] == HEAD
        assert not list((tmp_path / "subproofs").iterdir())


async def test_an_idempotency_key_is_one_job_whatever_became_of_it(tmp_path: Path) -> None:
    backend = FakeBackend(at_once=False)
    headers = {"Idempotency-Key": "range 7"}
    async with serving(tmp_path, backend) as client:
        first = await client.post("/v1/ranges", {"start": 10, "end": 14}, headers=headers)
        job = await client.job(first.json["id"], "proving")
        backend.finish(bytes.fromhex(job["proof_id"]), fulfillment=Fulfillment.UNFULFILLABLE)
        assert (await client.job(job["id"]))["state"] == "failed"
        again = await client.post("/v1/ranges", {"start": 10, "end": 14}, headers=headers)
        assert (again.json["id"], again.json["state"]) == (job["id"], "failed")
        other = await client.post("/v1/ranges", {"start": 10, "end": 15}, headers=headers)
        problem(other, 409, "conflict")
        found = await client.get("/v1/jobs?key=range%207")
        assert [item["id"] for item in found.json["jobs"]] == [job["id"]]
        by_proof = await client.get(f"/v1/jobs?proof_id={job['proof_id']}")
        assert by_proof.json["jobs"] == found.json["jobs"]
        assert (await client.get("/v1/jobs?key=other")).json["jobs"] == []


@pytest.mark.parametrize("key", ["x" * 256, "a\tb"])
async def test_a_strange_idempotency_key_is_refused(key: str, tmp_path: Path) -> None:
    async with serving(tmp_path, FakeBackend()) as client:
        headers = {"Idempotency-Key": key}
        answer = await client.post("/v1/ranges", {"start": 10, "end": 14}, headers=headers)
        problem(answer, 422, "invalid-field")


async def test_a_job_is_cancelled_at_once_before_it_is_submitted(tmp_path: Path) -> None:
    backend, source = FakeBackend(), CountingSource()
    source.gate = asyncio.Event()
    async with serving(tmp_path, backend, source=source) as client:
        asked = await client.post("/v1/ranges", {"start": 10, "end": 14})
        await until(lambda: asyncio.sleep(0, source.collected))
        answer = await client.delete(f"/v1/jobs/{asked.json['id']}")
        assert (answer.status, answer.json["state"]) == (202, "cancelled")
        problem(await client.delete(f"/v1/jobs/{asked.json['id']}"), 409, "conflict")
        problem(await client.get(f"/v1/jobs/{asked.json['id']}/proof"), 410, "no-proof")
        source.gate.set()
        again = await client.post("/v1/ranges", {"start": 10, "end": 14})
        assert again.json["id"] != asked.json["id"]
        assert (await client.job(again.json["id"]))["state"] == "fulfilled"
    assert len(backend.submissions) == 1


async def test_a_job_under_proof_is_cancelled_at_the_backend(tmp_path: Path) -> None:
    backend = FakeBackend(at_once=False)
    async with serving(tmp_path, backend, poll_interval=3600.0) as client:
        asked = await client.post("/v1/ranges", {"start": 10, "end": 14})
        job = await client.job(asked.json["id"], "proving")
        early = await client.get(f"/v1/jobs/{job['id']}/proof")
        assert problem(early, 409, "proof-not-ready")["retry_after"] == 5
        assert early.headers["retry-after"] == "5"
        await client.delete(f"/v1/jobs/{job['id']}")
        assert (await client.job(job["id"]))["state"] == "cancelled"
    assert [item.hex() for item in backend.cancelled] == [job["proof_id"]]


async def test_a_job_that_is_being_submitted_is_cancelled_once_it_was(tmp_path: Path) -> None:
    """Whether the backend took it is known only then, and a proof that it has costs money."""
    backend = FakeBackend(at_once=False)
    backend.gate = asyncio.Event()
    async with serving(tmp_path, backend) as client:
        asked = await client.post("/v1/ranges", {"start": 10, "end": 14})
        await until(lambda: asyncio.sleep(0, backend.submissions))
        answer = await client.delete(f"/v1/jobs/{asked.json['id']}")
        assert answer.json["state"] == "submitting"
        backend.gate.set()
        assert (await client.job(asked.json["id"]))["state"] == "cancelled"
    assert len(backend.cancelled) == 1


async def test_a_failure_says_why(tmp_path: Path) -> None:
    backend = FakeBackend(at_once=False)
    async with serving(tmp_path, backend) as client:
        asked = await client.post("/v1/ranges", {"start": 10, "end": 14})
        job = await client.job(asked.json["id"], "proving")
        backend.finish(
            bytes.fromhex(job["proof_id"]),
            fulfillment=Fulfillment.UNFULFILLABLE,
            execution=Execution.UNEXECUTABLE,
            reason="out of memory",
        )
        job = await client.job(job["id"])
    assert (job["state"], job["reason"]) == ("failed", "out of memory")
    assert (job["fulfillment"], job["execution"]) == ("unfulfillable", "unexecutable")


async def test_the_cache_keeps_inputs_and_is_purged(tmp_path: Path) -> None:
    """A second attempt takes the input of the first; those of open jobs are not purged."""
    backend, source = FakeBackend(at_once=False), CountingSource()
    async with serving(tmp_path, backend, source=source) as client:
        for _ in range(2):
            asked = await client.post("/v1/ranges", {"start": 10, "end": 14})
            job = await client.job(asked.json["id"], "proving")
            backend.finish(bytes.fromhex(job["proof_id"]), fulfillment=Fulfillment.UNFULFILLABLE)
            await client.job(job["id"])
        assert source.collected == [BlockRange(start=10, end=14)]
        listed = (await client.get("/v1/witnesses")).json
        (entry,) = listed["witnesses"]
        assert (entry["start"], entry["end"]) == (10, 14)
        size = next((tmp_path / "witnesses").iterdir()).stat().st_size
        assert entry["size"] == listed["bytes"] == size
        asked = await client.post("/v1/ranges", {"start": 20, "end": 22})
        await client.job(asked.json["id"], "proving")
        assert (await client.delete("/v1/witnesses/11-14")).json == {"removed": 0}
        assert (await client.delete("/v1/witnesses/10-14")).json == {"removed": 1}
        assert (await client.delete("/v1/witnesses")).json == {"removed": 0}
        left = (await client.get("/v1/witnesses")).json["witnesses"]
        assert [(item["start"], item["end"]) for item in left] == [(20, 22)]


async def test_the_cache_drops_what_was_used_longest_ago(tmp_path: Path) -> None:
    async with serving(tmp_path, FakeBackend(), witness_cache_bytes=1) as client:
        for start in (10, 14, 18):
            asked = await client.post("/v1/ranges", {"start": start, "end": start + 4})
            await client.job(asked.json["id"])
        left = (await client.get("/v1/witnesses")).json["witnesses"]
    assert [item["start"] for item in left] == [18]


async def test_jobs_are_listed_by_state_and_in_pages(tmp_path: Path) -> None:
    async with serving(tmp_path, FakeBackend()) as client:
        ids = []
        for start in (10, 11, 12):
            asked = await client.post("/v1/ranges", {"start": start, "end": start + 1})
            ids.append((await client.job(asked.json["id"]))["id"])
        first = (await client.get("/v1/jobs?limit=2&state=fulfilled&kind=range")).json
        assert [job["id"] for job in first["jobs"]] == [ids[2], ids[1]]
        rest = (await client.get(f"/v1/jobs?limit=2&before={first['next']}")).json
        assert [job["id"] for job in rest["jobs"]] == [ids[0]]
        assert rest["next"] is None
        assert (await client.get("/v1/jobs?state=failed")).json["jobs"] == []


async def test_too_many_open_jobs_are_refused(tmp_path: Path) -> None:
    backend = FakeBackend(at_once=False)
    async with serving(tmp_path, backend, max_open_jobs=2) as client:
        for start in (10, 14):
            assert (await client.post("/v1/ranges", {"start": start, "end": 18})).status == 202
        full = await client.post("/v1/ranges", {"start": 12, "end": 18})
        problem(full, 503, "queue-full")
        assert int(full.headers["retry-after"]) > 0
        joined = await client.post("/v1/ranges", {"start": 10, "end": 18})
        assert joined.status == 202
        assert (await client.get("/readyz")).status == 503
        assert (await client.get("/healthz")).status == 200


async def test_no_more_jobs_are_at_the_backend_than_may_be(tmp_path: Path) -> None:
    """The most urgent comes next: an aggregation before ranges, then by priority."""
    backend = FakeBackend(at_once=False)
    async with serving(tmp_path, backend, max_proving=1, max_witness=1) as client:
        first = await client.post("/v1/ranges", {"start": 10, "end": 14})
        await client.job(first.json["id"], "proving")
        ids = {}
        for start, priority in ((20, 0), (30, 5)):
            body = {"start": start, "end": start + 4, "priority": priority}
            ids[start] = (await client.post("/v1/ranges", body)).json["id"]
        for job_id in ids.values():
            await client.job(job_id, "submitting")
        assert len(backend.submissions) == 1
        backend.finish(next(iter(backend.jobs)))
        await client.job(ids[30], "proving")
        assert len(backend.submissions) == 2


@pytest.mark.parametrize(
    ("path", "body", "status", "slug"),
    [
        ("/v1/ranges", b"{", 400, "malformed-body"),
        ("/v1/ranges", b"[]", 422, "invalid-field"),
        ("/v1/ranges", b'{"start":1,"end":2,"more":3}', 422, "invalid-field"),
        ("/v1/ranges", b'{"start":"1","end":2}', 422, "invalid-field"),
        ("/v1/ranges", b'{"start":2,"end":2}', 422, "invalid-field"),
        ("/v1/ranges", b'{"start":0,"end":1000000}', 422, "invalid-field"),
        ("/v1/ranges", b'{"start":1,"end":2,"mock":true}', 501, "no-backend"),
        ("/v1/ranges", b" " * 70_000, 413, "body-too-large"),
        ("/v1/aggregations", b"{", 400, "malformed-body"),
        ("/v1/aggregations", b'{"l1_head":"0x00"}', 422, "invalid-field"),
        ("/v1/aggregations", b'{"ranges":[]}', 422, "invalid-field"),
        ("/v1/aggregations", f'{{"l1_head":"{HEAD}"}}'.encode(), 422, "invalid-field"),
        (
            "/v1/aggregations",
            f'{{"l1_head":"{HEAD}","ranges":["{"0" * 32}"]}}'.encode(),
            404,
            "unknown-job",
        ),
        (
            "/v1/aggregations",
            f'{{"l1_head":"{HEAD}","subproofs":[],"ranges":[]}}'.encode(),
            422,
            "invalid-field",
        ),
    ],
)
async def test_bad_requests_are_problems(
    path: str, body: bytes, status: int, slug: str, tmp_path: Path
) -> None:
    backend = FakeBackend()
    async with serving(tmp_path, backend) as client:
        problem(await client.post(path, body), status, slug)
        assert (await client.get("/v1/jobs")).json["jobs"] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/jobs/nothex", 422),
        ("GET", f"/v1/jobs/{'0' * 32}", 404),
        ("GET", f"/v1/jobs/{'0' * 32}/proof", 404),
        ("DELETE", f"/v1/jobs/{'0' * 32}", 404),
        ("GET", "/v1/jobs?limit=0", 422),
        ("GET", "/v1/jobs?state=none", 422),
        ("DELETE", "/v1/witnesses/5-5", 422),
        ("DELETE", "/v1/witnesses/5-x", 422),
        ("PUT", "/v1/jobs", 405),
        ("GET", "/v2/jobs", 404),
    ],
)
async def test_bad_paths_are_problems(method: str, path: str, status: int, tmp_path: Path) -> None:
    async with serving(tmp_path, FakeBackend()) as client:
        answer = await client.send(method, path)
        assert answer.status == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["status"] == status


async def test_long_bodies_and_subproofs_are_cut_off(tmp_path: Path) -> None:
    """Whether the length is declared or the body comes in chunks."""
    limits = {"max_body_bytes": 5000, "max_subproof_bytes": 1000, "max_subproofs": 2}
    async with serving(tmp_path, FakeBackend(), **limits) as client:

        async def chunks() -> Any:
            for _ in range(10):
                yield b" " * 1000

        headers = {"Content-Type": "application/json"}
        long = await client.send("POST", "/v1/aggregations", data=chunks(), headers=headers)
        problem(long, 413, "body-too-large")
        problem(await client.post("/v1/aggregations", b" " * 5001), 413, "body-too-large")
        proof = base64.b64encode(bytes(1001)).decode()
        big = await client.post("/v1/aggregations", {"l1_head": HEAD, "subproofs": [proof]})
        problem(big, 413, "body-too-large")
        many = await client.post("/v1/aggregations", {"l1_head": HEAD, "subproofs": ["AAAA"] * 3})
        problem(many, 422, "invalid-field")
        assert not list((tmp_path / "uploads").iterdir())


async def test_a_client_that_stops_sending_is_let_go(tmp_path: Path) -> None:
    async with serving(tmp_path, FakeBackend(), body_idle_timeout=0.05) as client:
        never = asyncio.Event()

        async def stalled() -> Any:
            yield b'{"subproofs":['
            await never.wait()

        headers = {"Content-Type": "application/json"}
        answer = await client.send("POST", "/v1/aggregations", data=stalled(), headers=headers)
        problem(answer, 408, "upload-stalled")


async def test_the_document_describes_every_route(tmp_path: Path) -> None:
    async with serving(tmp_path, FakeBackend()) as client:
        document = (await client.get("/v1/openapi.json")).json
        assert document["openapi"].startswith("3.")
        assert {path: sorted(methods) for path, methods in document["paths"].items()} == {
            "/v1/aggregations": ["post"],
            "/v1/jobs": ["get"],
            "/v1/jobs/{job_id}": ["delete", "get"],
            "/v1/jobs/{job_id}/proof": ["get"],
            "/v1/ranges": ["post"],
            "/v1/server": ["get"],
            "/v1/witnesses": ["delete", "get"],
            "/v1/witnesses/{start}-{end}": ["delete"],
        }
        body = document["paths"]["/v1/ranges"]["post"]["requestBody"]
        assert "start" in body["content"]["application/json"]["schema"]["properties"]


async def test_the_server_tells_what_it_is(tmp_path: Path) -> None:
    async with serving(tmp_path, FakeBackend()) as client:
        found = (await client.get("/v1/server")).json
        assert (found["backend"], found["simulated"], found["mock"]) == ("fake", True, False)
        assert found["range_vkey_commitment"] == "0x" + "11" * 32


async def test_metrics_tell_what_happened(tmp_path: Path) -> None:
    async with serving(tmp_path, FakeBackend()) as client:
        asked = await client.post("/v1/ranges", {"start": 10, "end": 14})
        await client.job(asked.json["id"])
        text = (await client.get("/metrics")).body.decode()
    for line in (
        "coprove_server_up 1.0",
        'coprove_server_jobs{kind="range",state="fulfilled"} 1.0',
        'coprove_server_finished_jobs_total{kind="range",state="fulfilled"} 1.0',
        'coprove_server_requests_total{route="/v1/ranges",status="202"} 1.0',
        "coprove_server_witness_seconds_count 1.0",
    ):
        assert line in text


async def test_health_is_false_when_the_disk_is_full(tmp_path: Path) -> None:
    async with serving(tmp_path, FakeBackend(), disk_reserve=1 << 60) as client:
        answer = await client.get("/healthz")
        assert answer.status == 503
        assert json.loads(answer.body)["healthy"] is False


async def _guarded(client: Client, **headers: str) -> int:
    return (await client.get("/v1/server", headers=headers)).status


async def test_a_token_is_needed_where_there_are_tokens(tmp_path: Path) -> None:
    """As a bearer token, or as the password of a URL, which Go's client turns into Basic."""
    tokens = ("correct horse battery", "another good token")
    async with serving(tmp_path, FakeBackend(), tokens=tokens) as client:
        answer = await client.get("/v1/server")
        problem(answer, 401, "unauthorized")
        assert "Bearer" in answer.headers["www-authenticate"]
        for token in tokens:
            assert await _guarded(client, Authorization=f"Bearer {token}") == 200
            basic = base64.b64encode(f"user:{token}".encode()).decode()
            assert await _guarded(client, Authorization=f"Basic {basic}") == 200
        wrong = ("Bearer", "Bearer ", "Bearer correct", f"Digest {tokens[0]}", "Basic !!", "Basic ")
        for value in wrong:
            assert await _guarded(client, Authorization=value) == 401
        posted = await client.post("/request_span_proof", {"start": 1, "end": 2})
        assert posted.status == 401
        assert (await client.get("/healthz")).status == 200
        text = await client.get("/metrics", headers={"Authorization": f"Bearer {tokens[0]}"})
        assert b'coprove_server_refused_total{reason="token"}' in text.body


async def test_without_tokens_only_the_name_of_this_machine_is_answered(tmp_path: Path) -> None:
    """A web page whose name resolves to loopback is another name."""
    async with serving(tmp_path, FakeBackend()) as client:
        for host in ("localhost:3000", "127.0.0.1", "[::1]:3000"):
            assert await _guarded(client, Host=host) == 200
        for host in ("evil.example", "127.0.0.1.evil.example:3000", "[", ""):
            assert await _guarded(client, Host=host) == 421


async def test_a_client_over_its_rate_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with serving(tmp_path, FakeBackend(), requests_per_second=0.001, burst=2) as client:
        assert [await _guarded(client) for _ in range(2)] == [200, 200]
        answer = await client.get("/v1/server")
        problem(answer, 429, "rate-limited")
        assert int(answer.headers["retry-after"]) > 100


async def test_requests_under_way_are_limited(tmp_path: Path) -> None:
    backend = FakeBackend()
    backend.gate = asyncio.Event()
    async with serving(tmp_path, backend, max_requests=1) as client:
        waiting = asyncio.create_task(client.post("/request_span_proof", {"start": 1, "end": 2}))
        await until(lambda: asyncio.sleep(0, backend.submissions))
        problem(await client.get("/v1/server"), 503, "busy")
        backend.gate.set()
        assert (await waiting).status == 200
        assert await _guarded(client) == 200
