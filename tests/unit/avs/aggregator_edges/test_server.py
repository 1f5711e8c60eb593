"""The server's two APIs: what operators get, what strangers do not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.avs.aggregator.server import (
    AggregatorPorts,
    AggregatorServer,
    AggregatorServerOptions,
    Health,
)
from coprove.avs.aggregator.server.desk import Caller
from coprove.avs.bls import SecretKey, Signature
from coprove.avs.tasks import REFUSALS, AvsTask, Refusal, RefusedError, Submission
from coprove.errors import InputError
from coprove.rpc import RpcTimeoutError
from coprove.storage import (
    AvsEvidenceKind,
    AvsTaskState,
    StoredEvidence,
    StoredSignature,
    StoredTask,
)
from tests.unit.avs.aggregator_edges.chain import MANAGER, operator
from tests.unit.avs.aggregator_edges.server_lab import Lab, serving, submission, task

FIRST = operator(1)[1].public_key.operator_id
SECOND = operator(2)[1].public_key.operator_id


def fetch(prev: int = 0, kind: int = 3, wait: int = 0) -> dict[str, Any]:
    return {"prev_task_id": prev, "task_type": kind, "max_wait_secs": wait, "with_context": False}


# JSON-RPC


async def test_a_task_is_fetched_and_a_state_submitted() -> None:
    """With the members, types and null result that Go's client reads."""
    async with serving() as lab:
        await lab.engine.issue(task(1), task(2))
        answer = await lab.call("aggregator_fetchTask", fetch())
        found = answer["result"]
        assert (found["ok"], found["task_id"], found["task_type"]) == (True, 1, 3)
        assert AvsTask.from_ext(1, found["ext"]) == task(1)
        after = await lab.call("aggregator_fetchTask", fetch(prev=1))
        assert after["result"]["task_id"] == 2
        given = submission(1, task(1))
        answer = await lab.call("aggregator_submitTask", given.to_json())
        assert answer == {"jsonrpc": "2.0", "id": 1, "result": None}
        assert lab.engine.taken == [(given, False)]


async def test_without_a_task_the_answer_is_not_ok_and_has_number_zero() -> None:
    async with serving() as lab:
        answer = await lab.call("aggregator_fetchTask", fetch())
        expected = {"ok": False, "task_id": 0, "task_type": 0, "ext": None}
        assert answer["result"] == expected
        scroll = await lab.call("aggregator_fetchTask", fetch(kind=1))
        assert scroll["result"] == expected


async def test_a_poll_ends_with_the_task_that_comes() -> None:
    async with serving() as lab:
        poll = asyncio.create_task(lab.call("aggregator_fetchTask", fetch(wait=30)))
        await lab.engine.asked(1)
        await lab.engine.issue(task(1))
        assert (await poll)["result"]["task_id"] == 1


async def test_a_poll_waits_thirty_seconds_at_most_and_never_less_than_none() -> None:
    """Older operators ask for a hundred."""
    async with serving() as lab:
        await lab.engine.issue(task(1))
        for wait in (100, -5):
            await lab.call("aggregator_fetchTask", fetch(wait=wait))
        assert lab.engine.waits == [30, 0]


async def test_every_refusal_is_a_real_error_with_its_code() -> None:
    """In JSON-RPC its code, in the typed API its status; where it may pass, when to come back."""
    async with serving() as lab:
        given, token = submission(1, task(1)).to_json(), await lab.token()
        for refusal, known in REFUSALS.items():
            lab.engine.refusal = RefusedError(refusal, expected="this", actual="that")
            error = (await lab.call("aggregator_submitTask", given))["error"]
            assert error["code"] == known.code
            assert error["message"].startswith(known.text)
            assert "this" in error["message"]
            status, body, headers = await lab.send("POST", "/v1/submissions", given, token=token)
            assert (status, body["code"]) == (known.status, known.code)
            assert body["type"] == f"urn:coprove:problem:{refusal.value}"
            assert ("Retry-After" in headers) == known.retry


async def test_a_slow_l1_is_busy_and_a_defect_says_nothing() -> None:
    async with serving() as lab:
        given = submission(1, task(1)).to_json()
        lab.engine.refusal = RpcTimeoutError("https://l1.example/secret-key: 30 s")
        answer = await lab.call("aggregator_submitTask", given)
        assert answer["error"]["code"] == REFUSALS[Refusal.BUSY].code
        assert "secret" not in json.dumps(answer)
        lab.engine.refusal = ZeroDivisionError("secret")
        answer = await lab.call("aggregator_submitTask", given)
        assert answer["error"] == {"code": -32603, "message": "internal error"}


