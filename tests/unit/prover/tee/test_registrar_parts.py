"""What a registration needs next, and what is believed of a prover's answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from eth_keys.datatypes import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from coprove.attestation import Platform, ProofOfExecution, ProverBinding, TcbStatus, prover_address
from coprove.contracts.attestation import (
    ChallengeRecord,
    Liveness,
    LivenessStatus,
    ProverRecord,
    ProverState,
)
from coprove.errors import CoproveError, InputError
from coprove.prover.tee.registrar import (
    ForeignProverError,
    ProverAnswerError,
    ProverRefusedError,
    ProverUnreachableError,
    Standing,
    Step,
    TeeProverClient,
    TeeProverClientOptions,
    next_action,
)
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OPERATOR, OTHER = Address(b"\x01" * 20), Address(b"\x02" * 20)
KEY = PrivateKey(b"\x03" * 32)
PUBLIC = KEY.public_key.to_bytes()
NOW = 1_000_000
RECORD = ProverRecord(
    operator=OPERATOR,
    valid_until=NOW + 1000,
    platform=Platform.INTEL_SGX,
    tcb_status=TcbStatus.OK,
    state=ProverState.REGISTERED,
    simulated=True,
    measurement=Hash32(b"\x04" * 32),
    attested_at=NOW - 100,
    registered_at=NOW - 100,
    reference_block=5,
    generation=1,
    security_version=0,
    challenged=False,
    attested=False,
)
LIVE = LivenessStatus(liveness=Liveness.LIVE, until=NOW + 1000)
CHALLENGE = ChallengeRecord(
    challenger=OTHER, deadline=NOW + 60, bond=1, opened_at=NOW - 1, nonce=Hash32(b"\x05" * 32)
)
STANDING = Standing(record=RECORD, status=LIVE, challenge=None, now=NOW)


def step(standing: Standing, *, margin: int = 300) -> Step:
    return next_action(standing, operator=OPERATOR, margin=margin).step


def not_live(liveness: Liveness) -> LivenessStatus:
    return LivenessStatus(liveness=liveness, until=0)


def with_record(**changes: Any) -> Standing:
    return replace(STANDING, record=replace(RECORD, **changes))


def test_a_live_prover_is_left_alone_until_the_margin() -> None:
    """Renewed from `margin` seconds before its end on."""
    old = with_record(attested_at=NOW - 5000)
    assert step(old, margin=999) is Step.WAIT
    assert step(old, margin=1000) is Step.RENEW


@given(margin=st.integers(0, 10**6), life=st.integers(1, 10**5))
def test_a_renewal_that_lasts_no_longer_is_not_repeated_in_each_pass(
    margin: int, life: int
) -> None:
    """Where collateral ends, so does each renewal: few are sent, not one a second."""
    end, attested, renewals = NOW + life, NOW, 0
    times = sorted({NOW, end, *(end - left for left in range(min(life, 2000)))})
    for now in times:
        standing = replace(
            with_record(attested_at=attested, valid_until=end),
            status=LivenessStatus(liveness=Liveness.LIVE, until=end),
            now=now,
        )
        if step(standing, margin=margin) is Step.RENEW:
            attested, renewals = now, renewals + 1
    assert renewals <= life.bit_length() + 1


@pytest.mark.parametrize(
    "liveness",
    [
        Liveness.EXPIRED,
        Liveness.PLATFORM_CHANGED,
        Liveness.MEASUREMENT_NOT_ACTIVE,
        Liveness.SECURITY_VERSION_TOO_LOW,
        Liveness.TCB_NOT_ACCEPTED,
        Liveness.CLAIMS_DISPUTED,
    ],
)
def test_what_counts_no_more_is_renewed(liveness: Liveness) -> None:
    """Fresh evidence may help; if not, the contract says why."""
    assert step(replace(STANDING, status=not_live(liveness))) is Step.RENEW


def test_keys_that_are_new_or_came_back_are_registered() -> None:
    """With the operator's consent."""
    unknown = not_live(Liveness.UNKNOWN)
    assert step(replace(STANDING, record=None, status=unknown)) is Step.REGISTER
    for state, liveness in (
        (ProverState.SUSPENDED, Liveness.SUSPENDED),
        (ProverState.DEREGISTERED, Liveness.DEREGISTERED),
    ):
        found = replace(with_record(state=state), status=not_live(liveness))
        assert step(found) is Step.REGISTER


def test_challenges_are_answered_and_settled() -> None:
    """Answered until the deadline, inclusive; settled after it."""
    open_one = replace(with_record(challenged=True), challenge=CHALLENGE)
    assert step(open_one) is Step.ANSWER
    assert step(replace(open_one, now=CHALLENGE.deadline)) is Step.ANSWER
    late = replace(open_one, now=CHALLENGE.deadline + 1, status=not_live(Liveness.CHALLENGE_FAILED))
    assert step(late) is Step.SETTLE


