"""The public prover's JSON-RPC: an operator that speaks to it works with this one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.errors import CoproveError
from coprove.primitives import keccak256
from coprove.prover.tee.enclave import QuoteUnavailableError, recover_prover
from coprove.prover.tee.host.errors import BatchError, ContextError, ParamsError
from coprove.prover.tee.host.rpc import CODES
from coprove.prover.tee.host.rpc_params import (
    ProveTask,
    hash_param,
    hex_param,
    inclusive_range,
    number_param,
    positional,
    witness_of_pob,
)
from coprove.types import BlockRange, Hash32
from tests.unit.prover.server.lab import until
from tests.unit.prover.tee.host_lab import RecordedMaker, rpc_error, serving
from tests.unit.prover.tee.lab import FakeProvider, digest_of, recorded_root, witness
from tests.unit.prover.tee.test_api import GatedEnclave

if TYPE_CHECKING:
    from tests.unit.prover.tee.host_lab import TeeClient

OP_STACK = 3
ZERO = "0x" + "00" * 32


def context(data: bytes) -> dict[str, Any]:
    """A context as the AVS's client passes it on."""
    return {"pob": [], "interning": f"0x{data.hex()}", "hash": digest_of(data).hex0x}


def task(data: bytes, **changes: Any) -> dict[str, Any]:
    """Parameters of prover_proveTask as the AVS's Go client writes them for a Linea task."""
    return {
        "pob_hash": digest_of(data).hex0x,
        "from": "0x" + "0e" * 20,
        "task_type": OP_STACK,
        "starting_state_root": ZERO,
        "final_state_root": ZERO,
    } | changes


async def put(client: TeeClient, data: bytes) -> None:
    """Lock and upload, as the Go client does."""
    assert await client.call("da_tryLock", digest_of(data).hex0x) == "Locked"
    assert await client.call("da_putPob", context(data)) is None


async def test_an_operators_way_from_context_to_signed_poe() -> None:
    """Metadata, context, lock, upload, proof: the order of the AVS's client."""
    maker = RecordedMaker()
    async with serving() as prover, serving(maker=maker) as helper:
        metadata = await prover.call("prover_metadata")
        assert metadata["with_context"] is True
        assert metadata["task_with_context"] == {"3": True}
        assert metadata["version"].startswith("coprove-")
        assert (await helper.call("prover_metadata"))["with_context"] is False
        found = await helper.call("prover_genContext", 21, 23, OP_STACK)
        assert maker.collected == [BlockRange(start=20, end=23)]
        data = witness(20, 23)
        assert found == context(data)
        assert await prover.call("da_tryLock", found["hash"]) == "Locked"
        assert await prover.call("da_tryLock", found["hash"]) == "Failed"
        assert await prover.call("da_putPob", found) is None
        assert await prover.call("da_tryLock", found["hash"]) == "Exist"
        roots = {
            "starting_state_root": recorded_root(20).hex0x,
            "final_state_root": recorded_root(23).hex0x,
        }
        answer = await prover.call("prover_proveTask", task(data, start=21, end=23, **roots))
        assert answer["not_ready"] is False
        assert (answer["batch_id"], answer["start_block"], answer["end_block"]) == (0, 21, 23)
        poe = answer["poe"]
        assert poe["prev_state_root"] == recorded_root(20).hex0x
        assert poe["new_state_root"] == recorded_root(23).hex0x
        assert poe["signature"] == "0x" + "00" * 65
        order = (
            "batch_hash", "state_hash", "prev_state_root", "new_state_root", "withdrawal_root",
        )  # fmt: skip
        digest = Hash32(keccak256(b"".join(bytes.fromhex(poe[name][2:]) for name in order)))
        key = recover_prover(digest, bytes.fromhex(answer["poe_signature"][2:]))
        assert key is not None
        assert f"0x{key.hex()}" == (await prover.get("/v1/prover")).json["public_key"]