async def test_what_is_no_submission_never_reaches_the_engine() -> None:
    async with serving() as lab:
        good = submission(1, task(1)).to_json()
        wrong: list[Any] = [None, [], {}, {**good, "OperatorId": [1] * 31}, {**good, "Task": 1}]
        for given in wrong:
            answer = await lab.call("aggregator_submitTask", given)
            assert answer["error"]["code"] == REFUSALS[Refusal.MALFORMED].code
        assert lab.engine.taken == []


async def test_what_is_no_call_has_json_rpcs_own_errors() -> None:
    async with serving() as lab:
        cases: list[tuple[Any, int]] = [
            (b"{", -32700),
            (b"[" * 1000, -32700),
            (b"\xff\xfe", -32700),
            ({"jsonrpc": "2.0", "id": 1}, -32600),
            ([], -32600),
            ([{"jsonrpc": "2.0", "method": "x", "id": 1}] * 17, -32600),
            ({"jsonrpc": "2.0", "id": 1, "method": "aggregator_other"}, -32601),
            ({"jsonrpc": "2.0", "id": 1, "method": "aggregator_fetchTask"}, -32602),
        ]
        for body, code in cases:
            status, answer, _ = await lab.send("POST", "/", body)
            assert (status, answer["error"]["code"]) == (200, code)
        status, _, _ = await lab.send("POST", "/", {}, headers={"Content-Type": "text/plain"})
        assert status == 415


async def test_calls_in_a_list_do_not_wait_and_notifications_have_no_answer() -> None:
    async with serving() as lab:
        call = {"jsonrpc": "2.0", "method": "aggregator_fetchTask", "params": [fetch(wait=30)]}
        status, answers, _ = await lab.send("POST", "/", [{**call, "id": 1}, call])
        assert (status, [answer["id"] for answer in answers]) == (200, [1])
        assert lab.engine.waits == [0, 0]
        status, _, _ = await lab.send("POST", "/", [call])
        assert status == 204


async def test_long_bodies_are_refused() -> None:
    async with serving(max_body_bytes=2000, max_metrics_bytes=4000) as lab:
        status, answer, _ = await lab.send("POST", "/", b"1" * 4001)
        assert answer["error"]["code"] == REFUSALS[Refusal.TOO_LARGE].code
        token = await lab.token()
        status, _, _ = await lab.send("POST", "/v1/submissions", b"1" * 2001, token=token)
        assert status == 413


# Sessions


async def test_a_session_is_opened_by_a_signature_and_used_by_its_token() -> None:
    async with serving() as lab:
        await lab.engine.issue(task(1))
        token = await lab.token(1)
        status, found, _ = await lab.send("GET", "/v1/tasks?after=0&type=3&wait=0", token=token)
        assert (status, found["task_id"]) == (200, 1)
        given = submission(1, task(1))
        status, answer, _ = await lab.send("POST", "/v1/submissions", given.to_json(), token=token)
        assert (status, answer) == (200, {"accepted": True})
        answer = await lab.call("aggregator_submitTask", given.to_json(), token=token)
        assert answer["result"] is None
        assert lab.engine.taken == [(given, True)] * 2


async def test_a_session_speaks_for_its_own_operator_alone() -> None:
    async with serving() as lab:
        token = await lab.token(1)
        other = submission(2, task(1)).to_json()
        status, answer, _ = await lab.send("POST", "/v1/submissions", other, token=token)
        assert (status, answer["type"]) == (401, "urn:coprove:problem:unauthorized")
        assert lab.engine.taken == []


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"audience": "https://other.example"}, Refusal.UNAUTHORIZED),
        ({"time": 1_000}, Refusal.UNAUTHORIZED),
        ({"operator_id": operator(9)[1].public_key.operator_id}, Refusal.NOT_REGISTERED),
        ({"chain_id": 1}, Refusal.SIGNATURE),
        ({"service_manager": operator(5)[0]}, Refusal.SIGNATURE),
        ({"operator_id": SECOND}, Refusal.SIGNATURE),
    ],
)
async def test_a_handshake_for_something_else_opens_nothing(
    changes: dict[str, Any], refusal: Refusal
) -> None:
    """Another aggregator, time, chain, AVS, or another's name."""
    async with serving() as lab:
        body = lab.handshake(operator(1)[1], **changes)
        status, answer, _ = await lab.send("POST", "/v1/session", body)
        assert (status, answer["code"]) == (REFUSALS[refusal].status, REFUSALS[refusal].code)


