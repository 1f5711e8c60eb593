"""The chain of backends and the daily budget."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from coprove.errors import InputError
from coprove.prover import (
    AggregationJob,
    AmbiguousSubmissionError,
    BudgetExceededError,
    Execution,
    Fulfillment,
    IntentLog,
    ProofCost,
    ProofRefusedError,
    ProofStatus,
    ProverUnavailableError,
    RangeJob,
    UnknownProofError,
)
from coprove.prover.server import key_of_client
from coprove.prover.zk import BackendChain, BudgetedBackend, DailyBudget
from coprove.prover.zk.chain import outer_key
from coprove.storage import SpendingLedger, open_ledger
from tests.unit.prover.zk.fakes import ScriptedBackend
from tests.unit.prover.zk.jobs import MemoryIntents, range_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FIRST = date(2026, 5, 1)


@pytest.fixture
def job(tmp_path: Path) -> RangeJob:
    return range_job(tmp_path, 0, 2)


def failed(execution: Execution) -> ProofStatus:
    return ProofStatus(fulfillment=Fulfillment.UNFULFILLABLE, execution=execution)


class Clock:
    """Time as a test says."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_identifiers_lead_to_their_backend(tmp_path: Path, job: RangeJob) -> None:
    """Status, proof and cancel go where the request went, in any process."""
    one, two = ScriptedBackend("one"), ScriptedBackend("two", is_simulated=True)
    one.failures = [ProofRefusedError("no")]
    chain, intents = BackendChain([one, two], tmp_path / "chain"), MemoryIntents()
    assert chain.is_simulated
    proof_id = await chain.submit(job, intents)
    assert proof_id.startswith(b"two:")
    again = BackendChain([one, two], tmp_path / "chain")
    assert await again.find(job.key, intents) == proof_id
    assert await again.submit(job, intents) == proof_id
    assert (await again.status(proof_id)).fulfillment is Fulfillment.ASSIGNED
    assert (await again.proof(proof_id)).startswith(b"proof of two ")
    await again.cancel(proof_id)
    assert not two.states
    assert await again.find("never", intents) is None
    for wrong in (b"", b"two", b"three:" + proof_id[4:], b"two:short"):
        with pytest.raises(UnknownProofError):
            await again.status(wrong)
    await again.close()
    assert one.closed
    assert two.closed


async def test_the_last_refusal_is_the_chains(tmp_path: Path, job: RangeJob) -> None:
    one, two = ScriptedBackend("one"), ScriptedBackend("two")
    one.failures, two.failures = [ProofRefusedError("one")], [ProofRefusedError("two")]
    with pytest.raises(ProofRefusedError, match="two"):
        await BackendChain([one, two], tmp_path / "chain").submit(job, MemoryIntents())


async def test_unavailable_for_long_moves_on(tmp_path: Path, job: RangeJob) -> None:
    """Within the patience the caller is told to try again; after it the next backend gets it."""
    one, two, clock = ScriptedBackend("one"), ScriptedBackend("two"), Clock()
    chain = BackendChain([one, two], tmp_path / "chain", patience=60, clock=clock)
    intents = MemoryIntents()
    one.failures = [ProverUnavailableError("down")] * 3
    for _ in range(2):
        with pytest.raises(ProverUnavailableError):
            await chain.submit(job, intents)
        clock.now += 30
    clock.now += 30
    assert (await chain.submit(job, intents)).startswith(b"two:")
    assert not one.accepted


async def test_what_may_have_been_accepted_never_moves(tmp_path: Path, job: RangeJob) -> None:
    """An ambiguous failure goes up; what turns out to be accepted stays where it is."""
    one, two, clock = ScriptedBackend("one"), ScriptedBackend("two"), Clock()
    chain = BackendChain([one, two], tmp_path / "chain", patience=0, clock=clock)
    intents = MemoryIntents()
    one.failures, one.lose = [AmbiguousSubmissionError("lost")], True
    with pytest.raises(AmbiguousSubmissionError):
        await chain.submit(job, intents)
    found = await chain.find(job.key, intents)
    assert found is not None
    assert found.startswith(b"one:")
    other = dataclasses.replace(job, key="other")
    one.failures, one.lose = [ProverUnavailableError("down")], False
    with pytest.raises(ProverUnavailableError):
        await chain.submit(other, intents)
    one.failures, one.lose = [ProverUnavailableError("accepted, then down")], True
    assert (await chain.submit(other, intents)).startswith(b"one:")
    assert not two.accepted


@pytest.mark.parametrize(
    ("execution", "moves"), [(Execution.EXECUTED, True), (Execution.UNEXECUTABLE, False)]
)
async def test_a_failed_proof_is_requested_elsewhere(
    tmp_path: Path, job: RangeJob, execution: Execution, moves: bool
) -> None:
    """A new request of the same work skips who failed at it, unless the program itself failed."""
    one, two, intents = ScriptedBackend("one"), ScriptedBackend("two"), MemoryIntents()
    chain = BackendChain([one, two], tmp_path / "chain")
    proof_id = await chain.submit(job, intents)
    one.states[one.accepted[f"{job.key}@one"]] = failed(execution)
    assert (await chain.status(proof_id)).execution is execution
    restarted = BackendChain([one, two], tmp_path / "chain")
    again = await restarted.submit(dataclasses.replace(job, key="again"), intents)
    assert again.startswith(b"two:") is moves
    if moves:
        two.states[two.accepted["again@two"]] = failed(execution)
        await restarted.status(again)
        third = await restarted.submit(dataclasses.replace(job, key="third"), intents)
        assert third.startswith(b"one:")


