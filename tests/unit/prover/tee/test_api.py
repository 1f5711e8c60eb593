"""The TEE prover's own API: witnesses in, signed proofs and evidence out, and what keeps it up."""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from coprove.attestation import Platform, ProofOfExecution, ProverBinding
from coprove.errors import InputError
from coprove.prover.tee.enclave import Enclave, QuoteUnavailableError, recover_prover
from coprove.prover.tee.host import TeeProver, TeeProverOptions
from coprove.prover.tee.host.problems import PROBLEMS
from coprove.types import Address, Hash32
from tests.integration.ranges import range_input
from tests.unit.prover.server.lab import until
from tests.unit.prover.tee.host_lab import serving
from tests.unit.prover.tee.lab import (
    BLOCK_HASH,
    NONCE,
    OPERATOR,
    REGISTRY,
    FakeProvider,
    digest_of,
    recorded_root,
    witness,
)

if TYPE_CHECKING:
    from tests.unit.prover.server.lab import Answer
    from tests.unit.prover.tee.host_lab import TeeClient

TOKEN = "a-token-of-sixteen-characters"  # noqa: S105 - opens nothing
EVIDENCE = {
    "chain_id": 900,
    "verifier": f"0x{REGISTRY.hex()}",
    "operator": f"0x{OPERATOR.hex()}",
    "block_number": 7,
    "block_hash": BLOCK_HASH.hex0x,
    "nonce": NONCE.hex0x,
}


class GatedEnclave(Enclave):
    """Waits at a gate before it proves."""

    def __init__(self, provider: Any = None) -> None:
        """Have the gate closed."""
        super().__init__(provider or FakeProvider())
        self.gate = threading.Event()
        self.runs = 0

    def prove(self, *args: Any, **given: Any) -> Any:
        self.runs += 1
        assert self.gate.wait(60)
        return super().prove(*args, **given)


def slug(answer: Answer) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.body
    kind: str = answer.json["type"]
    return kind.removeprefix("urn:coprove:problem:")


async def test_a_recorded_range_is_proven_over_http() -> None:
    async with serving() as client:
        who = (await client.get("/v1/prover")).json
        data = witness(20, 23)
        answer = await client.prove(data)
        assert answer.status == 200
        found = answer.json
        assert found["state"] == "proven"
        assert found["simulated"] is True
        values: dict[str, Any] = {
            name: Hash32.from_hex(value) if isinstance(value, str) else value
            for name, value in found["poe"].items()
        }
        poe = ProofOfExecution(**values)
        assert poe.l2_pre_root == recorded_root(20)
        assert poe.l2_post_root == recorded_root(23)
        assert poe.measurement.hex0x == who["measurement_id"]
        signature = bytes.fromhex(found["signature"][2:])
        key = recover_prover(poe.digest(), signature)
        assert key is not None
        assert f"0x{key.hex()}" == who["public_key"]
        assert found["digest"] == poe.digest().hex0x
        again = await client.get(f"/v1/proofs/{digest_of(data).hex0x}")
        assert again.json == found


async def test_a_changed_witness_is_an_error_and_has_no_signature() -> None:
    async with serving() as client:
        data = witness(20, 23)
        for position in (0, 30, 5000, len(data) - 1):
            altered = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
            under_its_old_name = await client.prove(altered, digest=digest_of(data))
            assert under_its_old_name.status == 422
            assert slug(under_its_old_name) == "witness-digest"
            assert b"signature" not in under_its_old_name.body
        junk = await client.prove(b"junk")
        assert (junk.status, slug(junk)) == (422, "invalid-witness")
        wrong = replace(
            range_input("calldata", 20, 23), claimed_output_root=Hash32(b"\x01" * 32)
        ).encode()
        refused = await client.prove(wrong)
        assert (refused.status, slug(refused)) == (422, "claim-mismatch")
        again = await client.get(f"/v1/proofs/{digest_of(wrong).hex0x}")
        assert (again.status, slug(again)) == (422, "claim-mismatch")
        assert (await client.prove(data)).status == 200


async def test_junk_under_a_real_name_does_not_spoil_the_real_one() -> None:
    async with serving() as client:
        data = witness(20, 23)
        assert (await client.prove(b"junk", digest=digest_of(data))).status == 422
        unknown = await client.get(f"/v1/proofs/{digest_of(data).hex0x}")
        assert (unknown.status, slug(unknown)) == (404, "unknown-proof")
        assert (await client.prove(data)).status == 200