def test_a_paused_registry_is_waited_for() -> None:
    """No transaction would succeed."""
    for challenged in (False, True):
        found = replace(with_record(challenged=challenged), challenge=CHALLENGE)
        assert step(replace(found, status=not_live(Liveness.PAUSED))) is Step.WAIT


@pytest.mark.parametrize(
    "changes",
    [
        {"operator": OTHER},
        {"operator": OTHER, "state": ProverState.SUSPENDED},
    ],
)
def test_what_is_not_ours_is_not_touched(changes: dict[str, Any]) -> None:
    """Another operator's key."""
    with pytest.raises(ForeignProverError):
        step(with_record(**changes))


@pytest.mark.parametrize("record", [None, replace(RECORD, state=ProverState.BANNED)])
def test_a_banned_key_is_not_brought_again(record: ProverRecord | None) -> None:
    """Of one that was banned before it registered the registry has no record, only a standing."""
    with pytest.raises(ForeignProverError, match="banned"):
        step(replace(STANDING, record=record, status=not_live(Liveness.BANNED)))


def test_a_key_that_another_operator_gave_up_is_free() -> None:
    """The contract would take it as well."""
    left = replace(
        with_record(operator=OTHER, state=ProverState.DEREGISTERED),
        status=not_live(Liveness.DEREGISTERED),
    )
    assert step(left) is Step.REGISTER


BINDING = ProverBinding(
    chain_id=900,
    verifier=OTHER,
    operator=OPERATOR,
    platform=Platform.INTEL_SGX,
    public_key=PUBLIC,
    block_number=7,
    block_hash=Hash32(b"\x06" * 32),
    nonce=Hash32(b"\x07" * 32),
)
POE = ProofOfExecution(
    l1_chain_id=900,
    l2_chain_id=901,
    rollup_config_hash=Hash32(b"\x01" * 32),
    l1_head=Hash32(b"\x02" * 32),
    l2_pre_root=Hash32(b"\x03" * 32),
    l2_post_root=Hash32(b"\x04" * 32),
    l2_pre_block=1,
    l2_post_block=2,
    measurement=Hash32(b"\x05" * 32),
)


def hexed(data: bytes) -> str:
    return f"0x{data.hex()}"


def signature() -> bytes:
    signed = KEY.sign_msg_hash(POE.digest()).to_bytes()
    return signed[:64] + bytes([signed[64] + 27])


WITNESS = b"witness"
ANSWERS: dict[str, dict[str, Any]] = {
    "/v1/prover": {
        "platform": "intel-sgx",
        "simulated": True,
        "prover": prover_address(PUBLIC).hex0x,
        "public_key": hexed(PUBLIC),
        "measurement": hexed(b"\x08" * 32),
        "operator": None,
    },
    "/v1/evidence": {
        "platform": "intel-sgx",
        "evidence": "0xabcd",
        "endorsements": "0x7b7d",
        "report_data": hexed(BINDING.report_data()),
        "public_key": hexed(PUBLIC),
        "binding": {
            "chain_id": 900,
            "verifier": OTHER.hex0x,
            "operator": OPERATOR.hex0x,
            "block_number": 7,
            "block_hash": hexed(b"\x06" * 32),
            "nonce": hexed(b"\x07" * 32),
        },
    },
    "/v1/proofs": {
        "witness": "",
        "poe": {
            name: hexed(value) if isinstance(value, bytes) else value
            for name, value in ((name, getattr(POE, name)) for name in POE.__slots__)
        },
        "signature": hexed(signature()),
        "prover": prover_address(PUBLIC).hex0x,
    },
}


class Answering:
    """A server that answers what it is told, like a hostile host."""

    def __init__(self) -> None:
        """Begin with honest answers."""
        self.answers: dict[str, Any] = json.loads(json.dumps(ANSWERS))
        self.status = 200
        self.raw: bytes | None = None
        self.location = ""
        self.asked: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        found = self.answers.get(request.path, ANSWERS["/v1/prover"])
        if request.path == "/v1/proofs" and found["witness"] == "":
            found = found | {"witness": request.headers["Witness-Digest"]}
        body = self.raw if self.raw is not None else json.dumps(found).encode()
        headers = {"Location": self.location} if self.location else {}
        return web.Response(
            status=self.status, body=body, content_type="application/json", headers=headers
        )


