"""Bringing on chain what a quorum signed: once, whatever happens on the way.

An attempt is stored before it is sent, with its calldata and under a key of its own for the
transaction manager, which sends once for a key. What the chain holds comes before what is stored:
whoever confirmed a task, it is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.attestation import AvsPoe
from coprove.avs.aggregator.aggregation import aggregate
from coprove.avs.aggregator.confirm_call import ConfirmCall
from coprove.avs.aggregator.errors import ConfirmationRevertedError, NotCoveredError
from coprove.avs.aggregator.evidence import contradictions
from coprove.contracts.errors import CallRevertedError, TransactionRevertedError
from coprove.storage import (
    AvsConfirmationState,
    AvsTaskState,
    StoredConfirmation,
    StoredEvidence,
)
from coprove.telemetry import get_logger
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.avs.aggregator.aggregation import Aggregate
    from coprove.avs.aggregator.gate import ChainConfirmation, ConfirmationGate
    from coprove.avs.aggregator.protocols import RegistryView
    from coprove.avs.aggregator.rounds import Round
    from coprove.storage import AvsLog

__all__ = ["Confirmer"]

_log = get_logger(part="aggregator")
_PROVER_NOT_LIVE: Final = "ProverNotLive"


class Confirmer:
    """Confirms tasks; for one task one call at a time."""

    def __init__(
        self,
        gate: ConfirmationGate,
        registry: RegistryView,
        log: AvsLog,
        *,
        clock: Callable[[], float],
        sending: Callable[[Round], None],
    ) -> None:
        """`clock` gives unix time; `sending` is called right before a transaction goes out."""
        self._gate = gate
        self._registry = registry
        self._log = log
        self._clock = clock
        self._sending = sending

    async def confirm(self, found: Round) -> list[StoredEvidence]:
        """Bring a task on chain; it is, and that is stored, when this returns.

        Returns what became evidence by it. NotCoveredError when no state has enough behind it,
        ConfirmationRevertedError when the contract did not take it; other Temporary errors leave
        an attempt open that the next call goes on with.
        """
        attempts = await self._log.confirmations(found.task.number)
        latest = attempts[-1] if attempts else None
        under_way = latest if latest and latest.state is AvsConfirmationState.OPEN else None
        confirmed = await self._gate.confirmation(found.task.key)
        if confirmed is not None:
            return await self._note_confirmed(found, under_way, confirmed)
        if under_way is None:
            calldata = await self._calldata(found)
            under_way = StoredConfirmation(
                task_number=found.task.number,
                attempt=latest.attempt + 1 if latest else 1,
                calldata=calldata,
                state=AvsConfirmationState.OPEN,
                updated_at=self._clock(),
            )
            await self._log.put_confirmation(under_way)
        self._sending(found)
        key = f"avs-confirm/{under_way.task_number}/{under_way.attempt}"
        try:
            await self._gate.send(key, under_way.calldata)
        except (CallRevertedError, TransactionRevertedError) as error:
            confirmed = await self._gate.confirmation(found.task.key)
            if confirmed is None:
                await self._log.put_confirmation(
                    self._ended(under_way, AvsConfirmationState.FAILED, error=str(error))
                )
                raise ConfirmationRevertedError(found.task.number, error=error.error) from error
        return await self._note_confirmed(found, under_way, confirmed)

    async def is_under_way(self, found: Round) -> bool:
        """Whether the chain has a task, or something is on its way there."""
        attempts = await self._log.confirmations(found.task.number)
        if attempts and attempts[-1].state is AvsConfirmationState.OPEN:
            return True
        return await self._gate.confirmation(found.task.key) is not None

    async def _note_confirmed(
        self, found: Round, attempt: StoredConfirmation | None, held: ChainConfirmation | None
    ) -> list[StoredEvidence]:
        """Store that the chain has a task, with what is evidence since then."""
        if attempt is None:
            # Somebody else confirmed it.
            await self._log.set_state(found.task.number, AvsTaskState.CONFIRMED)
            return []
        call = ConfirmCall.decode(attempt.calldata)
        poe = AvsPoe.decode(call.header.state)
        if held is not None and (held.batch_hash, held.output_root) != (
            poe.batch_hash,
            poe.new_state_root,
        ):
            _log.error("the chain holds another state than was sent", task=found.task.number)
            await self._log.put_confirmation(
                self._ended(attempt, AvsConfirmationState.FAILED, error="another state confirmed"),
                task_state=AvsTaskState.CONFIRMED,
            )
            return []
        evidence = contradictions(found, call.header, call.non_signers, now=self._clock())
        await self._log.put_confirmation(
            self._ended(attempt, AvsConfirmationState.DONE),
            task_state=AvsTaskState.CONFIRMED,
            evidence=evidence,
        )
        return evidence

    async def reopen(self, found: Round) -> None:
        """Store that a confirmation left the chain: the same transaction may come back, or not."""
        attempts = await self._log.confirmations(found.task.number)
        if attempts and attempts[-1].state is AvsConfirmationState.DONE:
            await self._log.put_confirmation(
                self._ended(attempts[-1], AvsConfirmationState.OPEN),
                task_state=AvsTaskState.OPEN,
            )
        else:
            await self._log.set_state(found.task.number, AvsTaskState.OPEN)

    async def _calldata(self, found: Round) -> bytes:
        """Return what the contract takes now, by its own word."""
        excluded = await self._not_live(found)
        while True:
            best = found.best()
            if best is None:
                raise NotCoveredError(f"nobody signed task {found.task.number}")
            summed = aggregate(found, best.state, excluded=excluded)
            calldata = await self._gate.calldata(summed)
            try:
                await self._gate.check(calldata)
            except CallRevertedError as error:
                culprit = _not_live_signer(error, summed)
                if culprit is None:
                    raise ConfirmationRevertedError(found.task.number, error=error.error) from error
                # The contract knows better than what was followed of it.
                _log.warning("a signer's prover does not count", operator=culprit.hex0x)
                excluded.add(culprit)
            else:
                return calldata

    async def _not_live(self, found: Round) -> set[Hash32]:
        """Return the signers whose provers were live when they signed and are not now."""
        lost = set()
        for operator_id in found.accepted:
            prover = await self._registry.live_prover(
                operator_id, reference_block=found.task.reference_block
            )
            if prover is None or prover.valid_until <= self._clock():
                lost.add(operator_id)
        return lost

    def _ended(
        self, attempt: StoredConfirmation, state: AvsConfirmationState, *, error: str | None = None
    ) -> StoredConfirmation:
        return StoredConfirmation(
            task_number=attempt.task_number,
            attempt=attempt.attempt,
            calldata=attempt.calldata,
            state=state,
            error=error,
            updated_at=self._clock(),
        )


def _not_live_signer(error: CallRevertedError, summed: Aggregate) -> Hash32 | None:
    """Return the signer that the contract refuses, when that is why it refused."""
    if error.error != _PROVER_NOT_LIVE or not error.arguments_of_error:
        return None
    named = error.arguments_of_error[0]
    if not isinstance(named, bytes) or len(named) != Hash32.SIZE:
        return None
    return Hash32(named) if Hash32(named) in summed.signers else None