async def test_equal_tasks_under_way_are_one_run_and_what_is_proven_is_kept() -> None:
    enclave = GatedEnclave()
    async with serving(enclave=enclave) as client:
        data = witness(20, 23)
        first = await client.prove(data, wait=0)
        assert first.status == 202
        assert first.headers["location"] == f"/v1/proofs/{digest_of(data).hex0x}"
        assert first.json["signature"] is None
        asked = [asyncio.create_task(client.prove(data)) for _ in range(4)]
        enclave.gate.set()
        found = [await task for task in asked]
        assert {answer.status for answer in found} == {200}
        assert len({answer.body for answer in found}) == 1
        assert (await client.prove(data)).status == 200
        assert enclave.runs == 1


async def test_beyond_its_queue_it_sends_clients_away_for_a_while() -> None:
    enclave = GatedEnclave()
    async with serving(enclave=enclave, max_runs=1, max_queue=1) as client:
        assert (await client.get("/readyz")).status == 200
        for end in (21, 22):
            assert (await client.prove(witness(20, end), wait=0)).status == 202
        refused = await client.prove(witness(20, 23), wait=0)
        assert (refused.status, slug(refused)) == (429, "too-many-tasks")
        assert int(refused.headers["retry-after"]) > 0
        assert (await client.get("/readyz")).status == 503
        assert (await client.get("/healthz")).status == 200
        enclave.gate.set()
        assert (await client.prove(witness(20, 22))).status == 200
        assert (await client.prove(witness(20, 23))).status == 200


async def test_witnesses_are_bounded_one_by_one_and_together() -> None:
    data = witness(20, 23)
    enclave = GatedEnclave()
    limits = {"max_witness_bytes": len(data), "memory_bytes": len(data) + 100}
    async with serving(enclave=enclave, **limits) as client:
        large = await client.prove(data + b"x")
        assert (large.status, slug(large)) == (413, "witness-too-large")
        assert (await client.prove(data, wait=0)).status == 202
        full = await client.prove(witness(20, 22), wait=0)
        assert (full.status, slug(full)) == (429, "memory-full")
        assert int(full.headers["retry-after"]) > 0
        enclave.gate.set()
        assert (await client.get(f"/v1/proofs/{digest_of(data).hex0x}?wait=60")).status == 200

        async def let_go() -> bool:
            gc.collect()
            return client.prover.service.budget.used == 0

        await until(let_go)
        assert (await client.prove(witness(20, 22))).status == 200


async def test_a_refusal_does_not_keep_its_witness() -> None:
    wrong = replace(
        range_input("calldata", 20, 23), claimed_output_root=Hash32(b"\x01" * 32)
    ).encode()
    async with serving() as client:
        assert (await client.prove(wrong)).status == 422

        async def let_go() -> bool:
            gc.collect()
            return client.prover.service.budget.used == 0

        await until(let_go)


async def test_a_refusal_does_not_keep_what_it_is_about() -> None:
    """What came instead of a number may be as long as a witness."""
    given = range_input("calldata", 20, 21)
    config = json.loads(given.rollup_config) | {"block_time": "7" * 1_000_000}
    wrong = replace(given, rollup_config=json.dumps(config).encode()).encode()
    async with serving() as client:
        for _ in range(2):
            answer = await client.prove(wrong)
            assert (answer.status, answer.json["field"]) == (422, "rollup_config.block_time")
        refusal = client.prover.service.desk.look(digest_of(wrong)).refusal
        assert refusal is not None
        assert len(pickle.dumps(refusal)) < 2000


async def test_a_body_without_declared_length_is_bounded_as_it_comes() -> None:
    data = witness(20, 23)

    async def pieces() -> Any:
        for at in range(0, len(data), 1000):
            yield data[at : at + 1000]

    headers = {
        "Content-Type": "application/octet-stream",
        "Witness-Digest": digest_of(data).hex0x,
    }
    async with serving(max_witness_bytes=len(data) - 1) as client:
        answer = await client.send("POST", "/v1/proofs", data=pieces(), headers=headers)
        assert (answer.status, slug(answer)) == (413, "witness-too-large")
        assert client.prover.service.budget.used == 0
    async with serving(max_witness_bytes=len(data)) as client:
        answer = await client.send("POST", "/v1/proofs", data=pieces(), headers=headers)
        assert answer.status == 200


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"Content-Type": "text/plain"}, 415, "content-type"),
        ({"Witness-Digest": ""}, 422, "invalid-field"),
        ({"Witness-Digest": "0x12"}, 422, "invalid-field"),
        ({"Witness-Digest": "zz" * 33}, 422, "invalid-field"),
    ],
    ids=["type", "no digest", "short digest", "odd digest"],
)
async def test_requests_that_are_not_what_they_must_be(
    headers: dict[str, str], status: int, kind: str
) -> None:
    async with serving() as client:
        answer = await client.prove(witness(20, 23), headers=headers)
        assert (answer.status, slug(answer)) == (status, kind)