async def test_the_report_names_the_prover_and_the_callers_hash() -> None:
    provider = FakeProvider()
    async with serving(provider) as client:
        who = bytes.fromhex((await client.get("/v1/prover")).json["prover"][2:])
        report = await client.call("generateAttestationReport", "0x" + "ab" * 64)
        expected = bytes(12) + who + b"\xab" * 32
        assert provider.quoted[-1] == expected
        assert report == f"0x{(b'quote of ' + expected).hex()}"
        short = await client.call("generateAttestationReport", "0x" + "cd" * 32)
        quoted = b"quote of " + bytes(12) + who + b"\xcd" * 32
        assert short == f"0x{quoted.hex()}"


async def test_reports_that_could_pass_for_a_registration_are_not_made() -> None:
    provider = FakeProvider()
    async with serving(provider) as client:
        before = len(provider.quoted)
        for wrong in ("0x", ZERO, "0x" + "ab" * 32 + "00" * 32, "0x" + "ab" * 65):
            assert rpc_error(await client.call("generateAttestationReport", wrong)) == 14002
        assert len(provider.quoted) == before
        provider.failures.append(QuoteUnavailableError("no device"))
        assert rpc_error(await client.call("generateAttestationReport", "0x" + "ab" * 64)) == 14003


async def test_what_the_request_says_of_the_range_is_checked() -> None:
    """The public prover ignores the roots of a request; here they are compared."""
    data = witness(20, 23)
    wrong: list[dict[str, Any]] = [
        {"start": 20},
        {"end": 24},
        {"starting_state_root": "0x" + "01" * 32},
        {"final_state_root": "0x" + "01" * 32},
        {"batch": "0x01"},
    ]
    async with serving() as client:
        await put(client, data)
        for change in wrong:
            answer = await client.call("prover_proveTask", task(data, **change))
            assert rpc_error(answer) == 14001, change
        assert (await client.call("prover_proveTask", task(data)))["not_ready"] is False


async def test_errors_have_the_public_provers_codes() -> None:
    data = witness(20, 23)
    maker = RecordedMaker()
    async with serving() as client:
        calls: list[tuple[str, list[Any], int]] = [
            ("prover_proveTask", [task(data)], 14006),
            ("prover_proveTask", [task(data, task_type=1)], 14010),
            ("prover_proveTask", [task(data, task_type=9)], 14010),
            ("prover_proveTask", [{}], -32602),
            ("prover_proveTask", [], -32602),
            ("getPoe", [ZERO], 14010),
            ("prover_genContext", [1, 2, 1], 14005),
            ("prover_genContext", [1, 2, OP_STACK], 14011),
            ("prover_proveTaskWithoutContext", ["0x" + "00" * 64, 1], 14010),
            ("prover_proveTaskWithoutContext", ["0x" + "00" * 64, OP_STACK], 14011),
            ("da_tryLock", ["0x12"], -32602),
            ("da_putPob", [{"pob": [{}], "interning": "0x", "hash": ZERO}], -32602),
            ("da_putPob", ["text"], -32602),
            ("unknown", [], -32601),
        ]
        for method, params, code in calls:
            assert rpc_error(await client.call(method, *params)) == code, (method, params)
        junk = b"junk"
        await put(client, junk)
        assert rpc_error(await client.call("prover_proveTask", task(junk))) == 15001
    async with serving(maker=maker) as client:
        maker.failures.append(ContextError("the node is away"))
        assert rpc_error(await client.call("prover_genContext", 21, 23, OP_STACK)) == 14004
        assert rpc_error(await client.call("prover_genContext", 0, 23, OP_STACK)) == 14001
        assert rpc_error(await client.call("prover_genContext", 23, 21, OP_STACK)) == 14001


async def test_a_prover_with_nodes_proves_without_context() -> None:
    async with serving(maker=RecordedMaker()) as client:
        data = "0x" + (21).to_bytes(32, "big").hex() + (23).to_bytes(32, "big").hex()
        answer = await client.call("prover_proveTaskWithoutContext", data, OP_STACK)
        assert answer["poe"]["new_state_root"] == recorded_root(23).hex0x
        assert await client.metric("avs_prover_gen_ctx_counter") == 1
        assert await client.metric("avs_prover_prove_counter") == 1