async def test_a_handshake_opens_one_session() -> None:
    """Who overhears it opens no second one."""
    async with serving() as lab:
        body = lab.handshake(operator(1)[1])
        both = await asyncio.gather(*(lab.send("POST", "/v1/session", body) for _ in range(2)))
        assert sorted(status for status, _, _ in both) == [200, 401]


async def test_tokens_end_are_not_forged_and_end_with_the_registration() -> None:
    async with serving() as lab:
        token = await lab.token(1)

        async def status(shown: str | None) -> int:
            return (await lab.send("GET", "/v1/tasks", token=shown))[0]

        assert await status(token) == 200
        assert await status(None) == 401
        for forged in ("", "x", token[:-4] + "AAA=", "A" * 96, token[::-1], "é"):
            assert await status(forged) == 401
        lab.now += 3601
        assert await status(token) == 401
        lab.now -= 3601
        del lab.directory.operators[FIRST]
        assert await status(token) == 401


async def test_handshakes_are_limited_before_any_pairing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a stranger that signs for a registered operator, a few signatures are looked at."""
    looked: list[object] = []

    def verify(self: Signature, *given: object) -> bool:
        looked.append(given)
        return False

    monkeypatch.setattr(Signature, "verify", verify)
    stranger = SecretKey(b"\x01" * 31 + b"\x02")
    async with serving(handshakes_per_second=0.001, handshake_burst=3) as lab:
        answers = []
        for second in range(10):
            body = lab.handshake(stranger, operator_id=FIRST, time=int(lab.now) + second)
            answers.append((await lab.send("POST", "/v1/session", body))[0])
        assert answers == [403] * 3 + [429] * 7
        assert len(looked) == 3


async def test_a_stranger_reaches_no_pairing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it sends but a handshake in a registered operator's name."""

    def verify(*_: object) -> bool:
        raise AssertionError("a pairing")

    monkeypatch.setattr(Signature, "verify", verify)
    async with serving() as lab:
        unknown = lab.handshake(operator(9)[1])
        broken = {**lab.handshake(operator(1)[1]), "signature": {"g1_point": {"X": "1", "Y": "1"}}}
        late = lab.handshake(operator(1)[1], time=5)
        for body in (unknown, broken, late, {}):
            assert (await lab.send("POST", "/v1/session", body))[0] in (401, 403, 422)
        await lab.call("aggregator_submitTask", submission(9, task(1)).to_json())


# Limits


async def test_an_operator_has_a_rate_of_its_own_that_strangers_do_not_use_up() -> None:
    async with serving(operator_requests_per_second=0.001, operator_burst=3) as lab:
        given = submission(1, task(1)).to_json()
        codes = [
            (await lab.call("aggregator_submitTask", given)).get("error", {}).get("code", 0)
            for _ in range(5)
        ]
        assert codes == [0, 0, 0, 14444, 14444]
        token = await lab.token(1)
        assert "error" not in await lab.call("aggregator_submitTask", given, token=token)
        other = submission(2, task(1)).to_json()
        assert "error" not in await lab.call("aggregator_submitTask", other)


async def test_a_client_has_a_rate() -> None:
    async with serving(requests_per_second=0.001, burst=2) as lab:
        found = [(await lab.send("POST", "/", []))[0] for _ in range(4)]
        assert found == [200, 200, 429, 429]
        assert (await lab.send("GET", "/healthz"))[0] == 200


async def test_what_is_parsed_of_a_client_is_bounded() -> None:
    async with serving(bytes_per_second=1, bytes_burst=3000) as lab:
        body = json.dumps({"x": " " * 1000}).encode()
        codes = [(await lab.send("POST", "/", body))[1]["error"]["code"] for _ in range(4)]
        assert codes == [-32600, -32600, 14444, 14444]


async def test_polls_have_places_and_nobody_has_all() -> None:
    async with serving(client_polls=2, operator_polls=1) as lab:
        polls = [
            asyncio.create_task(lab.call("aggregator_fetchTask", fetch(wait=30))) for _ in range(2)
        ]
        await lab.engine.asked(2)
        answer = await lab.call("aggregator_fetchTask", fetch(wait=30))
        assert answer["error"]["code"] == 14444
        token = await lab.token(1)
        status, _, _ = await lab.send("GET", "/v1/tasks?wait=0", token=token)
        assert status == 200
        await lab.engine.issue(task(1))
        assert [answer["result"]["task_id"] for answer in await asyncio.gather(*polls)] == [1, 1]
        answer = await lab.call("aggregator_fetchTask", fetch(prev=1))
        assert "error" not in answer


