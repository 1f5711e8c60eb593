"""The network backend through a network that speaks the protocol: the whole loop, and faults."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest

from coprove.contracts.mock_proof import mock_proof
from coprove.devnet.prover_network import Fault, FaultKind
from coprove.program import run_aggregation
from coprove.prover import (
    AmbiguousSubmissionError,
    Execution,
    Fulfillment,
    ProofFormatError,
    ProofNotReadyError,
    ProofRefusedError,
    ProverUnavailableError,
    UnknownProofError,
)
from coprove.prover.pool import RangePool
from coprove.prover.zk.guest_range import missing_receipts, range_witness
from coprove.prover.zk.network import L1Receipts, ProofLimits, Strategy
from coprove.prover.zk.network.signing import LocalNetworkSigner
from coprove.prover.zk.proto import network_pb2
from coprove.prover.zk.sp1_proof import CompressedProof
from coprove.rpc import JsonRpcTransport, L1Client
from coprove.types import Address
from tests.integration.prover_lab import ProverLab, RecordedReceipts
from tests.integration.ranges import range_input
from tests.replay import Faults, ReplayChain, ReplayServer
from tests.unit.prover.zk.jobs import (
    AGGREGATION_VKEY,
    MemoryIntents,
    aggregation_job,
    range_job,
    settled,
)
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from coprove.devnet.prover_network import ProverNetworkServer


def claims(lab: ProverLab) -> list[bytes]:
    """Return the requests of which the work folder says what they must show."""
    return sorted(bytes.fromhex(path.stem) for path in (lab.folder / "work").glob("*.claim"))


@pytest.fixture(scope="module")
def pool() -> Iterator[RangePool]:
    pool = RangePool(1)
    yield pool
    pool.close()


@pytest.fixture
def lab(tmp_path: Path, pool: RangePool) -> ProverLab:
    return ProverLab(tmp_path, pool)


def times_requested(network: ProverNetworkServer) -> list[int]:
    """How often each input was requested."""
    digests = [record.stdin_digest for record in network.core.requests()]
    return [digests.count(digest) for digest in dict.fromkeys(digests)]


class Crash(BaseException):
    """A process that ends here."""


class CrashingIntents(MemoryIntents):
    """Ends the process at the n-th note, before or after it is stored."""

    def __init__(self, at: int, *, stored: bool) -> None:
        """Count from 1."""
        super().__init__()
        self.left, self.stored = at, stored

    async def note(self, key: str, values: Mapping[str, str | int]) -> None:
        self.left -= 1
        if self.left == 0 and not self.stored:
            raise Crash
        await super().note(key, values)
        if self.left == 0:
            raise Crash


@pytest.mark.parametrize("strategy", [Strategy.RESERVED, Strategy.AUCTION])
async def test_ranges_are_proven_and_aggregated(lab: ProverLab, strategy: Strategy) -> None:
    """Register, upload, request, poll, download, aggregate: on both networks."""
    kind = "auction" if strategy is Strategy.AUCTION else "base"
    async with lab.network(kind=kind) as network:
        backend, intents = lab.backend(network.url, strategy=strategy), MemoryIntents()
        jobs = [range_job(lab.folder, 0, 3), range_job(lab.folder, 3, 5)]
        ids = [await backend.submit(job, intents) for job in jobs]
        proofs = []
        for proof_id, job in zip(ids, jobs, strict=True):
            status = await settled(backend, proof_id)
            assert status.fulfillment is Fulfillment.FULFILLED, status
            assert status.execution is Execution.EXECUTED
            assert status.cost is not None
            assert status.cost.price == (status.cost.gas or 0) * 1000
            proof = await backend.proof(proof_id)
            CompressedProof.decode(proof, public_values=job.boot_info.encode())
            proofs.append(proof)
        together = aggregation_job(jobs, proofs)
        proof_id = await backend.submit(together, intents)
        status = await settled(backend, proof_id)
        assert status.fulfillment is Fulfillment.FULFILLED, status
        claim = run_aggregation(together.given).abi_encode()
        assert await backend.proof(proof_id) == mock_proof(AGGREGATION_VKEY, claim)
        assert times_requested(network) == [1, 1, 1]
        assert network.faults.calls["CreateProgram"] == 2
        assert await backend.account.balance() > 0
        await backend.close()


async def test_ranges_and_aggregations_have_a_strategy_each(lab: ProverLab) -> None:
    """The network accepts each body with its own; mode and limits go with the kind as well."""
    async with lab.network() as network:
        backend = lab.backend(
            network.url,
            strategy=Strategy.HOSTED,
            aggregation_strategy=Strategy.RESERVED,
            range_limits=ProofLimits(cycles=7, gas=8),
            aggregation_limits=ProofLimits(cycles=9, gas=10),
        )
        intents = MemoryIntents()
        job = range_job(lab.folder, 0, 2)
        proof_id = await backend.submit(job, intents)
        await settled(backend, proof_id)
        together = aggregation_job([job], [await backend.proof(proof_id)])
        last = await backend.submit(together, intents)
        await settled(backend, last)
        await backend.close()
        accepted = [network.core.request(item).body for item in (proof_id, last)]
    bodies = []
    for data in accepted:
        body = network_pb2.RequestProofRequestBody.FromString(data)
        bodies.append((body.strategy, body.mode, body.cycle_limit, body.gas_limit))
    strategy, mode = network_pb2.FulfillmentStrategy, network_pb2.ProofMode
    assert bodies == [
        (strategy.HOSTED, mode.COMPRESSED, 7, 8),
        (strategy.RESERVED, mode.GROTH16, 9, 10),
    ]


async def test_a_new_process_knows_all_from_the_intents(lab: ProverLab) -> None:
    """Submitted by one backend, found, asked and fetched by another; nothing is registered anew."""
    job, intents = range_job(lab.folder, 0, 2), MemoryIntents()
    async with lab.network() as network:
        first = lab.backend(network.url)
        assert await first.find(job.key, intents) is None
        proof_id = await first.submit(job, intents)
        await first.close()
        second = lab.backend(network.url)
        assert await second.find(job.key, intents) == proof_id
        assert await second.submit(job, intents) == proof_id
        await settled(second, proof_id)
        assert await second.proof(proof_id)
        await second.close()
        assert times_requested(network) == [1]
        assert network.faults.calls["CreateProgram"] == 1
    noted = intents.values[job.key]
    assert noted.keys() >= {"stdin_uri", "vk_hash", "nonce", "requester", "deadline", "body"}


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        *(
            (kind, code)
            for kind in (FaultKind.LOSE, FaultKind.FAIL)
            for code in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "ABORTED", "UNKNOWN")
        ),
        (FaultKind.STALL, ""),
    ],
)
async def test_an_ambiguous_failure_is_looked_up(
    lab: ProverLab, kind: FaultKind, code: str
) -> None:
    """Answer lost after the request was accepted, or request lost: in the end there is one."""
    job, intents = range_job(lab.folder, 0, 2), MemoryIntents()
    async with lab.network(fulfil=False) as network:
        backend = lab.backend(network.url, call_timeout=1.0 if kind is FaultKind.STALL else 15.0)
        network.faults.add(Fault(method="RequestProof", kind=kind, code=code))
        with pytest.raises(AmbiguousSubmissionError):
            await backend.submit(job, intents)
        proof_id = await backend.find(job.key, intents)
        assert proof_id is not None
        assert await backend.submit(job, intents) == proof_id
        assert times_requested(network) == [1]
        await backend.close()


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
async def test_a_crash_at_any_note_requests_nothing_twice(
    lab: ProverLab, at: int, stored: bool
) -> None:
    """The notes are: input uploaded, body made, accepted. A crash before or after each of them."""
    job, intents = range_job(lab.folder, 0, 2), CrashingIntents(at, stored=stored)
    async with lab.network(fulfil=False) as network:
        first = lab.backend(network.url)
        with pytest.raises(Crash):
            await first.submit(job, intents)
        await first.close()
        second = lab.backend(network.url)
        found = await second.find(job.key, intents)
        assert (found is None) == (at == 1 or (at == 2 and not stored))
        proof_id = await second.submit(job, intents)
        assert found in (None, proof_id)
        assert await second.find(job.key, intents) == proof_id
        assert times_requested(network) == [1]
        await second.close()


async def test_none_is_certain_once_the_nonce_is_used_up(lab: ProverLab) -> None:
    """A request that was lost can no longer be accepted when its nonce went to another."""
    lost, other = range_job(lab.folder, 0, 2), range_job(lab.folder, 2, 4)
    intents = MemoryIntents()
    async with lab.network(fulfil=False) as network:
        backend = lab.backend(network.url)
        await backend.submit(range_job(lab.folder, 4, 5), intents)
        network.faults.add(Fault(method="RequestProof", kind=FaultKind.FAIL))
        with pytest.raises(AmbiguousSubmissionError):
            await backend.submit(lost, intents)
        await backend.submit(other, intents)
        assert await backend.find(lost.key, intents) is None
        again = await backend.submit(lost, intents)
        assert await backend.find(lost.key, intents) == again
        assert times_requested(network) == [1, 1, 1]
        await backend.close()


async def test_nothing_is_certain_before_the_listing_is(lab: ProverLab) -> None:
    """The list of requests may lag behind the nonce: so long the answer is to ask again."""
    lost, intents = range_job(lab.folder, 0, 2), MemoryIntents()
    async with lab.network(fulfil=False) as network:
        backend = lab.backend(network.url, listing_delay=3600.0)
        network.faults.add(Fault(method="RequestProof", kind=FaultKind.FAIL))
        with pytest.raises(AmbiguousSubmissionError):
            await backend.submit(lost, intents)
        await backend.submit(range_job(lab.folder, 2, 4), intents)
        with pytest.raises(ProverUnavailableError, match="not listed"):
            await backend.find(lost.key, intents)
        await backend.close()


async def test_two_processes_with_one_account(lab: ProverLab) -> None:
    """Who finds its nonce taken signs anew with the next one."""
    intents = MemoryIntents()
    async with lab.network(fulfil=False) as network:
        backends = [lab.backend(network.url) for _ in range(2)]
        jobs = [range_job(lab.folder, start, start + 1) for start in range(4)]
        await asyncio.gather(
            *(backends[index % 2].submit(job, intents) for index, job in enumerate(jobs))
        )
        assert times_requested(network) == [1] * 4
        for backend in backends:
            await backend.close()


async def test_calls_that_cost_nothing_are_repeated(lab: ProverLab) -> None:
    """Every other call may fail now and then, uploads and downloads too."""
    job, intents = range_job(lab.folder, 0, 2), MemoryIntents()
    async with lab.network() as network:
        backend = lab.backend(network.url)
        for method, code in (
            ("GetProgram", "UNAVAILABLE"),
            ("CreateArtifact", "INTERNAL"),
            ("CreateProgram", "ABORTED"),
            ("GetNonce", "DEADLINE_EXCEEDED"),
            ("PUT", ""),
            ("GET", ""),
        ):
            network.faults.add(Fault(method=method, kind=FaultKind.FAIL, code=code, count=2))
        network.faults.add(Fault(method="CreateProgram", kind=FaultKind.LOSE))
        proof_id = await backend.submit(job, intents)
        await settled(backend, proof_id)
        assert await backend.proof(proof_id)
        assert times_requested(network) == [1]
        await backend.close()


@pytest.mark.parametrize(
    ("action", "fulfillment", "execution"),
    [
        ("unexecutable", Fulfillment.UNFULFILLABLE, Execution.UNEXECUTABLE),
        ("unfulfillable", Fulfillment.UNFULFILLABLE, Execution.EXECUTED),
        ("expire", Fulfillment.EXPIRED, Execution.UNEXECUTED),
    ],
)
async def test_terminal_states_come_through_whatever_else_fails(
    lab: ProverLab, action: str, fulfillment: Fulfillment, execution: Execution
) -> None:
    """A failing or hanging call for details never hides that a request is over."""
    job, intents = range_job(lab.folder, 0, 2), MemoryIntents()
    async with lab.network(fulfil=False) as network, aiohttp.ClientSession() as session:
        backend = lab.backend(network.url, call_timeout=5.0)
        proof_id = await backend.submit(job, intents)
        control = f"{network.http_url}/control/requests/{proof_id.hex()}"
        async with session.post(control, json={"action": "assign"}) as answer:
            assert answer.status == 200
        assert (await backend.status(proof_id)).fulfillment is Fulfillment.ASSIGNED
        assert claims(lab) == [proof_id]
        async with session.post(control, json={"action": action}) as answer:
            assert answer.status == 200
        network.faults.add(
            Fault(method="GetProofRequestDetails", kind=FaultKind.FAIL, code="INTERNAL")
        )
        status = await backend.status(proof_id)
        assert (status.fulfillment, status.execution) == (fulfillment, execution)
        assert claims(lab) == []
        status = await backend.status(proof_id)
        assert status.reason is not None
        assert fulfillment.name.lower() in status.reason
        with pytest.raises(ProofNotReadyError):
            await backend.proof(proof_id)
        await backend.close()


async def test_what_a_request_must_show_is_kept_until_its_proof_is_there(lab: ProverLab) -> None:
    """No file stays behind in the work folder, neither of a range nor of an aggregation."""
    intents = MemoryIntents()
    async with lab.network() as network:
        backend = lab.backend(network.url)
        jobs = [range_job(lab.folder, start, start + 2) for start in (0, 2)]
        ranges = [await backend.submit(job, intents) for job in jobs]
        assert claims(lab) == sorted(ranges)
        proofs = []
        for proof_id in ranges:
            await settled(backend, proof_id)
            proofs.append(await backend.proof(proof_id))
        whole = await backend.submit(aggregation_job(jobs, tuple(proofs)), intents)
        assert claims(lab) == [whole]
        await settled(backend, whole)
        await backend.proof(whole)
        await backend.close()
    assert not list((lab.folder / "work").iterdir())


async def test_a_call_that_hangs_ends_by_its_timeout(lab: ProverLab) -> None:
    job, intents = range_job(lab.folder, 0, 2), MemoryIntents()
    async with lab.network(fulfil=False) as network:
        backend = lab.backend(network.url)
        proof_id = await backend.submit(job, intents)
        await backend.close()
        hasty = lab.backend(network.url, call_timeout=0.3)
        network.faults.add(Fault(method="GetProofRequestStatus", kind=FaultKind.STALL))
        with pytest.raises(ProverUnavailableError, match="DEADLINE_EXCEEDED"):
            await hasty.status(proof_id)
        await hasty.close()


async def test_the_networks_own_deadline_ends_a_request(lab: ProverLab) -> None:
    """Nothing here cuts a paid request short: it is over when the network says so."""
    job, intents = range_job(lab.folder, 0, 2), MemoryIntents()
    async with lab.network(fulfil=False) as network:
        backend = lab.backend(network.url, proving_timeout=2)
        proof_id = await backend.submit(job, intents)
        status = await settled(backend, proof_id)
        assert status.fulfillment is Fulfillment.EXPIRED
        await backend.close()


async def test_an_input_that_does_not_prove_its_claim_is_unexecutable(lab: ProverLab) -> None:
    """The network runs the program: a request of an aggregation with false proofs fails there."""
    job, intents = range_job(lab.folder, 0, 2), MemoryIntents()
    async with lab.network() as network:
        backend = lab.backend(network.url)
        proof_id = await backend.submit(job, intents)
        await settled(backend, proof_id)
        proof = await backend.proof(proof_id)
        forged = CompressedProof.decode(proof, public_values=job.boot_info.encode())
        data = forged.encode().replace(forged.recursion_proof, bytes(64))
        together = aggregation_job([job], [data])
        status = await settled(backend, await backend.submit(together, intents))
        assert status.execution is Execution.UNEXECUTABLE
        assert status.reason is not None
        assert "halt with non zero exit code" in status.reason
        with pytest.raises(ProofFormatError):
            await backend.submit(aggregation_job([job], [b"x"], key="other"), intents)
        await backend.close()


async def test_cancelling(lab: ProverLab) -> None:
    """The auction cancels; the base network cannot, and the request goes on."""
    job, intents = range_job(lab.folder, 0, 2), MemoryIntents()
    async with lab.network(kind="auction", fulfil=False) as network:
        backend = lab.backend(network.url, strategy=Strategy.AUCTION)
        proof_id = await backend.submit(job, intents)
        await backend.cancel(proof_id)
        assert (await backend.status(proof_id)).fulfillment is Fulfillment.UNFULFILLABLE
        await backend.cancel(proof_id)
        with pytest.raises(UnknownProofError):
            await backend.cancel(bytes(32))
        await backend.close()
    async with lab.network(fulfil=False) as network:
        backend = lab.backend(network.url)
        proof_id = await backend.submit(range_job(lab.folder, 2, 4), intents)
        assert claims(lab) == [proof_id]
        await backend.cancel(proof_id)
        assert (await backend.status(proof_id)).fulfillment is Fulfillment.REQUESTED
        assert claims(lab) == []
        await backend.close()


async def test_a_request_that_no_prover_takes_is_cancelled(lab: ProverLab) -> None:
    job, intents = range_job(lab.folder, 0, 2), MemoryIntents()
    async with lab.network(kind="auction", fulfil=False) as network:
        backend = lab.backend(network.url, strategy=Strategy.AUCTION, auction_timeout=-5)
        proof_id = await backend.submit(job, intents)
        status = await backend.status(proof_id)
        assert status.fulfillment is Fulfillment.UNFULFILLABLE
        assert status.reason is not None
        assert "no prover" in status.reason
        assert network.core.request(proof_id).fulfillment is Fulfillment.UNFULFILLABLE
        await backend.close()


async def test_the_price_cap_and_the_whitelist_are_sent(lab: ProverLab) -> None:
    """Above the cap nothing is bought: the network's refusal is final for the job."""
    job, intents = range_job(lab.folder, 0, 2), MemoryIntents()
    friends = (Address(b"\x01" * 20), Address(b"\x02" * 20))
    async with lab.network(kind="auction", fulfil=False) as network:
        backend = lab.backend(
            network.url, strategy=Strategy.AUCTION, max_price_per_pgu=999, whitelist=friends
        )
        with pytest.raises(ProofRefusedError, match="max price"):
            await backend.submit(job, intents)
        await backend.close()
        backend = lab.backend(
            network.url, strategy=Strategy.AUCTION, max_price_per_pgu=1000, whitelist=friends
        )
        proof_id = await backend.submit(job, intents)
        body = network_pb2.RequestProofRequestBody.FromString(network.core.request(proof_id).body)
        assert list(body.whitelist) == list(friends)
        assert (body.max_price_per_pgu, body.base_fee) == ("1000", "0")
        assert body.version == "sp1-v6.1.0"
        assert body.mode == network_pb2.ProofMode.COMPRESSED
        assert body.cycle_limit == body.gas_limit == 10**12
        await backend.close()


