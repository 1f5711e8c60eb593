"""Brings slashings and rewards on chain: each until a final block has it, none twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from coprove.avs.aggregator.lead import NotLeadingError
from coprove.avs.aggregator.settlement.metrics import DUE, FAILED, SENT, SETTLED
from coprove.contracts import ContractReader
from coprove.contracts.errors import (
    CallRevertedError,
    ManagerClosedError,
    TransactionRevertedError,
)
from coprove.errors import CoproveError
from coprove.storage import AvsSettlementKind, AvsSettlementState, StoredSettlement
from coprove.storage.errors import LeaseLostError
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.avs.aggregator.settlement.due import Due, DueSource
    from coprove.contracts.transactions import TransactionManager
    from coprove.rpc import RpcTransport
    from coprove.storage import AvsSettlementLog
    from coprove.telemetry import Metrics
    from coprove.types import Hash32

__all__ = ["Settler", "SettlerOptions"]

_Name: TypeAlias = "tuple[AvsSettlementKind, Hash32, Hash32]"
_log = get_logger(part="aggregator")
_TOO_EARLY = "TooEarly"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlerOptions:
    """How long and how often; times in seconds."""

    retry: float = 12.0
    """After a refusal; doubled with each further one."""
    longest_retry: float = 3600.0
    """Between two tries at most."""
    give_up: float = 60 * 86_400.0
    """Age from which nothing is tried any more: stake can be withdrawn long before."""
    at_once: int = 4
    """Tasks for which something is on its way at one time."""


class Settler:
    """One pass at a time; what is on its way is stored before it is sent, and resumed."""

    def __init__(
        self,
        sources: Sequence[DueSource],
        *,
        log: AvsSettlementLog,
        transport: RpcTransport,
        sender: TransactionManager,
        metrics: Metrics,
        options: SettlerOptions | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Send from the sender's account; `metrics` has SETTLEMENT_METRICS."""
        self._sources, self._log = sources, log
        self._transport, self._sender, self._metrics = transport, sender, metrics
        self._options = options or SettlerOptions()
        self._clock = clock
        self._failures: Counter[_Name] = Counter()
        self._not_before: dict[_Name, float] = {}

    async def tick(self) -> None:
        """Bring on what is due. Errors of one thing are counted and logged, and stay with it.

        LeaseLostError, and errors of reading what is due, are raised.
        """
        since = self._clock() - self._options.give_up
        # For one task one after the other: who was slashed for one reason is not for another.
        groups: defaultdict[Hash32, list[Due]] = defaultdict(list)
        for source in self._sources:
            for due in await source.due(since=since):
                groups[due.key].append(due)
        counts = Counter(due.kind for group in groups.values() for due in group)
        for kind in AvsSettlementKind:
            self._metrics.set(DUE, counts[kind], kind=kind.value)
        room = asyncio.Semaphore(self._options.at_once)

        async def settle_all(group: Sequence[Due]) -> None:
            async with room:
                for due in group:
                    await self._try(due)

        ended = await asyncio.gather(*map(settle_all, groups.values()), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error
        names = {_name(due) for group in groups.values() for due in group}
        for name in self._not_before.keys() - names:
            del self._not_before[name], self._failures[name]

    async def _try(self, due: Due) -> None:
        name = _name(due)
        if self._clock() < self._not_before.get(name, 0.0):
            return
        try:
            await self._settle(due)
        except (LeaseLostError, NotLeadingError, ManagerClosedError):
            raise
        except CallRevertedError as error:
            if error.error == _TOO_EARLY and isinstance(error.arguments_of_error[0], int):
                self._not_before[name] = float(error.arguments_of_error[0])
                return
            self._again_later(due, error.error, error)
        except TransactionRevertedError as error:
            self._again_later(due, error.error, error)
        except CoproveError as error:
            self._again_later(due, type(error).__name__, error)

    async def _settle(self, due: Due) -> None:
        stored = await self._log.settlement(*_name(due))
        if await due.is_done("latest"):
            if await due.is_done("finalized"):
                await self._log.put(self._record(due, stored, AvsSettlementState.DONE))
                self._metrics.inc(SETTLED, kind=due.kind.value)
                _log.info("settled", **_shown(due))
            return
        call = await due.call()
        if stored is None or stored.state is not AvsSettlementState.OPEN:
            reader = ContractReader(self._transport, call.to)
            await reader.check(call.data, sender=self._sender.address, what=due.kind.value)
            attempt = 1 if stored is None else stored.attempt + 1
            stored = StoredSettlement(
                kind=due.kind,
                key=due.key,
                operator_id=due.operator_id,
                attempt=attempt,
                state=AvsSettlementState.OPEN,
                updated_at=self._clock(),
            )
            await self._log.put(stored)
        try:
            await self._sender.send(
                key=f"avs-{due.kind.value}/{due.key}/{due.operator_id}/{stored.attempt}",
                to=call.to,
                data=call.data,
            )
        except (CallRevertedError, TransactionRevertedError) as error:
            failed = self._record(due, stored, AvsSettlementState.FAILED, error=error.error)
            await self._log.put(failed)
            raise
        self._metrics.inc(SENT, kind=due.kind.value)
        _log.info("settlement sent", **_shown(due))

    def _record(
        self,
        due: Due,
        stored: StoredSettlement | None,
        state: AvsSettlementState,
        *,
        error: str | None = None,
    ) -> StoredSettlement:
        return StoredSettlement(
            kind=due.kind,
            key=due.key,
            operator_id=due.operator_id,
            attempt=1 if stored is None else stored.attempt,
            state=state,
            error=error,
            updated_at=self._clock(),
        )

    def _again_later(self, due: Due, error_name: str, error: CoproveError) -> None:
        name = _name(due)
        # More than that is beyond the longest pause anyhow.
        doubled = self._options.retry * 2 ** min(self._failures[name], 32)
        wait = min(doubled, self._options.longest_retry)
        self._failures[name] += 1
        self._not_before[name] = self._clock() + wait
        self._metrics.inc(FAILED, kind=due.kind.value, error=error_name)
        _log.warning("not settled", **_shown(due), error=str(error), again_in=wait)


def _name(due: Due) -> _Name:
    return due.kind, due.key, due.operator_id


def _shown(due: Due) -> dict[str, str]:
    """Return what logs say of it."""
    shown = {"kind": due.kind.value, "task": due.key.hex0x}
    if due.kind is not AvsSettlementKind.REWARD:
        shown["operator"] = due.operator_id.hex0x
    return shown
