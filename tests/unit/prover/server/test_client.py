"""Our client drives a server that answers as op-succinct's Rust one does, and our own."""

from __future__ import annotations

import asyncio
import base64
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from coprove.errors import InputError
from coprove.program import AggregationInput
from coprove.prover import (
    AggregationJob,
    AmbiguousSubmissionError,
    Execution,
    Fulfillment,
    ProofRefusedError,
    ProverUnavailableError,
    RangeJob,
    UnknownProofError,
)
from coprove.prover.errors import ProofFormatError, ProofNotReadyError
from coprove.prover.server.client import ServerBackend, ServerClientOptions
from coprove.types import BlockRange, BootInfo, Hash32
from tests.unit.prover.server.lab import RECORDING, FakeBackend, open_server, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

CLAIM = BootInfo(
    l1_head=Hash32(b"\x01" * 32),
    l2_pre_root=Hash32(b"\x02" * 32),
    l2_post_root=Hash32(b"\x03" * 32),
    l2_block_number=14,
    rollup_config_hash=Hash32(b"\x04" * 32),
)


def range_job(key: str = "range 1", start: int = 10, end: int = 14) -> RangeJob:
    return RangeJob(
        key=key,
        blocks=BlockRange(start=start, end=end),
        input_path=RECORDING.path,
        boot_info=CLAIM,
    )


def aggregation_job(proofs: tuple[bytes, ...], key: str = "aggregation 1") -> AggregationJob:
    return AggregationJob(
        key=key,
        blocks=BlockRange(start=10, end=18),
        given=AggregationInput(
            boot_infos=(CLAIM,) * len(proofs),
            l1_headers=(),
            checkpoint_l1_head=Hash32(b"\xaa" * 32),
            range_vkey_commitment=Hash32(b"\x11" * 32),
        ),
        subproofs=proofs,
    )


class Intents:
    """An IntentLog in memory."""

    def __init__(self) -> None:
        """Empty."""
        self.notes: dict[str, dict[str, str | int]] = {}

    async def note(self, key: str, values: Mapping[str, str | int]) -> None:
        self.notes.setdefault(key, {}).update(values)

    async def read(self, key: str) -> dict[str, str | int]:
        return dict(self.notes.get(key, {}))


class RustServer:
    """Answers as proposer/succinct/bin/server.rs does: axum and serde, written out by hand."""

    def __init__(self) -> None:
        """Nothing requested yet."""
        self.requests: list[tuple[str, Any, dict[str, str]]] = []
        self.states: dict[str, tuple[int, int, bytes]] = {}
        self.override: web.Response | None = None
        self.drop = False
        self.url = ""

    async def request(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.path, body, headers))
        if self.drop:
            assert request.transport is not None
            request.transport.close()
        if self.override is not None:
            return self.override
        if "mock" in request.path:
            return self.answer(3, 0, b"mock proof" if "span" in request.path else b"")
        proof_id = bytes([len(self.requests)]) * 32
        self.states[proof_id.hex()] = (1, 1, b"")
        numbers = ",".join(map(str, proof_id))
        return web.Response(
            text=f'{{"proof_id":[{numbers}]}}', headers={"content-type": "application/json"}
        )

    async def status(self, request: web.Request) -> web.Response:
        if self.override is not None:
            return self.override
        state = self.states.get(request.match_info["proof_id"])
        return self.answer(0, 0, b"", 500) if state is None else self.answer(*state)

    @staticmethod
    def answer(fulfillment: int, execution: int, proof: bytes, code: int = 200) -> web.Response:
        numbers = ",".join(map(str, proof))
        return web.Response(
            text=f'{{"fulfillment_status":{fulfillment},"execution_status":{execution},'
            f'"proof":[{numbers}]}}',
            status=code,
            headers={"content-type": "application/json"},
        )


@pytest.fixture
async def rust() -> AsyncIterator[RustServer]:
    server = RustServer()
    app = web.Application(client_max_size=1 << 30)
    for name in ("span", "agg", "mock_span", "mock_agg"):
        app.router.add_post(f"/request_{name}_proof", server.request)
    app.router.add_get("/status/{proof_id}", server.status)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@asynccontextmanager
async def client_of(url: str, folder: Path, **options: Any) -> AsyncIterator[ServerBackend]:
    backend = ServerBackend(ServerClientOptions(url=url, **options), spool=folder)
    try:
        yield backend
    finally:
        await backend.close()