def test_names_tell_backends_apart(tmp_path: Path) -> None:
    for names in ([], ["a", "a"], ["a:b"]):
        with pytest.raises(InputError):
            BackendChain([ScriptedBackend(name) for name in names], tmp_path)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SpendingLedger]:
    async with await open_ledger(f"sqlite:///{tmp_path / 'requests.sqlite'}") as opened:
        yield opened


class Days:
    """A calendar as a test says."""

    def __init__(self) -> None:
        """Begin late on a day."""
        self.day = 1

    def __call__(self) -> datetime:
        return datetime(2026, 5, self.day, 23, 59, tzinfo=UTC)


async def test_the_budget_stops_requests_until_the_next_day(tmp_path: Path, job: RangeJob) -> None:
    """A restart changes nothing, and a key counts once however often it is submitted."""
    url = f"sqlite:///{tmp_path / 'requests.sqlite'}"
    backend, intents, days = ScriptedBackend("one"), MemoryIntents(), Days()
    budget = DailyBudget(requests=2)

    async def submit(key: str) -> bytes:
        """As a process that has just started."""
        async with await open_ledger(url) as ledger:
            budgeted = BudgetedBackend(backend, budget, ledger, now=days)
            return await budgeted.submit(dataclasses.replace(job, key=key), intents)

    for key in ("a", "a", "b"):
        await submit(key)
    with pytest.raises(BudgetExceededError, match="2 requests"):
        await submit("c")
    assert await submit("b")
    days.day = 2
    await submit("c")
    assert set(backend.accepted) == {"a", "b", "c"}


async def test_prices_replace_estimates(ledger: SpendingLedger, job: RangeJob) -> None:
    """Units count as estimated until a final status names the price."""
    backend, intents = ScriptedBackend("one"), MemoryIntents()
    budget = DailyBudget(units=100, range_estimate=60, aggregation_estimate=60)
    budgeted = BudgetedBackend(backend, budget, ledger, now=Days())
    proof_id = await budgeted.submit(job, intents)
    second = dataclasses.replace(job, key="second")
    with pytest.raises(BudgetExceededError):
        await budgeted.submit(second, intents)
    backend.states[proof_id] = ProofStatus(
        fulfillment=Fulfillment.FULFILLED,
        execution=Execution.EXECUTED,
        cost=ProofCost(price=10),
    )
    await budgeted.status(proof_id)
    assert await ledger.spent(FIRST) == (1, 10)
    await budgeted.submit(second, intents)
    assert await ledger.spent(FIRST) == (2, 70)


async def test_what_was_refused_does_not_count(ledger: SpendingLedger, job: RangeJob) -> None:
    """A refusal frees the reservation, an ambiguous failure keeps it until `find` is certain."""
    backend, intents = ScriptedBackend("one"), MemoryIntents()
    budgeted = BudgetedBackend(backend, DailyBudget(requests=1), ledger, now=Days())
    backend.failures = [ProofRefusedError("no"), AmbiguousSubmissionError("lost")]
    with pytest.raises(ProofRefusedError):
        await budgeted.submit(job, intents)
    assert await ledger.spent(FIRST) == (0, 0)
    with pytest.raises(AmbiguousSubmissionError):
        await budgeted.submit(job, intents)
    assert await ledger.spent(FIRST) == (1, 0)
    assert await budgeted.find(job.key, intents) is None
    assert await ledger.spent(FIRST) == (0, 0)


async def test_the_budget_holds_under_concurrency(ledger: SpendingLedger, job: RangeJob) -> None:
    """Of many at once exactly so many pass."""
    backend, intents = ScriptedBackend("one"), MemoryIntents()
    budgeted = BudgetedBackend(backend, DailyBudget(requests=3), ledger, now=Days())
    jobs = [dataclasses.replace(job, key=str(number)) for number in range(10)]
    found = await asyncio.gather(
        *(budgeted.submit(item, intents) for item in jobs), return_exceptions=True
    )
    assert sum(isinstance(item, bytes) for item in found) == 3
    assert len(backend.accepted) == 3
    assert budgeted.name == "one"


async def test_what_a_proposer_asks_of_a_server_on_its_database_counts_once(
    ledger: SpendingLedger, job: RangeJob
) -> None:
    """The server pays and knows the price; behind a chain on either side too."""
    budget, intents = DailyBudget(requests=1), MemoryIntents()
    network = ScriptedBackend("network")
    paying = BudgetedBackend(
        network, budget, ledger, ledger_key=lambda key: outer_key(key, "network"), now=Days()
    )

    class Server(ScriptedBackend):
        async def submit(self, job: RangeJob | AggregationJob, intents: IntentLog) -> bytes:
            key = f"{key_of_client(job.key)}@network"
            await paying.submit(dataclasses.replace(job, key=key), intents)
            return await super().submit(job, intents)

    asking = BudgetedBackend(Server("server"), budget, ledger, ledger_key=key_of_client, now=Days())
    await asking.submit(job, intents)
    (paid_for,) = network.states
    network.states[paid_for] = ProofStatus(
        fulfillment=Fulfillment.FULFILLED,
        execution=Execution.EXECUTED,
        cost=ProofCost(price=10),
    )
    await paying.status(paid_for)
    assert await ledger.spent(FIRST) == (1, 10)
    with pytest.raises(BudgetExceededError):
        await asking.submit(dataclasses.replace(job, key="second"), intents)


def test_a_limit_in_units_needs_estimates() -> None:
    with pytest.raises(InputError):
        DailyBudget(units=5)