async def test_a_stop_answers_polls() -> None:
    async with serving() as lab:
        poll = asyncio.create_task(lab.call("aggregator_fetchTask", fetch(wait=30)))
        await lab.engine.asked(1)
        await lab.server.close()
        assert (await poll)["result"]["ok"] is False


# Push


async def test_tasks_are_pushed_as_they_come() -> None:
    async with serving() as lab:
        await lab.engine.issue(task(1), task(2))
        headers = {"Authorization": f"Bearer {await lab.token(1)}", "Last-Event-ID": "1"}
        async with lab.http.get(f"{lab.server.url}/v1/tasks/stream", headers=headers) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")

            async def event() -> tuple[str, dict[str, Any]]:
                lines = [(await answer.content.readline()).decode().strip() for _ in range(4)]
                fields = dict(line.split(": ", 1) for line in lines if line)
                assert fields["event"] == "task"
                return fields["id"], json.loads(fields["data"])

            assert (await event())[0] == "2"
            await lab.engine.issue(task(3))
            name, data = await event()
            assert (name, AvsTask.from_ext(3, data["ext"])) == ("3", task(3))


async def test_a_stream_ends_with_its_session() -> None:
    async with serving() as lab:
        await lab.engine.issue(task(1))
        token = await lab.token(1)
        status, _, _ = await lab.send("GET", "/v1/tasks/stream")
        assert status == 401
        headers = {"Authorization": f"Bearer {token}"}
        async with lab.http.get(f"{lab.server.url}/v1/tasks/stream", headers=headers) as answer:
            await answer.content.readuntil(b"\n\n")
            lab.now += 3601
            await lab.engine.issue(task(2))
            rest = await answer.content.read()
            assert rest.count(b"event: task") <= 1


# Status and evidence


async def test_the_status_of_a_task_is_shown_to_operators() -> None:
    async with serving() as lab:
        key = task(1).key
        lab.records.tasks[key] = StoredTask(
            number=1, key=key, body="{}", state=AvsTaskState.OPEN, created_at=5
        )
        lab.records.signed.append(
            StoredSignature(
                task_number=1,
                operator_id=FIRST,
                state=b"",
                signature=bytes(64),
                prover_signature=bytes(65),
                accepted_at=1.0,
            )
        )
        token = await lab.token(2)
        status, found, _ = await lab.send("GET", f"/v1/tasks/{key.hex0x}", token=token)
        assert (status, found["state"], found["signers"]) == (200, "open", [FIRST.hex0x])
        status, _, _ = await lab.send("GET", f"/v1/tasks/{key.hex0x}")
        assert status == 401
        status, _, _ = await lab.send("GET", f"/v1/tasks/{task(2).key.hex0x}", token=token)
        assert status == 404


async def test_evidence_is_for_administrators() -> None:
    admin = "administrator's token"
    async with serving(admin_tokens=(admin,)) as lab:
        lab.records.kept.append(
            StoredEvidence(
                key=task(1).key,
                operator_id=FIRST,
                kind=AvsEvidenceKind.EQUIVOCATION,
                body='{"first": 1}',
                created_at=3.0,
            )
        )
        status, found, _ = await lab.send("GET", "/v1/evidence", token=admin)
        assert (status, found["evidence"][0]["evidence"]) == (200, {"first": 1})
        assert found["evidence"][0]["operator_id"] == FIRST.hex0x
        none = await lab.send("GET", f"/v1/evidence?task={task(2).key.hex0x}", token=admin)
        assert none[1] == {"evidence": []}
        for token in (None, await lab.token(1), "administrator's toke", ""):
            assert (await lab.send("GET", "/v1/evidence", token=token))[0] == 401


async def test_without_administrators_tokens_nobody_is_one() -> None:
    async with serving() as lab:
        for token in (None, "", "None"):
            assert (await lab.send("GET", "/v1/evidence", token=token))[0] == 401


# Probes and exposure


async def test_probes_say_what_is_so() -> None:
    async with serving() as lab:
        assert (await lab.send("GET", "/healthz"))[0] == 200
        assert (await lab.send("GET", "/readyz"))[0] == 200
        lab.health = Health(healthy=False, ready=False, parts={"registry": "no answer"})
        status, body, _ = await lab.send("GET", "/healthz")
        assert (status, body["parts"]) == (503, {"registry": "no answer"})
        assert (await lab.send("GET", "/readyz"))[0] == 503
        assert "coprove_avs_aggregator_up 0.0" in await lab.exposition()


