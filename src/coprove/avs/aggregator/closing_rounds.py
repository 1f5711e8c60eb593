"""How a task ends: confirmed, expired, or without its reference block; and whether that lasts."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from coprove.avs.aggregator.confirming import Confirmer
from coprove.avs.aggregator.errors import ConfirmationRevertedError, NotCoveredError
from coprove.avs.aggregator.metrics import (
    CLOSED,
    CONFIRMATION_FAILURES,
    EVIDENCE,
    REORGS,
    THRESHOLD_TO_TRANSACTION,
)
from coprove.closing import AsyncClosing
from coprove.contracts.errors import ManagerClosedError
from coprove.errors import CoproveError, Reset
from coprove.storage import AvsTaskState
from coprove.storage.errors import LeaseLostError
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.avs.aggregator.gate import ConfirmationGate
    from coprove.avs.aggregator.options import EngineOptions
    from coprove.avs.aggregator.protocols import RegistryView
    from coprove.avs.aggregator.rounds import Round
    from coprove.storage import AvsLog
    from coprove.telemetry import Metrics

__all__ = ["Closer"]

_log = get_logger(part="aggregator")
_LONGEST_BACKOFF = 8


class Closer(AsyncClosing):
    """Brings tasks to their end, each in a task of asyncio's own."""

    def __init__(
        self,
        *,
        gate: ConfirmationGate,
        registry: RegistryView,
        log: AvsLog,
        metrics: Metrics,
        options: EngineOptions,
        clock: Callable[[], float],
    ) -> None:
        """Share what the engine has."""
        self._gate = gate
        self._registry = registry
        self._log = log
        self._metrics = metrics
        self._options = options
        self._clock = clock
        self._confirmer = Confirmer(gate, registry, log, clock=clock, sending=self._sending)
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._confirmed_at: dict[int, float] = {}
        self._lost: LeaseLostError | None = None
        self._closed = False

    def met(self, found: Round) -> None:
        """Look whether a task's thresholds are met, and confirm it when it need not wait."""
        if found.state is not AvsTaskState.OPEN or found.operators is None or self._closed:
            return
        best = found.best()
        if best is None or not best.is_met:
            return
        if found.met_at is None:
            found.met_at = time.monotonic()
        now = self._clock()
        waits = now < found.task.created_at + self._options.min_wait or now < found.retry_at
        if not waits:
            self._start(found)

    def _start(self, found: Round) -> None:
        if found.task.number not in self._under_way:
            self._under_way[found.task.number] = asyncio.create_task(
                self._confirm(found), name=f"confirm {found.task.number}"
            )

    async def look_after(self, found: Round) -> None:
        """Do what time brings to one task."""
        if self._lost is not None:
            raise self._lost
        try:
            if found.state is AvsTaskState.OPEN:
                await self._look_at_open(found)
            elif found.state is AvsTaskState.CONFIRMED and self.watches(found):
                await self._look_at_confirmed(found)
        except LeaseLostError:
            raise
        except CoproveError as error:
            _log.warning("a task is looked at later", task=found.task.number, error=str(error))

    def watches(self, found: Round) -> bool:
        """Whether a confirmation is so young that the chain might still lose it."""
        if found.state is not AvsTaskState.CONFIRMED:
            return False
        since = self._confirmed_at.setdefault(found.task.number, self._clock())
        return self._clock() - since < self._options.watch

    def forget(self, found: Round) -> None:
        """Let go of what is known of a closed task."""
        self._confirmed_at.pop(found.task.number, None)

    def lose(self, error: LeaseLostError) -> None:
        """Note that another leads: the next look at a task raises it."""
        self._lost = error

    async def attach_operators(self, found: Round) -> None:
        """Read who may sign a task; it is void when its reference block left the chain."""
        try:
            operators = await self._registry.operator_set(
                found.task.reference_block, found.task.quorums
            )
        except Reset:
            operators = None
        if operators is None or operators.block_hash != found.block_hash:
            self._metrics.inc(REORGS)
            _log.warning("a reference block left the chain", task=found.task.number)
            await self._end(found, AvsTaskState.VOID)
            return
        found.set_operators(operators)

    async def settled(self) -> None:
        """Return when nothing is under way."""
        while self._under_way:
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def close(self) -> None:
        """Stop; what is stored as under way is resumed by whoever comes next."""
        self._closed = True
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_at_open(self, found: Round) -> None:
        now = self._clock()
        if found.task.number in self._under_way:
            return
        if now >= found.task.expires_at:
            # What was sent in time may still arrive.
            if now < found.retry_at:
                return
            if await self._confirmer.is_under_way(found):
                self._start(found)
            else:
                await self._end(found, AvsTaskState.EXPIRED)
            return
        if now - found.checked_at >= self._options.recheck:
            found.checked_at = now
            await self.attach_operators(found)
        self.met(found)

    async def _look_at_confirmed(self, found: Round) -> None:
        now = self._clock()
        if now - found.checked_at < self._options.recheck:
            return
        found.checked_at = now
        if await self._gate.confirmation(found.task.key) is not None:
            return
        _log.error("a confirmation left the chain", task=found.task.number)
        self._metrics.inc(REORGS)
        await self._confirmer.reopen(found)
        found.state, found.met_at, found.retry_at = AvsTaskState.OPEN, None, 0.0
        self._confirmed_at.pop(found.task.number, None)
        await self.attach_operators(found)
        self.met(found)

    async def _confirm(self, found: Round) -> None:
        try:
            await self._confirm_now(found)
        except NotCoveredError as error:
            # Signatures may come, provers may come back.
            self._again_later(found, "NotCovered", error)
        except ConfirmationRevertedError as error:
            self._again_later(found, error.error, error)
        except ManagerClosedError:
            _log.info("a confirmation goes on after the restart", task=found.task.number)
        except LeaseLostError as error:
            self._lost = error
        except CoproveError as error:
            self._again_later(found, type(error).__name__, error)
        finally:
            self._under_way.pop(found.task.number, None)

    async def _confirm_now(self, found: Round) -> None:
        evidence = await self._confirmer.confirm(found)
        for one in evidence:
            self._metrics.inc(EVIDENCE, kind=one.kind.value)
            _log.error("an operator signed another state", operator=one.operator_id.hex0x)
        found.state, found.checked_at, found.failures = (
            AvsTaskState.CONFIRMED,
            self._clock(),
            0,
        )
        self._confirmed_at[found.task.number] = self._clock()
        self._metrics.inc(CLOSED, state=found.state.value)
        _log.info("task confirmed", task=found.task.number, signers=len(found.accepted))

    async def _end(self, found: Round, state: AvsTaskState) -> None:
        await self._log.set_state(found.task.number, state)
        found.state = state
        self._metrics.inc(CLOSED, state=state.value)
        _log.warning("task ended unconfirmed", task=found.task.number, state=state.value)

    def _again_later(self, found: Round, name: str, error: CoproveError) -> None:
        wait = self._options.retry * min(2**found.failures, _LONGEST_BACKOFF)
        found.failures += 1
        found.retry_at = self._clock() + wait
        self._metrics.inc(CONFIRMATION_FAILURES, error=name)
        _log.warning("confirmation fails", task=found.task.number, error=str(error), again_in=wait)

    def _sending(self, found: Round) -> None:
        if found.met_at is not None:
            self._metrics.observe(THRESHOLD_TO_TRANSACTION, time.monotonic() - found.met_at)
            found.met_at = None