async def test_a_range_and_an_aggregation_go_through_the_rust_server(
    rust: RustServer, tmp_path: Path
) -> None:
    intents = Intents()
    async with client_of(rust.url, tmp_path) as client:
        proof_id = await client.submit(range_job(), intents)
        path, body, headers = rust.requests[0]
        assert (path, body) == ("/request_span_proof", {"start": 10, "end": 14})
        assert headers["content-type"] == "application/json"
        status = await client.status(proof_id)
        assert (status.fulfillment, status.execution) == (
            Fulfillment.REQUESTED,
            Execution.UNEXECUTED,
        )
        with pytest.raises(ProofNotReadyError):
            await client.proof(proof_id)
        rust.states[proof_id.hex()] = (3, 2, b"\x00proof\xff")
        assert (await client.status(proof_id)).fulfillment is Fulfillment.FULFILLED
        assert await client.proof(proof_id) == b"\x00proof\xff"
        assert await client.find("range 1", intents) == proof_id
        proofs = (b"\x00proof\xff", bytes(range(256)) * 5000, b"")
        await client.submit(aggregation_job(proofs), intents)
        path, body, headers = rust.requests[1]
        assert path == "/request_agg_proof"
        assert list(body) == ["subproofs", "head"]
        assert tuple(base64.b64decode(item) for item in body["subproofs"]) == proofs
        assert body["head"] == "0x" + "aa" * 32
        assert int(headers["content-length"]) > 1_700_000
        await client.cancel(proof_id)


async def test_unfulfillable_is_told_as_it_is(rust: RustServer, tmp_path: Path) -> None:
    async with client_of(rust.url, tmp_path) as client:
        proof_id = await client.submit(range_job(), Intents())
        rust.states[proof_id.hex()] = (4, 3, b"")
        status = await client.status(proof_id)
        assert (status.fulfillment, status.execution) == (
            Fulfillment.UNFULFILLABLE,
            Execution.UNEXECUTABLE,
        )


async def test_mock_proofs_are_there_at_once_and_after_a_restart(
    rust: RustServer, tmp_path: Path
) -> None:
    async with client_of(rust.url, tmp_path, mock=True) as client:
        assert client.is_simulated
        span = await client.submit(range_job(), Intents())
        aggregation = await client.submit(aggregation_job((b"mock proof",)), Intents())
    assert [path for path, _, _ in rust.requests] == [
        "/request_mock_span_proof",
        "/request_mock_agg_proof",
    ]
    async with client_of(rust.url, tmp_path, mock=True) as client:
        assert (await client.status(span)).fulfillment is Fulfillment.FULFILLED
        assert await client.proof(span) == b"mock proof"
        assert await client.proof(aggregation) == b""


async def test_a_lost_answer_is_open_until_the_server_must_have_given_up(
    rust: RustServer, tmp_path: Path
) -> None:
    """The Rust server cannot be asked, so the request is not made again before."""
    intents = Intents()
    rust.drop = True
    async with client_of(rust.url, tmp_path) as client:
        with pytest.raises(AmbiguousSubmissionError):
            await client.submit(range_job(), intents)
        with pytest.raises(ProverUnavailableError, match="cannot tell"):
            await client.find("range 1", intents)
    async with client_of(rust.url, tmp_path, lost_after=0.0) as client:
        assert await client.find("range 1", intents) is None
    assert len(rust.requests) == 1


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (500, "Failed to request proof", ProverUnavailableError),
        (503, "", ProverUnavailableError),
        (422, "missing field", ProofRefusedError),
        (413, "length limit exceeded", ProofRefusedError),
        (302, "", ProverUnavailableError),
    ],
)
async def test_a_refusal_is_certain(
    status: int, text: str, error: type[Exception], rust: RustServer, tmp_path: Path
) -> None:
    """What was answered with an error was not requested."""
    intents = Intents()
    rust.override = web.Response(status=status, text=text, headers={"location": "http://x"})
    async with client_of(rust.url, tmp_path) as client:
        with pytest.raises(error, match=f"HTTP {status}"):
            await client.submit(range_job(), intents)
        assert await client.find("range 1", intents) is None


async def test_a_server_that_is_not_there_was_asked_nothing(tmp_path: Path) -> None:
    intents = Intents()
    async with client_of("http://127.0.0.1:9", tmp_path) as client:
        with pytest.raises(ProverUnavailableError):
            await client.submit(range_job(), intents)
        assert await client.find("range 1", intents) is None
        with pytest.raises(ProverUnavailableError):
            await client.status(b"\x01")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"proof_id":"abcd"}',
        '{"proof_id":[256]}',
        '{"proof_id":[1.0]}',
        '{"proof_id":[true]}',
        '{"proof_id":[]}',
        '{"proof_id":[' + ",".join("1" * 65) + "]}",
    ],
)
async def test_a_strange_answer_to_a_request_leaves_it_open(
    text: str, rust: RustServer, tmp_path: Path
) -> None:
    """It may have been accepted all the same."""
    rust.override = web.Response(text=text)
    async with client_of(rust.url, tmp_path) as client:
        with pytest.raises(AmbiguousSubmissionError):
            await client.submit(range_job(), Intents())


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"fulfillment_status":9,"execution_status":0,"proof":[]}',
        '{"fulfillment_status":3,"execution_status":"2","proof":[]}',
        '{"fulfillment_status":true,"execution_status":2,"proof":[]}',
        '{"fulfillment_status":3,"execution_status":2,"proof":"AAAA"}',
        '{"fulfillment_status":3,"execution_status":2,"proof":[-1]}',
        "[" * 1000,
    ],
)
async def test_a_strange_status_is_refused(text: str, rust: RustServer, tmp_path: Path) -> None:
    rust.override = web.Response(text=text)
    async with client_of(rust.url, tmp_path) as client:
        with pytest.raises(ProofFormatError):
            await client.status(b"\x01" * 32)