async def test_metrics_are_not_for_strangers() -> None:
    admin = "administrator's token"
    async with serving(public=True, admin_tokens=(admin,)) as lab:
        assert (await lab.send("GET", "/metrics"))[0] == 401
        assert "coprove_avs_aggregator_up" in await lab.exposition(token=admin)


async def test_only_a_public_server_goes_by_other_names() -> None:
    named = {"Host": "avs.example"}
    async with serving() as lab:
        assert (await lab.send("POST", "/", [], headers=named))[0] == 421
    async with serving(public=True) as lab:
        assert (await lab.send("POST", "/", [], headers=named))[0] == 200


def test_strangers_come_only_when_it_was_said() -> None:
    """Beyond loopback, `public` must be set; tokens that anybody guesses are refused."""
    nothing: Any = None
    ports = AggregatorPorts(engine=nothing, directory=nothing, records=nothing, health=nothing)
    refused: list[dict[str, Any]] = [
        {"host": "0.0.0.0"},  # noqa: S104 - what is refused
        {"admin_tokens": ("short",)},
    ]
    for options in refused:
        with pytest.raises(InputError):
            AggregatorServer(
                AggregatorServerOptions(**options),
                ports,
                nothing,
                chain_id=1,
                service_manager=MANAGER,
            )


# Strangers' bodies

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@settings(max_examples=15)
@given(
    calls=st.lists(
        json_values
        | st.fixed_dictionaries(
            {
                "jsonrpc": st.just("2.0"),
                "id": json_values,
                "method": st.sampled_from(
                    ["aggregator_fetchTask", "aggregator_submitTask", "aggregator_submitMetrics"]
                ),
                "params": json_values | st.lists(json_values, max_size=1),
            }
        ),
        max_size=4,
    )
)
def test_whatever_is_called_is_answered(calls: list[Any]) -> None:
    """Each with a result or an error, never with a defect."""

    async def run() -> None:
        async with serving() as lab:
            status, answers, _ = await lab.send("POST", "/", calls)
            assert status in (200, 204)
            for answer in answers if isinstance(answers, list) else []:
                assert ("result" in answer) != ("error" in answer)
                assert answer.get("error", {}).get("code") != -32603
            assert all(isinstance(found, Submission) for found, _ in lab.engine.taken)

    asyncio.run(run())


def test_a_caller_is_named_by_its_session() -> None:
    assert Caller(address="127.0.0.1").name == "127.0.0.1"
    assert Caller(address="127.0.0.1", operator=FIRST).name == FIRST.hex0x


async def test_metrics_are_pushed_by_those_who_may() -> None:
    """Sessions push for themselves; without one, whoever names a registered account."""
    account, _ = operator(1)
    family = {
        "name": "avs_operator_latest_task_gauge",
        "help": "latest",
        "type": 1,
        "metric": [{"label": [{"name": "type", "value": "scroll"}], "gauge": {"value": 7}}],
    }

    async def push(lab: Lab, name: str, token: str | None = None) -> int:
        given = {"name": name, "metrics": [family]}
        answer = await lab.call("aggregator_submitMetrics", given, token=token)
        return int(answer.get("error", {}).get("code", 0))

    async with serving() as lab:
        label = f"{account.hex0x}_v0.4.1"
        assert await push(lab, label) == 0
        line = f'avs_operator_latest_task_gauge{{operator="{label}",type="scroll"}} 7.0'
        assert line in await lab.exposition()
        assert await push(lab, operator(9)[0].hex0x) == REFUSALS[Refusal.NOT_REGISTERED].code
        assert await push(lab, "anything") == REFUSALS[Refusal.NOT_REGISTERED].code
        token = await lab.token(1)
        assert await push(lab, "anything", token) == 0
        assert await push(lab, label) == REFUSALS[Refusal.UNAUTHORIZED].code
        text = await lab.exposition()
        assert text.count("avs_operator_latest_task_gauge{") == 1
        assert f'operator="{account.hex0x}"' in text
        status, _, _ = await lab.send(
            "POST", "/v1/metrics", {"name": label, "metrics": None}, token=token
        )
        assert status == 204
        assert "avs_operator_latest_task_gauge{" not in await lab.exposition()
