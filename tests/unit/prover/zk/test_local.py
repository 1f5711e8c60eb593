"""The backends that run the programs on this machine."""

from __future__ import annotations

import dataclasses
import os
import signal
from typing import TYPE_CHECKING

import pytest

from coprove.contracts.mock_proof import mock_proof
from coprove.program import run_aggregation
from coprove.prover import (
    Execution,
    Fulfillment,
    ProgramRunError,
    ProofFormatError,
    ProofNotReadyError,
    UnknownProofError,
    WorkerDiedError,
)
from coprove.prover.pool import RangePool
from coprove.prover.zk import ExecuteBackend, MockBackend
from coprove.prover.zk.execute import NO_PROOF
from coprove.prover.zk.sp1_proof import CompressedProof
from tests.unit.prover.zk.jobs import (
    AGGREGATION_VKEY,
    RANGE_VKEY,
    MemoryIntents,
    aggregation_job,
    range_job,
    settled,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def pool() -> Iterator[RangePool]:
    pool = RangePool(1)
    yield pool
    pool.close()


def mock_in(folder: Path, pool: RangePool) -> MockBackend:
    return MockBackend(
        folder / "mock", pool, range_vkey=RANGE_VKEY, aggregation_vkey=AGGREGATION_VKEY
    )


def exit_now() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def test_mock_proves_ranges_and_their_aggregation(tmp_path: Path, pool: RangePool) -> None:
    """Range proofs have the network's layout; the aggregation's bytes are the mock verifier's."""
    backend, intents = mock_in(tmp_path, pool), MemoryIntents()
    jobs = [range_job(tmp_path, 0, 3), range_job(tmp_path, 3, 5)]
    proofs = []
    for job in jobs:
        proof_id = await backend.submit(job, intents)
        status = await settled(backend, proof_id)
        assert (status.fulfillment, status.execution) == (
            Fulfillment.FULFILLED,
            Execution.EXECUTED,
        ), status
        assert status.cost is not None
        assert status.cost.gas
        assert status.cost.cycles
        proofs.append(await backend.proof(proof_id))
    assert CompressedProof.decode(proofs[0], public_values=jobs[0].boot_info.encode())
    together = aggregation_job(jobs, proofs)
    proof_id = await backend.submit(together, intents)
    assert (await settled(backend, proof_id)).fulfillment is Fulfillment.FULFILLED
    claim = run_aggregation(together.given).abi_encode()
    assert await backend.proof(proof_id) == mock_proof(AGGREGATION_VKEY, claim)
    await backend.close()


async def test_jobs_survive_a_restart(tmp_path: Path, pool: RangePool) -> None:
    """A job that was under way is run again by the next process, under the same identifier."""
    before, intents = mock_in(tmp_path, pool), MemoryIntents()
    job = range_job(tmp_path, 0, 2)
    assert await before.find(job.key, intents) is None
    proof_id = await before.submit(job, intents)
    await before.close()
    after = mock_in(tmp_path, pool)
    assert await after.find(job.key, intents) == proof_id
    assert await after.submit(job, intents) == proof_id
    assert (await settled(after, proof_id)).fulfillment is Fulfillment.FULFILLED
    first = await after.proof(proof_id)
    await after.close()
    assert await mock_in(tmp_path, pool).proof(proof_id) == first


async def test_execute_reports_cost_and_has_no_proof(tmp_path: Path, pool: RangePool) -> None:
    backend, intents = ExecuteBackend(tmp_path / "execute", pool), MemoryIntents()
    job = range_job(tmp_path, 0, 2)
    proof_id = await backend.submit(job, intents)
    status = await settled(backend, proof_id)
    assert (status.execution, status.reason) == (Execution.EXECUTED, NO_PROOF)
    assert status.cost is not None
    assert status.cost.seconds
    with pytest.raises(ProofNotReadyError):
        await backend.proof(proof_id)
    other = await backend.submit(aggregation_job([job], [b""]), intents)
    assert (await settled(backend, other)).execution is Execution.EXECUTED
    await backend.close()


async def test_a_false_claim_is_unexecutable(tmp_path: Path, pool: RangePool) -> None:
    """The program is run, so a claim that does not hold gets no mock proof."""
    backend, intents = mock_in(tmp_path, pool), MemoryIntents()
    job = range_job(tmp_path, 0, 2)
    other = dataclasses.replace(
        job, key="other", boot_info=dataclasses.replace(job.boot_info, l2_block_number=3)
    )
    status = await settled(backend, await backend.submit(other, intents))
    assert (status.fulfillment, status.execution) == (
        Fulfillment.UNFULFILLABLE,
        Execution.UNEXECUTABLE,
    )
    job.input_path.write_bytes(b"coprove")
    status = await settled(backend, await backend.submit(job, intents))
    assert status.execution is Execution.UNEXECUTABLE
    assert status.reason is not None
    assert "schema id" in status.reason
    await backend.close()


async def test_mock_refuses_an_aggregation_of_other_proofs(tmp_path: Path, pool: RangePool) -> None:
    backend = mock_in(tmp_path, pool)
    with pytest.raises(ProofFormatError):
        await backend.submit(
            aggregation_job([range_job(tmp_path, 0, 2)], [b"proof"]), MemoryIntents()
        )


async def test_cancelled_and_unknown_proofs(tmp_path: Path, pool: RangePool) -> None:
    backend, intents = mock_in(tmp_path, pool), MemoryIntents()
    proof_id = await backend.submit(range_job(tmp_path, 0, 2), intents)
    await backend.cancel(proof_id)
    status = await backend.status(proof_id)
    assert (status.fulfillment, status.reason) == (Fulfillment.UNFULFILLABLE, "cancelled")
    for call in (backend.status, backend.proof, backend.cancel):
        with pytest.raises(UnknownProofError):
            await call(b"unknown")
    await backend.close()


async def test_a_pool_whose_worker_dies_has_new_ones(tmp_path: Path) -> None:
    pool = RangePool(1)
    try:
        with pytest.raises(WorkerDiedError):
            await pool.call(exit_now)
        report = await pool.report(range_job(tmp_path, 0, 2).input_path)
        assert report.blocks == 2
        with pytest.raises(ProgramRunError, match="schema id"):
            await pool.run(b"")
    finally:
        pool.close()