async def test_unknown_requests_and_simulated_proofs(lab: ProverLab) -> None:
    """An id that the network never gave is unknown; who is not told refuses simulated proofs."""
    job, intents = range_job(lab.folder, 0, 2), MemoryIntents()
    async with lab.network() as network:
        backend = lab.backend(network.url)
        for unknown in (bytes(32), b"short"):
            with pytest.raises(UnknownProofError):
                await backend.status(unknown)
        proof_id = await backend.submit(job, intents)
        await settled(backend, proof_id)
        strict = lab.backend(network.url, is_simulated=False)
        with pytest.raises(ProofFormatError, match="simulated"):
            await strict.proof(proof_id)
        tight = lab.backend(network.url, max_proof_bytes=100)
        with pytest.raises(ProofFormatError, match="at most 100 bytes"):
            await tight.proof(proof_id)
        (lab.folder / "work" / f"{proof_id.hex()}.claim").write_bytes(b"another claim")
        with pytest.raises(ProofFormatError, match="public values"):
            await backend.proof(proof_id)
        assert claims(lab) == [proof_id]
        (lab.folder / "work" / f"{proof_id.hex()}.claim").unlink()
        assert await backend.proof(proof_id)
        for item in (backend, strict, tight):
            await item.close()


async def test_signatures_count(lab: ProverLab) -> None:
    """Requests belong to who signed them: another account neither finds nor cancels them."""
    job, intents = range_job(lab.folder, 0, 2), MemoryIntents()
    async with lab.network(kind="auction", fulfil=False) as network:
        mine = lab.backend(network.url, strategy=Strategy.AUCTION)
        proof_id = await mine.submit(job, intents)
        assert network.core.request(proof_id).requester == mine.account.address
        other = lab.backend(
            network.url,
            strategy=Strategy.AUCTION,
            signer=LocalNetworkSigner.from_key("22" * 32),
        )
        with pytest.raises(ProverUnavailableError, match="another's request"):
            await other.cancel(proof_id)
        await mine.close()
        await other.close()


async def test_receipts_come_from_an_l1_node(lab: ProverLab) -> None:
    """What a RangeInput leaves out is fetched, and the guest input is the same as from a file."""
    given = range_input("calldata", 40, 47)
    wanted = missing_receipts(given)
    chain = ReplayChain(recording_dir("calldata"))
    async with (
        ReplayServer(chain, Faults()) as server,
        JsonRpcTransport(server.url("l1")) as transport,
    ):
        found = await L1Receipts(L1Client(transport)).receipts(wanted)
    assert wanted
    assert found == await RecordedReceipts().receipts(wanted)
    assert range_witness(given, found)