async def test_an_endless_answer_is_cut_off(rust: RustServer, tmp_path: Path) -> None:
    rust.override = web.Response(body=b" " * 2000)
    async with client_of(rust.url, tmp_path, max_answer_bytes=1000) as client:
        with pytest.raises(ProofFormatError, match="at most 1000"):
            await client.status(b"\x01" * 32)


async def test_a_failing_network_behind_the_server_is_asked_again(
    rust: RustServer, tmp_path: Path
) -> None:
    """The Rust server says 500 for an unknown proof too: nothing can be concluded."""
    async with client_of(rust.url, tmp_path) as client:
        with pytest.raises(ProverUnavailableError):
            await client.status(b"\x01" * 32)


async def test_our_own_server_knows_what_became_of_a_lost_answer(tmp_path: Path) -> None:
    backend, intents = FakeBackend(), Intents()
    token = "for the tests alone"  # noqa: S105 - opens nothing
    async with (
        open_server(tmp_path / "server", backend, tokens=(token,)) as server,
        client_of(server.url, tmp_path / "spool", token=token) as client,
    ):
        job = range_job("proposer/1")
        await intents.note(job.key, {"server_asked_at": 1})
        assert await client.find(job.key, intents) is None
        backend.gate = asyncio.Event()
        submitting = asyncio.create_task(client.submit(job, Intents()))
        await until(lambda: asyncio.sleep(0, backend.submissions))
        with pytest.raises(ProverUnavailableError, match="submitting"):
            await client.find(job.key, intents)
        backend.gate.set()
        proof_id = await submitting
        assert await client.find(job.key, intents) == proof_id
        await until(lambda: _fulfilled(client, proof_id))
        assert await client.proof(proof_id) == backend.proofs[proof_id]
        with pytest.raises(UnknownProofError):
            await client.status(b"\x01" * 32)
    assert len(backend.submissions) == 1


async def _fulfilled(client: ServerBackend, proof_id: bytes) -> bool:
    return (await client.status(proof_id)).fulfillment is Fulfillment.FULFILLED


async def test_our_own_server_cancels(tmp_path: Path) -> None:
    backend = FakeBackend(at_once=False)
    async with (
        open_server(tmp_path / "server", backend) as server,
        client_of(server.url, tmp_path / "spool") as client,
    ):
        proof_id = await client.submit(range_job(), Intents())
        await client.cancel(proof_id)
        await until(lambda: asyncio.sleep(0, backend.cancelled))
        await client.cancel(proof_id)
    assert backend.cancelled == [proof_id]


async def test_a_token_in_the_url_is_sent_and_never_shown(tmp_path: Path) -> None:
    """As an operator of the Go proposer would give it."""
    token = "very-secret-token"  # noqa: S105 - opens nothing
    async with open_server(tmp_path / "server", FakeBackend(), tokens=(token,)) as server:
        url = server.url.replace("http://", f"http://any:{token}@")
        async with client_of(url, tmp_path / "spool") as client:
            assert await client.submit(range_job(), Intents())
        assert token not in repr(ServerClientOptions(url=url, token=token))
        async with client_of(server.url, tmp_path / "spool") as client:
            with pytest.raises(ProofRefusedError, match="401") as caught:
                await client.submit(range_job("other"), Intents())
            assert token not in str(caught.value)


def test_a_url_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="http://"):
        ServerBackend(ServerClientOptions(url="ftp://x"), spool=tmp_path)


async def test_a_job_that_failed_at_our_server_is_refused_for_good(tmp_path: Path) -> None:
    """Its key would give the same failure again; the proposer makes a new request."""
    async with (
        open_server(tmp_path / "server", FakeBackend()) as server,
        client_of(server.url, tmp_path / "spool") as client,
    ):
        with pytest.raises(ProofRefusedError, match="RecordingError"):
            await client.submit(range_job(start=100, end=5000), Intents())


def test_two_tokens_are_one_too_many(tmp_path: Path) -> None:
    options = ServerClientOptions(url="http://a:b@127.0.0.1", token="c")  # noqa: S106 - opens nothing
    with pytest.raises(InputError, match="either"):
        ServerBackend(options, spool=tmp_path)
