"""A daily budget: spending stops before it is exceeded, however many processes share it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from coprove.errors import Critical, InputError
from coprove.prover.backend import RangeJob
from coprove.prover.errors import BudgetExceededError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from coprove.prover.backend import AggregationJob, IntentLog, ProofStatus, ProverBackend

__all__ = ["BudgetedBackend", "DailyBudget", "SpendingLedger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyBudget:
    """What may be spent in one day (UTC)."""

    requests: int | None = None
    """Proof requests; None: any number."""
    units: int | None = None
    """Payment units (the payment token's base unit); None: any amount."""
    range_estimate: int = 0
    """Units that a range counts until its price is known."""
    aggregation_estimate: int = 0
    """Units that an aggregation counts until its price is known."""

    def __post_init__(self) -> None:
        """Refuse a limit in units without estimates: it would stop nothing."""
        if self.units is not None and not (self.range_estimate and self.aggregation_estimate):
            raise InputError("daily budget", expected="estimates beside units", actual="none")


class SpendingLedger(Protocol):
    """Durable account of what was spent; every call is one transaction.

    All processes that spend of one budget share one: reservations at the same time never pass a
    limit together.
    """

    async def reserve(
        self,
        key: str,
        *,
        day: date,
        backend: str,
        amount: int,
        max_requests: int | None,
        max_amount: int | None,
    ) -> bool:
        """Count a request of `key` on a day (UTC), once; False when it goes beyond a limit.

        True also when `key` was counted before, on whatever day.
        """

    async def attach(self, key: str, proof_id: bytes) -> None:
        """Note which proof a reservation became; the first note counts."""

    async def release(self, key: str) -> None:
        """Forget a reservation of which nothing came."""

    async def settle(self, proof_id: bytes, amount: int) -> None:
        """Count what a proof did cost in place of its estimate."""

    async def spent(self, day: date) -> tuple[int, int]:
        """Return requests and units of a day."""


class BudgetedBackend:
    """A backend that requests nothing beyond the day's budget."""

    def __init__(
        self,
        backend: ProverBackend,
        budget: DailyBudget,
        ledger: SpendingLedger,
        *,
        ledger_key: Callable[[str], str] = str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Wrap `backend`, whose name and identifiers stay.

        `ledger_key` turns a job's key into the one that it is counted under: what two processes
        count of one request, the proposer that asks and the server that pays, has one.
        """
        self._backend, self._budget, self._ledger = backend, budget, ledger
        self._ledger_key, self._now = ledger_key, now

    @property
    def name(self) -> str:
        """As in ProverBackend."""
        return self._backend.name

    @property
    def is_simulated(self) -> bool:
        """As in ProverBackend."""
        return self._backend.is_simulated

    async def submit(self, job: RangeJob | AggregationJob, intents: IntentLog) -> bytes:
        """As in ProverBackend; BudgetExceededError when the day's budget does not allow it."""
        budget, day = self._budget, self._now().astimezone(UTC).date()
        is_range = isinstance(job, RangeJob)
        key = self._ledger_key(job.key)
        is_within = await self._ledger.reserve(
            key,
            day=day,
            backend=self.name,
            amount=budget.range_estimate if is_range else budget.aggregation_estimate,
            max_requests=budget.requests,
            max_amount=budget.units,
        )
        if not is_within:
            requests, spent = await self._ledger.spent(day)
            raise BudgetExceededError(
                f"{day}: {requests} requests and {spent} units are spent, "
                f"the budget is {budget.requests} and {budget.units}"
            )
        try:
            proof_id = await self._backend.submit(job, intents)
        except Critical:
            await self._ledger.release(key)
            raise
        await self._ledger.attach(key, proof_id)
        return proof_id

    async def find(self, key: str, intents: IntentLog) -> bytes | None:
        """As in ProverBackend; what was not requested is not counted either."""
        found = await self._backend.find(key, intents)
        if found is None:
            await self._ledger.release(self._ledger_key(key))
        else:
            await self._ledger.attach(self._ledger_key(key), found)
        return found

    async def status(self, proof_id: bytes) -> ProofStatus:
        """As in ProverBackend; a price that is known replaces the estimate."""
        status = await self._backend.status(proof_id)
        if status.fulfillment.is_final and status.cost and status.cost.price is not None:
            await self._ledger.settle(proof_id, status.cost.price)
        return status

    async def proof(self, proof_id: bytes) -> bytes:
        """As in ProverBackend."""
        return await self._backend.proof(proof_id)

    async def cancel(self, proof_id: bytes) -> None:
        """As in ProverBackend."""
        await self._backend.cancel(proof_id)

    async def close(self) -> None:
        """As in ProverBackend."""
        await self._backend.close()