@pytest.fixture
async def server() -> AsyncIterator[tuple[Answering, TeeProverClient]]:
    answering = Answering()
    app = web.Application()
    app.router.add_route("*", "/v1/{rest}", answering.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    options = TeeProverClientOptions(
        url=f"http://{host}:{port}", timeout=10.0, max_answer_bytes=10_000
    )
    async with TeeProverClient(options) as client:
        yield answering, client
    await runner.cleanup()


Server = tuple[Answering, TeeProverClient]


async def test_honest_answers_are_believed(server: Server) -> None:
    """Identity, evidence, proof."""
    _, client = server
    identity = await client.identity()
    assert (identity.address, identity.platform) == (prover_address(PUBLIC), Platform.INTEL_SGX)
    evidence = await client.evidence(BINDING)
    assert (evidence.evidence, evidence.endorsements) == (b"\xab\xcd", b"{}")
    proven = await client.prove(WITNESS)
    assert (proven.poe, proven.prover) == (POE, prover_address(PUBLIC))


LIES: list[tuple[str, str, Any]] = [
    ("/v1/prover", "prover", OPERATOR.hex0x),
    ("/v1/prover", "public_key", "0x00"),
    ("/v1/prover", "platform", "intel-sgx2"),
    ("/v1/prover", "simulated", 1),
    ("/v1/prover", "measurement", None),
    ("/v1/evidence", "platform", "intel-tdx"),
    ("/v1/evidence", "report_data", hexed(bytes(64))),
    ("/v1/evidence", "public_key", hexed(bytes(64))),
    ("/v1/evidence", "binding", {}),
    ("/v1/evidence", "evidence", "abcd"),
    ("/v1/proofs", "witness", hexed(bytes(32))),
    ("/v1/proofs", "poe", None),
    ("/v1/proofs", "poe", {}),
    ("/v1/proofs", "poe", ANSWERS["/v1/proofs"]["poe"] | {"l2_post_block": 1}),
    ("/v1/proofs", "poe", ANSWERS["/v1/proofs"]["poe"] | {"l2_post_root": hexed(bytes(32))}),
    ("/v1/proofs", "poe", ANSWERS["/v1/proofs"]["poe"] | {"l2_chain_id": True}),
    ("/v1/proofs", "signature", hexed(bytes(65))),
    ("/v1/proofs", "prover", OPERATOR.hex0x),
]


async def ask(client: TeeProverClient, path: str) -> object:
    if path == "/v1/prover":
        return await client.identity()
    if path == "/v1/evidence":
        return await client.evidence(BINDING)
    return await client.prove(WITNESS)


@pytest.mark.parametrize(("path", "name", "lie"), LIES)
async def test_a_host_that_lies_is_found_out(
    server: Server, path: str, name: str, lie: object
) -> None:
    """An answer about something else, or of another shape, is refused."""
    answering, client = server
    answering.answers[path][name] = lie
    with pytest.raises(ProverAnswerError):
        await ask(client, path)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":1,"a":2}', b"{" * 9000, b" " * 10_001])
async def test_answers_that_are_none(server: Server, body: bytes) -> None:
    """Not JSON, not an object, nested without end, too long."""
    answering, client = server
    answering.raw = body
    with pytest.raises(ProverAnswerError):
        await client.identity()


async def test_refusals_and_troubles_are_told_apart(server: Server) -> None:
    """What may be better later is Temporary."""
    answering, client = server
    answering.raw = b'{"detail":"no"}'
    for status, kind in ((429, ProverUnreachableError), (503, ProverUnreachableError)):
        answering.status = status
        with pytest.raises(kind):
            await client.identity()
    answering.status = 422
    with pytest.raises(ProverRefusedError, match="no") as refused:
        await client.identity()
    assert refused.value.status == 422


async def test_a_host_cannot_send_us_elsewhere(server: Server) -> None:
    """A redirect is followed nowhere, with or without a witness."""
    answering, client = server
    for status in (301, 302, 303, 307, 308):
        answering.status, answering.location = status, "/v1/elsewhere"
        for path in ("/v1/prover", "/v1/evidence", "/v1/proofs"):
            with pytest.raises(ProverRefusedError) as refused:
                await ask(client, path)
            assert refused.value.status == status
    assert "/v1/elsewhere" not in answering.asked


async def test_a_prover_that_is_not_there() -> None:
    """Temporary, and the URL is shown without its secrets."""
    options = TeeProverClientOptions(url="http://me:secret@127.0.0.1:9")
    assert "secret" not in repr(options)
    async with TeeProverClient(options) as client:
        with pytest.raises(ProverUnreachableError) as failed:
            await client.identity()
    assert "secret" not in str(failed.value)
    with pytest.raises(InputError, match="TEE prover URL"):
        TeeProverClientOptions(url="ftp://somewhere")


@given(
    record=st.none()
    | st.builds(
        lambda state, challenged, mine: replace(
            RECORD, state=state, challenged=challenged, operator=OPERATOR if mine else OTHER
        ),
        st.sampled_from(list(ProverState)[1:]),
        st.booleans(),
        st.booleans(),
    ),
    liveness=st.sampled_from(list(Liveness)),
    challenge=st.none() | st.just(CHALLENGE),
    now=st.integers(0, 2 * NOW),
)
def test_there_is_always_an_answer(
    record: ProverRecord | None,
    liveness: Liveness,
    challenge: ChallengeRecord | None,
    now: int,
) -> None:
    """Whatever the registry says: a step, or a typed refusal; never another error."""
    status = LivenessStatus(liveness=liveness, until=NOW + 1000)
    found = Standing(record=record, status=status, challenge=challenge, now=now)
    try:
        step(found)
    except CoproveError as error:
        assert isinstance(error, ForeignProverError)  # noqa: PT017
