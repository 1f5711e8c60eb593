"""An aggregator may answer with anything; an operator takes tasks and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from coprove.avs.bls import Signature
from coprove.avs.operator.aggregator_client import AggregatorClient, AggregatorOptions
from coprove.avs.operator.errors import AggregatorAnswerError, AggregatorUnreachableError
from coprove.avs.operator.protection import SlashingProtection
from coprove.avs.operator.session import BlsSession
from coprove.avs.operator.signing import ProtectedSigner
from coprove.avs.tasks import (
    REFUSALS,
    Handshake,
    Refusal,
    RefusedError,
    SessionScope,
    Submission,
    refusal_text,
)
from coprove.errors import InputError
from coprove.types import Address, Hash32
from tests.unit.avs.operator.aggregators import FakeAggregator, refused, task_answer
from tests.unit.avs.operator.parts import KEY, SCOPE, poe_of, task_of

if TYPE_CHECKING:
    from pathlib import Path


def client_of(server: FakeAggregator) -> AggregatorClient:
    return AggregatorClient(AggregatorOptions(url=server.url))


def submission() -> Submission:
    task = task_of()
    return Submission(
        header=task.header(poe_of(task).encode()),
        quorums=task.quorums,
        thresholds=task.thresholds,
        signature=(1, 2),
        operator_id=Hash32(b"\x01" * 32),
        prover_signature=bytes(65),
    )


async def test_a_task_is_fetched_as_operators_of_the_avs_ask() -> None:
    """The member names of the public interface; a task comes as it was issued."""
    task = task_of(number=7)
    async with (
        FakeAggregator(answers={"aggregator_fetchTask": [task_answer(task)]}) as server,
        client_of(server) as client,
    ):
        assert await client.fetch_task(6, 90.0) == task
        assert server.of("aggregator_fetchTask") == [
            {"prev_task_id": 6, "task_type": 3, "max_wait_secs": 30, "with_context": False}
        ]


async def test_no_task_is_none() -> None:
    """An answer that is not ok."""
    async with (
        FakeAggregator(answers={"aggregator_fetchTask": [{"result": {"ok": False}}]}) as server,
        client_of(server) as client,
    ):
        assert await client.fetch_task(0, 0.0) is None


@pytest.mark.parametrize(
    "change",
    [
        {"task_id": 6},
        {"task_id": -1},
        {"task_id": "7"},
        {"task_type": 2},
        {"ext": None},
        {"ext": {}},
        {"ext": {"start_block": "0x0"}},
        {"ext": {"task_key": "0x" + "00" * 32}},
        {"ext": {"quorum_numbers": "0x0000"}},
        {"ext": {"l1_head": "0x12"}},
    ],
)
async def test_another_shape_is_no_task(change: dict[str, Any]) -> None:
    """Each with an error that names what was expected."""
    answer = task_answer(task_of(number=7))["result"]
    ext = change.get("ext", {})
    given = {**answer, **change, "ext": {**answer["ext"], **ext} if ext else ext}
    if "ext" not in change:
        given["ext"] = answer["ext"]
    async with (
        FakeAggregator(answers={"aggregator_fetchTask": [{"result": given}]}) as server,
        client_of(server) as client,
    ):
        with pytest.raises(AggregatorAnswerError):
            await client.fetch_task(6, 0.0)


@pytest.mark.parametrize("refusal", list(Refusal))
async def test_a_refusal_says_why(refusal: Refusal) -> None:
    """Every code of the wire comes back as its name."""
    async with (
        FakeAggregator(answers={"aggregator_submitTask": [refused(refusal)]}) as server,
        client_of(server) as client,
    ):
        with pytest.raises(RefusedError) as error:
            await client.submit(submission())
        assert error.value.refusal is refusal
        assert REFUSALS[refusal].text in str(error.value)


async def test_a_refusal_reads_as_it_was_said() -> None:
    """What our aggregator expected and got are apart again, however they are worded."""
    said = RefusedError(Refusal.EQUIVOCATION, expected="one state, got none", actual="a second one")
    failure = {"error": {"code": REFUSALS[said.refusal].code, "message": refusal_text(said)}}
    async with (
        FakeAggregator(answers={"aggregator_submitTask": [failure]}) as server,
        client_of(server) as client,
    ):
        with pytest.raises(RefusedError) as error:
            await client.submit(submission())
        assert str(error.value) == str(said)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (web.Response(status=503, text="down"), AggregatorUnreachableError),
        (web.Response(status=429, text="slow down"), AggregatorUnreachableError),
        (web.Response(status=200, text="<html>"), AggregatorAnswerError),
        (web.Response(status=302), AggregatorAnswerError),
        ({"error": {"code": -32601, "message": "no such method"}}, AggregatorAnswerError),
        ({"error": "text"}, AggregatorAnswerError),
        ({}, AggregatorAnswerError),
    ],
    ids=["503", "429", "html", "redirect", "method", "error text", "nothing"],
)
async def test_what_is_no_answer(answer: Any, expected: type[Exception]) -> None:
    """What may pass is Temporary, anything else is not."""
    async with (
        FakeAggregator(answers={"aggregator_submitTask": [answer]}) as server,
        client_of(server) as client,
    ):
        with pytest.raises(expected):
            await client.submit(submission())


async def test_a_long_answer_is_not_read() -> None:
    """Beyond the limit the connection ends."""
    long = web.Response(body=b"x" * 5000)
    async with FakeAggregator(answers={"aggregator_submitTask": [long]}) as server:
        options = AggregatorOptions(url=server.url, max_answer_bytes=1000)
        async with AggregatorClient(options) as client:
            with pytest.raises(AggregatorAnswerError):
                await client.submit(submission())


async def test_nobody_there_is_temporary() -> None:
    """A port that nobody listens on."""
    async with FakeAggregator() as server:
        url = server.url
    async with AggregatorClient(AggregatorOptions(url=url)) as client:
        with pytest.raises(AggregatorUnreachableError):
            await client.fetch_task(0, 0.0)


def test_a_url_shows_no_secret() -> None:
    """Neither in the options' text nor in the error for a wrong one."""
    assert "word" not in repr(AggregatorOptions(url="http://me:word@host"))
    with pytest.raises(InputError) as error:
        AggregatorOptions(url="ftp://me:word@host")
    assert "word" not in str(error.value)