async def test_evidence_binds_what_was_asked_for_and_this_provers_key() -> None:
    provider = FakeProvider(platform=Platform.AWS_NITRO, measurement=b"\x01" * 144)
    async with serving(provider) as client:
        who = (await client.get("/v1/prover")).json
        assert who["operator"] is None
        answer = await client.post("/v1/evidence", EVIDENCE)
        assert answer.status == 200
        found = answer.json
        assert found["binding"] == EVIDENCE
        binding = ProverBinding(
            chain_id=900,
            verifier=REGISTRY,
            operator=OPERATOR,
            platform=Platform.AWS_NITRO,
            public_key=bytes.fromhex(who["public_key"][2:]),
            block_number=7,
            block_hash=BLOCK_HASH,
            nonce=NONCE,
        )
        assert bytes.fromhex(found["report_data"][2:]) == binding.report_data()
        assert bytes.fromhex(found["evidence"][2:]).endswith(binding.report_data())
        assert (await client.get("/v1/prover")).json["operator"] == str(OPERATOR)


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"operator": f"0x{bytes(20).hex()}"}, 422, "evidence-refused"),
        ({"block_hash": f"0x{bytes(32).hex()}"}, 422, "evidence-refused"),
        ({"chain_id": 1}, 403, "simulated"),
        ({"chain_id": "900"}, 422, "invalid-field"),
        ({"nonce": "0x12"}, 422, "invalid-field"),
        ({"report_data": "0x" + "00" * 64}, 422, "invalid-field"),
        ({"platform": "intel-sgx"}, 422, "invalid-field"),
        ({"public_key": "0x" + "00" * 64}, 422, "invalid-field"),
    ],
    ids=str,
)
async def test_nothing_else_is_quoted(change: dict[str, Any], status: int, kind: str) -> None:
    """Neither values that no registry takes, nor members that a caller does not choose."""
    provider = FakeProvider()
    async with serving(provider) as client:
        before = len(provider.quoted)
        answer = await client.post("/v1/evidence", EVIDENCE | change)
        assert (answer.status, slug(answer)) == (status, kind)
        assert len(provider.quoted) == before


async def test_evidence_for_a_second_operator_is_refused() -> None:
    async with serving() as client:
        assert (await client.post("/v1/evidence", EVIDENCE)).status == 200
        stranger = EVIDENCE | {"operator": f"0x{(b'%c' % 9 * 20).hex()}"}
        answer = await client.post("/v1/evidence", stranger)
        assert (answer.status, slug(answer)) == (422, "evidence-refused")


async def test_health_says_whether_the_platform_quotes() -> None:
    provider = FakeProvider()
    async with serving(provider, check_interval=0.01) as client:
        assert (await client.get("/healthz")).json == {
            "healthy": True,
            "quotes": True,
            "simulated": True,
        }
        provider.failures += [QuoteUnavailableError("gone")] * 100_000

        async def sick() -> bool:
            return (await client.get("/healthz")).status == 503

        await until(sick)
        assert (await client.get("/readyz")).status == 503
        assert await client.metric("coprove_tee_prover_up") == 0
        provider.failures.clear()

        async def well() -> bool:
            return (await client.get("/healthz")).status == 200

        await until(well)
        assert await client.metric("coprove_tee_prover_up") == 1


@pytest.mark.parametrize("silent", [False, True])
async def test_health_notices_defects_and_silence(silent: bool) -> None:
    """An error that nobody thought of and a device that never answers are no quotes either."""
    provider = FakeProvider()
    gate = threading.Event()
    async with serving(provider, check_interval=0.01, quote_timeout=0.2) as client:
        if silent:
            provider.gate = gate
        else:
            provider.failures.append(RuntimeError("a defect"))

        async def sick() -> bool:
            return (await client.get("/healthz")).status == 503

        async def well() -> bool:
            return not await sick()

        try:
            await until(sick)
        finally:
            provider.gate = None
            gate.set()
        await until(well)


async def test_a_silent_platform_holds_up_no_proof() -> None:
    """Some requests wait for evidence, further ones are sent away, and proofs are made."""
    provider = FakeProvider()
    async with serving(provider, max_quotes=3) as client:
        provider.gate = threading.Event()
        asked = [asyncio.create_task(client.post("/v1/evidence", EVIDENCE)) for _ in range(40)]
        try:
            answer = await client.prove(witness(20, 21))
            assert (answer.status, answer.json["state"]) == (200, "proven")
        finally:
            provider.gate.set()
        answers = await asyncio.gather(*asked)
        assert sorted({answer.status for answer in answers}) == [200, 429]
        assert sum(answer.status == 200 for answer in answers) == 3