async def test_a_long_run_is_not_ready_and_a_full_queue_is_rate_limited() -> None:
    enclave = GatedEnclave()
    async with serving(enclave=enclave, rpc_wait=0, max_queue=0) as client:
        first, second = witness(20, 22), witness(20, 23)
        await put(client, first)
        await put(client, second)
        answer = await client.call("prover_proveTask", task(first))
        assert answer["not_ready"] is True
        assert answer["poe"] is answer["poe_signature"] is None
        body = {
            "jsonrpc": "2.0", "id": 1, "method": "prover_proveTask", "params": [task(second)],
        }  # fmt: skip
        refused = await client.post("/", body)
        assert refused.status == 200  # go-ethereum's client reads the code of no other answer
        assert int(refused.headers["retry-after"]) > 0
        assert refused.json["error"]["code"] == 14444
        enclave.gate.set()

        async def ready() -> bool:
            return not (await client.call("prover_proveTask", task(first)))["not_ready"]

        await until(ready)
        assert enclave.runs == 1


async def test_few_and_short_ranges_are_collected_at_once() -> None:
    """Each takes nodes and memory that no budget counts yet."""
    maker = RecordedMaker()
    maker.gate = asyncio.Event()
    async with serving(maker=maker, max_collections=2, max_collected_blocks=3) as prover:
        long = await prover.call("prover_genContext", 21, 24, OP_STACK)
        assert rpc_error(long) == 14001
        endless = await prover.call("prover_genContext", 1, 2**62, OP_STACK)
        assert rpc_error(endless) == 14001
        asked = [
            asyncio.create_task(prover.call("prover_genContext", 21, 23, OP_STACK))
            for _ in range(5)
        ]

        async def three_are_refused() -> bool:
            return sum(item.done() for item in asked) == 3

        await until(three_are_refused)
        maker.gate.set()
        answers = await asyncio.gather(*asked)
        assert len(maker.collected) == 2
        refused = [answer for answer in answers if "code" in answer]
        assert [rpc_error(answer) for answer in refused] == [14444] * 3
        assert "hash" in await prover.call("prover_genContext", 21, 23, OP_STACK)


async def test_an_announcement_ends_even_when_others_keep_asking() -> None:
    async with serving(witness_ttl=0.2, max_locks=1) as client:
        digest = digest_of(b"announced").hex0x
        assert await client.call("da_tryLock", digest) == "Locked"
        other = await client.call("da_tryLock", digest_of(b"another").hex0x)
        assert rpc_error(other) == 14444

        async def locked_again() -> bool:
            return bool(await client.call("da_tryLock", digest) == "Locked")

        await until(locked_again)


async def test_a_put_witness_has_the_hash_of_its_bytes_whatever_the_client_says() -> None:
    async with serving() as client:
        data = witness(20, 23)
        false = context(b"junk") | {"hash": digest_of(data).hex0x}
        assert await client.call("da_putPob", false) is None
        assert rpc_error(await client.call("prover_proveTask", task(data))) == 14006


async def test_batches_notifications_and_malformed_calls() -> None:
    call = {"jsonrpc": "2.0", "id": 7, "method": "prover_metadata", "params": []}
    async with serving() as client:
        both = (await client.post("/", [call, call | {"id": "x"}])).json
        assert [item["id"] for item in both] == [7, "x"]
        silent = {key: value for key, value in call.items() if key != "id"}
        answer = await client.post("/", silent)
        assert (answer.status, answer.body) == (204, b"")
        for wrong in ([], [call] * 17, 7, call | {"jsonrpc": "1.0"}, call | {"method": 7}):
            assert (await client.post("/", wrong)).json["error"]["code"] == -32600, wrong
        for body in (b"{", b"\xff", b"[" * 5000):
            assert (await client.post("/", body)).json["error"]["code"] == -32700
        as_text = await client.post("/", call, headers={"Content-Type": "text/plain"})
        assert as_text.status == 415


async def send(client: TeeClient, body: bytes) -> Any:
    """Return the answer to a body as it is."""
    headers = {"Content-Type": "application/json"}
    answer = await client.send("POST", "/", data=body, headers=headers)
    assert answer.status == 200
    return answer.json