async def test_a_session_is_opened_once_and_again_when_refused(tmp_path: Path) -> None:
    """The handshake verifies; its token goes with calls, and a refused one is replaced once."""
    scope = SessionScope(audience="http://agg", chain_id=900, service_manager=Address(b"\x5e" * 20))
    sessions: list[Any] = [
        {"token": "first", "expires_at": 10_000},
        {"token": "second", "expires_at": 10_000},
    ]
    answers: dict[str, list[Any]] = {
        "aggregator_submitMetrics": [
            {"result": None},
            {"result": None},
            refused(Refusal.UNAUTHORIZED),
            {"result": None},
        ]
    }
    with SlashingProtection(tmp_path / "signed.sqlite", SCOPE) as protection:
        signer = ProtectedSigner(KEY, protection, now=lambda: 1000.0)
        session = BlsSession(signer, scope, now=lambda: 1000.0)
        async with (
            FakeAggregator(answers=answers, sessions=sessions) as server,
            AggregatorClient(AggregatorOptions(url=server.url), session) as client,
        ):
            for _ in range(3):
                await client.submit_metrics("me", [])
            tokens = [token for _, _, token in server.calls]
            handshake = Handshake.from_json(server.handshakes[0])
    assert tokens == ["Bearer first"] * 3 + ["Bearer second"]
    assert (handshake.time, handshake.audience) == (1000, "http://agg")
    digest = scope.digest(KEY.public_key.operator_id, 1000)
    assert Signature.from_coordinates(*handshake.signature).verify(KEY.public_key.g2, digest)


async def test_json_rpc_alone_suffices(tmp_path: Path) -> None:
    """An aggregator without sessions, or one that takes no handshake, is spoken to without."""
    for answer in (None, web.Response(status=401, text="clock")):
        scope = SessionScope(
            audience="http://agg", chain_id=900, service_manager=Address(bytes(20))
        )
        with SlashingProtection(tmp_path / "signed.sqlite", SCOPE) as protection:
            session = BlsSession(ProtectedSigner(KEY, protection), scope)
            sessions: list[Any] = [] if answer is None else [answer]
            async with (
                FakeAggregator(sessions=sessions) as server,
                AggregatorClient(AggregatorOptions(url=server.url), session) as client,
            ):
                await client.submit_metrics("me", [])
                await client.submit_metrics("me", [])
                assert [token for _, _, token in server.calls] == [None, None]
                assert len(server.handshakes) == 1
