"""Taking what was verified: once for an operator, on disk before anybody is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.avs.aggregator import store
from coprove.avs.aggregator.evidence import equivocation
from coprove.avs.aggregator.metrics import DISAGREEMENTS, EVIDENCE
from coprove.avs.aggregator.rounds import Accepted
from coprove.avs.tasks import Refusal, RefusedError
from coprove.errors import CoproveError
from coprove.storage import AvsTaskState
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from coprove.avs.aggregator.checks import Candidate
    from coprove.avs.aggregator.offenders import Offenders
    from coprove.avs.aggregator.rounds import Round
    from coprove.storage import AvsLog, StoredEvidence
    from coprove.telemetry import Metrics
    from coprove.types import Hash32

__all__ = ["Intake"]

_log = get_logger(part="aggregator")


class Intake:
    """Settles one batch after the other; nothing else writes signatures."""

    def __init__(
        self,
        *,
        log: AvsLog,
        rounds: Mapping[int, Round],
        offenders: Offenders,
        metrics: Metrics,
        clock: Callable[[], float],
        met: Callable[[Round], None],
    ) -> None:
        """`rounds` are the engine's; `met` is called for a task that got signatures."""
        self._log = log
        self._rounds = rounds
        self._offenders = offenders
        self._metrics = metrics
        self._clock = clock
        self._met = met
        self._unsure: set[int] = set()
        self._related: dict[int, tuple[Round, ...]] = {}

    async def settle(
        self, candidates: Sequence[Candidate], verdicts: Sequence[RefusedError | None]
    ) -> Sequence[CoproveError | None]:
        """Take those without a verdict against them; how each of all ended."""
        await self._read_again()
        outcomes: list[CoproveError | None] = list(verdicts)
        taken: dict[tuple[int, Hash32], Accepted] = {}
        evidence: dict[tuple[Hash32, Hash32], StoredEvidence] = {}
        self._related.clear()
        for index, (candidate, verdict) in enumerate(zip(candidates, verdicts, strict=True)):
            self._note_offence(candidate, verdict)
            if verdict is None:
                outcomes[index] = self._take(candidate, taken, evidence)
        if taken or evidence:
            await self._write(taken, evidence)
        return outcomes

    def _note_offence(self, candidate: Candidate, verdict: RefusedError | None) -> None:
        key = (candidate.operator_id, candidate.session)
        if verdict is None:
            self._offenders.clear(key)
        elif verdict.refusal is Refusal.SIGNATURE:
            self._offenders.mark(key, candidate.now)

    def _take(
        self,
        candidate: Candidate,
        taken: dict[tuple[int, Hash32], Accepted],
        evidence: dict[tuple[Hash32, Hash32], StoredEvidence],
    ) -> RefusedError | None:
        """Put it among what is taken or is evidence; RefusedError when it is not taken."""
        found, operator_id = candidate.round, candidate.operator_id
        task = found.task
        if found.state is not AvsTaskState.OPEN:
            is_done = found.state is AvsTaskState.CONFIRMED
            refusal = Refusal.COMPLETED if is_done else Refusal.EXPIRED
            return RefusedError(refusal, expected="an open task", actual=found.state.value)
        signature = candidate.signature
        if signature is None:
            return RefusedError(Refusal.SIGNATURE, expected="a point", actual="none")
        earlier = self._earlier(found, operator_id)
        staged = taken.get((task.number, operator_id))
        if staged is not None:
            earlier = (*earlier, (found, staged))
        for other, accepted in earlier:
            if accepted.state != candidate.state:
                evidence.setdefault(
                    (task.key, operator_id),
                    equivocation(
                        candidate.operator,
                        first=(other.task, accepted),
                        second=(task, candidate.state, signature),
                        now=self._clock(),
                    ),
                )
                return RefusedError(
                    Refusal.EQUIVOCATION,
                    expected="one state of a range and L1 head",
                    actual="a second one, kept as evidence",
                )
        if any(other is found for other, _accepted in earlier):
            return RefusedError(
                Refusal.DUPLICATE, expected="one signature of an operator", actual="a second"
            )
        taken[(task.number, operator_id)] = Accepted(
            operator_id=operator_id,
            state=candidate.state,
            signature=signature,
            prover_signature=candidate.submission.prover_signature,
            accepted_at=self._clock(),
        )
        return None

    def _earlier(self, found: Round, operator_id: Hash32) -> tuple[tuple[Round, Accepted], ...]:
        """Return what the operator signed of the same range and L1 head, in whatever task.

        A range that is issued again may have the same L1 head beside another reference block.
        """
        related = self._related.get(found.task.number)
        if related is None:
            related = tuple(
                other
                for other in self._rounds.values()
                if other.batch_hash == found.batch_hash
                and other.task.key == found.task.key
                and other.task.draft.metadata == found.task.draft.metadata
            )
            self._related[found.task.number] = related
        return tuple(
            (other, other.accepted[operator_id])
            for other in related
            if operator_id in other.accepted
        )

    async def _write(
        self,
        taken: Mapping[tuple[int, Hash32], Accepted],
        evidence: Mapping[tuple[Hash32, Hash32], StoredEvidence],
    ) -> None:
        numbers = {number for number, _operator in taken}
        rows = [store.stored_signature(number, one) for (number, _id), one in taken.items()]
        try:
            await self._log.accept(rows, list(evidence.values()))
        except CoproveError:
            # Whether it was written is not known: the database's word comes first from now on.
            self._unsure |= numbers
            raise
        for one in evidence.values():
            self._metrics.inc(EVIDENCE, kind=one.kind.value)
            _log.error("an operator signed two states", operator=one.operator_id.hex0x)
        for found in self._rounds.values():
            for key, operator_id in evidence:
                if found.task.key == key:
                    found.punishable.add(operator_id)
        for (number, operator_id), accepted in taken.items():
            self._add(self._rounds[number], operator_id, accepted)
        for number in numbers:
            self._met(self._rounds[number])

    def _add(self, found: Round, operator_id: Hash32, accepted: Accepted) -> None:
        states = {one.state for one in found.accepted.values()}
        if states and accepted.state not in states:
            self._metrics.inc(DISAGREEMENTS)
            _log.error(
                "operators signed different states of one range and L1 head",
                task=found.task.number,
                operator=operator_id.hex0x,
                states=len(states) + 1,
            )
        found.accepted[operator_id] = accepted

    async def _read_again(self) -> None:
        for number in sorted(self._unsure):
            found = self._rounds.get(number)
            if found is not None:
                for signed in await self._log.signatures(number):
                    found.accepted[signed.operator_id] = store.accepted_from(signed)
                self._met(found)
            self._unsure.discard(number)