async def test_millions_of_values_are_refused_before_they_are_read() -> None:
    """Reading them would hold up everybody, and takes many times the memory that is counted."""
    async with serving() as prover:
        for values in (b"[" + b"[]," * 100_000 + b"[]]", b'{"a":[' + b"0," * 100_000 + b"0]}"):
            answer = await send(prover, values)
            assert rpc_error(answer["error"]) == -32700
            assert "values" in answer["error"]["message"]
        data = witness(20, 21)
        assert await prover.call("da_putPob", context(data)) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"jsonrpc":"2.0","id":1e999,"method":"prover_metadata"}', -32600),
        (b'{"jsonrpc":"2.0","id":-1e999,"method":"prover_metadata"}', -32600),
        (b'{"jsonrpc":"2.0","id":NaN,"method":"prover_metadata"}', -32600),
        (b'{"jsonrpc":"2.0","id":"\\ud800","method":"none"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"prover_genContext","params":["\\ud800",1,3]}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"prover_genContext","params":[1e999,1,3]}', -32602),
        (b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"prover_metadata"}', -32700),
        ('{"jsonrpc":"2.0","id":1,"method":"prover_metadata"}'.encode("utf-16"), -32700),
    ],
)
async def test_odd_numbers_and_texts_are_answered_in_json(body: bytes, code: int) -> None:
    """Infinity, half of a surrogate pair, endless digits: an answer with a code, no defect."""
    async with serving() as prover:
        assert rpc_error((await send(prover, body))["error"]) == code


async def test_large_bodies_are_refused() -> None:
    async with serving(max_rpc_bytes=1000) as client:
        call = {"jsonrpc": "2.0", "id": 1, "method": "da_putPob", "params": ["0x" + "00" * 1000]}
        assert (await client.post("/", call)).status == 413
    async with serving(memory_bytes=1000) as client:
        refused = await client.post("/", call)
        assert (refused.status, refused.json["error"]["code"]) == (200, 14444)


async def test_metrics_have_the_public_provers_names() -> None:
    """At the root too, where its operators scrape them."""
    data = witness(20, 23)
    async with serving() as client:
        await client.call("prover_metadata")
        await client.call("generateAttestationReport", "0x" + "ab" * 64)
        await put(client, data)
        await client.call("prover_proveTask", task(data))
        await client.call("prover_proveTask", task(data))
        text = (await client.get("/")).body.decode()
        assert text.splitlines()[0] == (await client.get("/metrics")).body.decode().splitlines()[0]
        assert 'avs_prover_prove_counter{type="opstack"} 2.0' in text
        assert 'avs_prover_metadata_counter{version="coprove-' in text
        assert 'avs_prover_prove_ms_gauge{type="opstack"}' in text
        assert 'avs_prover_rpc_call_ms_gauge{method="prover_proveTask"}' in text
        assert "avs_prover_attestation_report_ms_gauge " in text
        assert await client.metric("coprove_tee_prover_lookups_total") == 2


async def test_witnesses_of_finished_calls_are_let_go() -> None:
    async with serving(witness_ttl=0.05) as client:
        await put(client, witness(20, 23))
        await client.call("prover_proveTask", task(witness(20, 23)))

        async def empty() -> bool:
            client.prover.service.measure()
            return client.prover.service.budget.used == 0

        await until(empty)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=80) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
NAMES = ["pob_hash", "task_type", "start", "end", "starting_state_root", "batch", "interning"]


@settings(max_examples=300, deadline=None)
@given(VALUES | st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_parameters_of_any_shape_are_read_or_refused(value: Any) -> None:
    readers: list[Any] = [
        ProveTask.from_json,
        witness_of_pob,
        lambda item: positional(item, 2),
        lambda item: hex_param(item, "x"),
        lambda item: hash_param(item, "x"),
        lambda item: number_param(item, "x"),
    ]
    for reader in readers:
        try:
            reader(value)
        except (ParamsError, BatchError):
            continue


@given(st.integers(-2, 2**70), st.integers(-2, 2**70))
def test_ranges_are_inclusive_and_never_empty(start: int, end: int) -> None:
    try:
        blocks = inclusive_range(start, end)
    except (BatchError, CoproveError):
        assert start < 1 or end < start
        return
    assert (blocks.start, blocks.end) == (start - 1, end)


def test_the_public_provers_codes_are_all_in_use() -> None:
    known = {14001, 14002, 14003, 14004, 14005, 14006, 14010, 14011, 14444, 15001}
    assert known <= set(CODES.values())
