"""The parts of the proof server: the store, places, token buckets, the data folder, claims."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.prover import ProofCost, ProofKind
from coprove.prover.http import TokenBuckets, is_loopback
from coprove.prover.server.errors import (
    DataFolderInUseError,
    DiskFullError,
    JobConflictError,
    SubproofError,
    UnknownJobError,
)
from coprove.prover.server.files import DataFolder
from coprove.prover.server.options import ServerOptions
from coprove.prover.server.records import ALLOWED, OPEN, JobState, NewJob
from coprove.prover.server.serving import ProofServer, ServerParts
from coprove.prover.server.slots import Slots
from coprove.prover.server.source import RecordingSource
from coprove.prover.server.store import JobIntents, JobStore
from coprove.prover.server.subproofs import claim_in_proof
from coprove.prover.zk.simulated import simulated_range
from coprove.types import BlockRange, BootInfo, Hash32
from tests.unit.prover.server.lab import AGGREGATION_VKEY, RANGE_VKEY, RECORDING, FakeBackend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLAIM = BootInfo(
    l1_head=Hash32(b"\x01" * 32),
    l2_pre_root=Hash32(b"\x02" * 32),
    l2_post_root=Hash32(b"\x03" * 32),
    l2_block_number=20,
    rollup_config_hash=Hash32(b"\x04" * 32),
)
RANGE = NewJob(
    kind=ProofKind.RANGE, fingerprint="f", backend="real", blocks=BlockRange(start=10, end=20)
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    opened = JobStore(tmp_path / "jobs.sqlite")
    yield opened
    opened.close()


@pytest.mark.parametrize("after", list(JobState))
@pytest.mark.parametrize("before", list(JobState))
def test_a_job_moves_only_as_the_table_allows(
    before: JobState, after: JobState, store: JobStore
) -> None:
    job = store.add(RANGE)
    path = {
        JobState.WITNESS: [JobState.WITNESS],
        JobState.SUBMITTING: [JobState.WITNESS, JobState.SUBMITTING],
        JobState.PROVING: [JobState.WITNESS, JobState.SUBMITTING, JobState.PROVING],
        JobState.FULFILLED: [
            JobState.WITNESS,
            JobState.SUBMITTING,
            JobState.PROVING,
            JobState.FULFILLED,
        ],
    }.get(before, [before] if before is not JobState.ACCEPTED else [])
    for state in path:
        assert store.move(job.id, state)
    assert store.move(job.id, after) is (after in ALLOWED[before])
    assert store.get(job.id).state is (after if after in ALLOWED[before] else before)


def test_what_is_stored_of_a_job_comes_back(store: JobStore, tmp_path: Path) -> None:
    job = store.add(RANGE, key="client/a")
    store.move(job.id, JobState.WITNESS)
    store.move(job.id, JobState.SUBMITTING, claim=CLAIM)
    cost = ProofCost(cycles=2**40, price=5)
    store.move(job.id, JobState.PROVING, proof_id=b"\x09", cost=cost, reason="r")
    store.close()
    again = JobStore(tmp_path / "jobs.sqlite")
    found = again.get(job.id)
    again.close()
    assert (found.claim, found.proof_id, found.cost, found.reason) == (CLAIM, b"\x09", cost, "r")
    assert (found.request, found.state, found.key) == (RANGE, JobState.PROVING, "client/a")


def test_a_key_is_one_request_for_ever(store: JobStore) -> None:
    first = store.add(RANGE, key="client/a")
    assert store.add(RANGE, key="client/a").id == first.id
    other = NewJob(kind=ProofKind.RANGE, fingerprint="g", backend="real")
    with pytest.raises(JobConflictError):
        store.add(other, key="client/a")
    with pytest.raises(UnknownJobError):
        store.get("0" * 32)


def test_a_job_that_is_over_is_noted_no_more(store: JobStore) -> None:
    job = store.add(RANGE)
    store.move(job.id, JobState.FAILED, reason="because")
    store.note(job.id, reason="late", cancel=1)
    found = store.get(job.id)
    assert (found.reason, found.cancel) == ("because", False)
    assert store.open_jobs() == []


def test_pages_go_through_all_jobs_once(store: JobStore) -> None:
    ids = [store.add(RANGE).id for _ in range(7)]
    seen: list[str] = []
    before = ""
    while page := store.page(states=sorted(OPEN), kinds=[ProofKind.RANGE], before=before, limit=3):
        seen += [job.id for job in page]
        before = seen[-1]
    assert sorted(seen) == sorted(ids)


async def test_intents_add_up(store: JobStore) -> None:
    intents = JobIntents(store)
    await intents.note("k", {"nonce": 5, "state": "asked"})
    await intents.note("k", {"state": "accepted"})
    assert await intents.read("k") == {"nonce": 5, "state": "accepted"}
    assert await intents.read("other") == {}


async def test_places_go_to_the_most_urgent_first() -> None:
    slots, order = Slots(1), []

    async def work(name: str, priority: int) -> None:
        async with slots.taken(priority=priority):
            order.append(name)

    async with slots.taken(priority=0):
        tasks = [
            asyncio.create_task(work(name, priority))
            for name, priority in (("low", 0), ("lower", -1), ("high", 5), ("low too", 0))
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert order == ["high", "low", "low too", "lower"]


async def test_a_waiter_that_is_cancelled_takes_no_place_with_it() -> None:
    slots = Slots(1)

    async def hold(gate: asyncio.Event) -> None:
        async with slots.taken(priority=0):
            await gate.wait()

    gates = [asyncio.Event() for _ in range(3)]
    first, second, third = (asyncio.create_task(hold(gate)) for gate in gates)
    await asyncio.sleep(0)
    gates[0].set()
    await first  # the place is given to the second, which is cancelled before it runs
    second.cancel()
    gates[2].set()
    await third
    async with slots.taken(priority=0):
        pass
    assert second.cancelled() or second.cancelling()
    await asyncio.gather(second, return_exceptions=True)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), st.integers(1, 5))
def test_a_bucket_lets_no_more_through_than_burst_and_rate(times: list[float], burst: int) -> None:
    buckets, passed = TokenBuckets(2.0, burst), 0
    for now in sorted(times):
        wait = buckets.wait_of("a", now)
        assert 0 <= wait <= 0.5
        passed += wait == 0
    assert passed <= burst + 2.0 * (max(times) - min(times)) + 1e-6
    assert buckets.wait_of("b", max(times)) == 0


def test_one_server_to_a_folder(tmp_path: Path) -> None:
    first = DataFolder(tmp_path, reserve=0)
    with pytest.raises(DataFolderInUseError):
        DataFolder(tmp_path, reserve=0)
    left = first.temporary()
    left.write_bytes(b"half")
    first.close()
    DataFolder(tmp_path, reserve=0).close()
    assert not left.exists()


def test_the_reserve_of_the_disk_is_kept(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path, reserve=1 << 60)
    with pytest.raises(DiskFullError):
        folder.write(tmp_path / "x", b"x")
    folder.close()
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),  # noqa: S104 - only compared
        ("::", False),
        ("127.evil.example", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_what_counts_as_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("host", "tokens"),
    [("0.0.0.0", ()), ("127.0.0.1", ("short",)), ("127.0.0.1", ("ü" * 20,))],  # noqa: S104
)
def test_a_server_is_not_opened_to_the_network_without_a_good_token(
    host: str, tokens: tuple[str, ...], tmp_path: Path
) -> None:
    parts = ServerParts(
        source=RecordingSource(RECORDING),
        backend=FakeBackend(),
        mock=None,
        range_vkey_commitment=RANGE_VKEY,
        aggregation_vkey=AGGREGATION_VKEY,
    )
    with pytest.raises(InputError) as caught:
        ProofServer(ServerOptions(data_dir=tmp_path, host=host, tokens=tokens), parts)
    assert all(token not in str(caught.value) for token in tokens)


@given(inner=st.binary(max_size=400), attestation=st.none() | st.binary(max_size=200))
def test_the_claim_at_the_end_of_a_proof_is_found(inner: bytes, attestation: bytes | None) -> None:
    """Whatever the proof itself holds, bytes that look like a claim included."""
    decoy = (136).to_bytes(8, "little") + bytes(136)
    proof = b"\x01\0\0\0" + inner + decoy + inner
    proof += (136).to_bytes(8, "little") + CLAIM.encode() + (6).to_bytes(8, "little") + b"v4.0.0"
    if attestation is not None:
        proof += b"\x01" + len(attestation).to_bytes(8, "little") + attestation
    assert claim_in_proof(proof) == CLAIM


def test_a_simulated_proof_tells_its_claim() -> None:
    assert claim_in_proof(simulated_range(CLAIM, range_vkey=RANGE_VKEY).encode()) == CLAIM


@given(st.binary(max_size=400))
def test_what_is_no_proof_tells_nothing(noise: bytes) -> None:
    with pytest.raises(SubproofError):
        claim_in_proof(noise)
