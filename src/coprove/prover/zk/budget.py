"""A daily budget: spending stops before it is exceeded, whatever restarts in between."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from coprove.errors import Critical, InputError
from coprove.prover.backend import RangeJob
from coprove.prover.errors import BudgetExceededError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from coprove.prover.backend import AggregationJob, IntentLog, ProofStatus, ProverBackend

T = TypeVar("T")

__all__ = ["BudgetedBackend", "DailyBudget", "SpendingLedger", "SqliteLedger"]


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
    """Durable account of what was spent; every call is one transaction."""

    async def reserve(self, day: str, key: str, units: int, budget: DailyBudget) -> bool:
        """Count a request of `key` on `day` (ISO date), once; False when the budget forbids it.

        True also when `key` was counted before, on whatever day.
        """

    async def attach(self, key: str, proof_id: bytes) -> None:
        """Note which request a reservation became."""

    async def release(self, key: str) -> None:
        """Forget a reservation of which nothing came."""

    async def settle(self, proof_id: bytes, units: int) -> None:
        """Count what a request did cost in place of its estimate."""

    async def spent(self, day: str) -> tuple[int, int]:
        """Return requests and units of a day."""


class SqliteLedger:
    """A ledger in a file of its own."""

    def __init__(self, path: Path) -> None:
        """Open or create the file."""
        self._path = path
        self._lock = threading.Lock()
        with closing(self._open()) as db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS spending (key TEXT PRIMARY KEY, day TEXT NOT NULL,"
                " units INTEGER NOT NULL, proof_id BLOB)"
            )
            db.execute("CREATE INDEX IF NOT EXISTS by_day ON spending (day)")

    async def reserve(self, day: str, key: str, units: int, budget: DailyBudget) -> bool:
        """As in SpendingLedger."""

        def work(db: sqlite3.Connection) -> bool:
            if db.execute("SELECT 1 FROM spending WHERE key = ?", (key,)).fetchone():
                return True
            requests, spent = _spent(db, day)
            if budget.requests is not None and requests + 1 > budget.requests:
                return False
            if budget.units is not None and spent + units > budget.units:
                return False
            db.execute("INSERT INTO spending VALUES (?, ?, ?, NULL)", (key, day, units))
            return True

        return await self._run(work)

    async def attach(self, key: str, proof_id: bytes) -> None:
        """As in SpendingLedger."""
        await self._run(
            lambda db: (
                db.execute(
                    "UPDATE spending SET proof_id = ? WHERE key = ?", (proof_id, key)
                ).rowcount
            )
        )

    async def release(self, key: str) -> None:
        """As in SpendingLedger."""
        await self._run(
            lambda db: db.execute("DELETE FROM spending WHERE key = ?", (key,)).rowcount
        )

    async def settle(self, proof_id: bytes, units: int) -> None:
        """As in SpendingLedger."""
        await self._run(
            lambda db: (
                db.execute(
                    "UPDATE spending SET units = ? WHERE proof_id = ?", (units, proof_id)
                ).rowcount
            )
        )

    async def spent(self, day: str) -> tuple[int, int]:
        """As in SpendingLedger."""
        return await self._run(lambda db: _spent(db, day))

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._transaction, work)

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock, closing(self._open()) as db:
            db.execute("BEGIN IMMEDIATE")
            found = work(db)
            db.execute("COMMIT")
            return found

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None, timeout=30.0)
        db.execute("PRAGMA synchronous = FULL")
        return db


def _spent(db: sqlite3.Connection, day: str) -> tuple[int, int]:
    row = db.execute(
        "SELECT COUNT(*), COALESCE(SUM(units), 0) FROM spending WHERE day = ?", (day,)
    ).fetchone()
    return int(row[0]), int(row[1])


class BudgetedBackend:
    """A backend that requests nothing beyond the day's budget."""

    def __init__(
        self,
        backend: ProverBackend,
        budget: DailyBudget,
        ledger: SpendingLedger,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Wrap `backend`, whose name and identifiers stay."""
        self._backend, self._budget, self._ledger, self._now = backend, budget, ledger, now

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
        budget, day = self._budget, self._now().astimezone(UTC).date().isoformat()
        is_range = isinstance(job, RangeJob)
        units = budget.range_estimate if is_range else budget.aggregation_estimate
        if not await self._ledger.reserve(day, job.key, units, budget):
            requests, spent = await self._ledger.spent(day)
            raise BudgetExceededError(
                f"{day}: {requests} requests and {spent} units are spent, "
                f"the budget is {budget.requests} and {budget.units}"
            )
        try:
            proof_id = await self._backend.submit(job, intents)
        except Critical:
            await self._ledger.release(job.key)
            raise
        await self._ledger.attach(job.key, proof_id)
        return proof_id

    async def find(self, key: str, intents: IntentLog) -> bytes | None:
        """As in ProverBackend; what was not requested is not counted either."""
        found = await self._backend.find(key, intents)
        if found is None:
            await self._ledger.release(key)
        else:
            await self._ledger.attach(key, found)
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