async def test_a_platform_that_does_not_quote_is_a_problem_that_may_pass() -> None:
    provider = FakeProvider()
    async with serving(provider) as client:
        provider.failures.append(QuoteUnavailableError("busy"))
        answer = await client.post("/v1/evidence", EVIDENCE)
        assert (answer.status, slug(answer)) == (503, "quote-unavailable")
        assert "retry-after" in answer.headers
        provider.alter = lambda quote: replace(quote, report_data=bytes(64))
        answer = await client.post("/v1/evidence", EVIDENCE)
        assert (answer.status, slug(answer)) == (502, "quote-mismatch")


async def test_with_tokens_each_request_needs_one() -> None:
    async with serving(tokens=(TOKEN,)) as client:
        data = witness(20, 23)
        for path in ("/", "/metrics", "/v1/prover", "/v1/openapi.json"):
            assert (await client.get(path)).status == 401
        assert (await client.prove(data)).status == 401
        assert (await client.post("/v1/evidence", EVIDENCE)).status == 401
        call = {"jsonrpc": "2.0", "id": 1, "method": "generateAttestationReport", "params": []}
        assert (await client.post("/", call)).status == 401
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert (await client.prove(data, headers=headers)).status == 200
        assert (await client.get("/healthz")).status == 200


async def test_without_tokens_only_this_machine_is_served() -> None:
    for given in ({"host": "0.0.0.0"}, {"tokens": ("short",)}):  # noqa: S104 - refused
        with pytest.raises(InputError):
            TeeProver(TeeProverOptions(**given), Enclave(FakeProvider()))
    async with serving() as client:
        answer = await client.get("/v1/prover", headers={"Host": "evil.example"})
        assert answer.status == 421


async def test_a_stop_lets_a_run_end_and_stops_what_waits() -> None:
    enclave = GatedEnclave()
    statuses: dict[str, int] = {}

    async def ask(client: TeeClient, name: str, data: bytes) -> None:
        statuses[name] = (await client.prove(data)).status

    async with serving(enclave=enclave) as client:
        running = asyncio.create_task(ask(client, "running", witness(20, 22)))

        async def started() -> bool:
            return enclave.runs == 1

        await until(started)
        waiting = asyncio.create_task(ask(client, "waiting", witness(20, 23)))

        async def queued() -> bool:
            return await client.metric("coprove_tee_prover_tasks") == 2

        await until(queued)
        stopping = asyncio.create_task(client.prover.service.desk.stop())
        await waiting
        assert statuses == {"waiting": 503}
        assert (await client.prove(witness(20, 21))).status == 503
        enclave.gate.set()
        await running
        await stopping
    assert statuses["running"] == 200


async def test_a_run_that_takes_too_long_for_a_stop_ends_between_two_blocks() -> None:
    enclave = GatedEnclave()
    async with serving(enclave=enclave, stop_timeout=0.01) as client:
        asked = asyncio.create_task(client.prove(witness(20, 23)))

        async def started() -> bool:
            return enclave.runs == 1

        await until(started)
        stopping = asyncio.create_task(client.prover.service.desk.stop())

        async def told() -> bool:
            return client.prover.service.desk.is_stopping

        await until(told)
        enclave.gate.set()
        answer = await asked
        assert (answer.status, slug(answer)) == (503, "stopped")
        await stopping


async def test_the_document_tells_of_both_bodies_and_every_problem_has_a_status() -> None:
    async with serving() as client:
        document = (await client.get("/v1/openapi.json")).json
    assert set(document["paths"]) == {
        "/v1/proofs",
        "/v1/proofs/{digest}",
        "/v1/prover",
        "/v1/evidence",
    }
    body = document["paths"]["/v1/proofs"]["post"]["requestBody"]["content"]
    assert "application/octet-stream" in body
    assert {kind.status for kind in PROBLEMS.values()} <= {
        400, 403, 404, 408, 413, 415, 422, 429, 500, 502, 503,
    }  # fmt: skip


async def test_two_processes_have_two_keys() -> None:
    """What stands for a restart: whoever registered the old key must register the new one."""
    addresses: set[Any] = set()
    for _ in range(2):
        async with serving() as client:
            addresses.add((await client.get("/v1/prover")).json["prover"])
    assert len(addresses) == 2
    assert all(Address.from_hex(address) for address in addresses)
