"""A task while it is worked on: who may sign, who did, how much stake stands behind what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from coprove.attestation import AvsPoe
from coprove.storage import AvsTaskState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from coprove.avs.aggregator.protocols import OperatorSet
    from coprove.avs.bls import Signature
    from coprove.avs.tasks import AvsTask
    from coprove.types import Hash32

__all__ = ["Accepted", "Coverage", "Round"]

_CACHED_STATES: Final = 64
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A verified signature that counts."""

    operator_id: Hash32
    """Whose."""
    state: bytes
    """What it signed."""
    signature: Signature
    """Its signature."""
    prover_signature: bytes
    """Its prover's."""
    accepted_at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of each of a task's quorums stands behind one state."""

    state: bytes
    """The state."""
    signed: tuple[int, ...]
    """Stake that signed it, by quorum."""
    totals: tuple[int, ...]
    """Stake of all, by quorum."""
    thresholds: tuple[int, ...]
    """Percent that must sign, by quorum."""

    @property
    def is_met(self) -> bool:
        """Whether each quorum's threshold is; a quorum without stake never is."""
        rows = zip(self.signed, self.totals, self.thresholds, strict=True)
        return all(signed > 0 and signed * 100 >= total * least for signed, total, least in rows)

    @property
    def rank(self) -> tuple[float, ...]:
        """What the better covering of two has more of: its least covered quorum first."""
        rows = zip(self.signed, self.totals, strict=True)
        return tuple(sorted(signed / total if total else 0.0 for signed, total in rows))


@dataclass(slots=True, kw_only=True)
class Round:
    """A task and all that is known of it; changed by the engine alone."""

    task: AvsTask
    """The task."""
    batch_hash: Hash32
    """What a state of the task must name as its range."""
    block_hash: Hash32
    """Hash of the reference block when the task was issued."""
    state: AvsTaskState = AvsTaskState.OPEN
    """Where it stands."""
    operators: OperatorSet | None = None
    """Who may sign; None for a closed task that was read from the database."""
    accepted: dict[Hash32, Accepted] = field(default_factory=dict)
    """What counts, by operator."""
    punishable: set[Hash32] = field(default_factory=set)
    """Operators whose equivocation is on record: nothing more of them is looked at."""
    met_at: float | None = None
    """When the thresholds were met first; on the clock for durations."""
    checked_at: float = 0.0
    """Unix seconds of the last look at the chain."""
    retry_at: float = 0.0
    """Unix seconds before which no further confirmation is tried."""
    failures: int = 0
    """Confirmations that failed one after the other."""
    _digests: dict[bytes, Hash32] = field(default_factory=dict)
    _poes: dict[bytes, AvsPoe] = field(default_factory=dict)
    _quorums: dict[Hash32, tuple[int, ...]] | None = None

    def quorums_of(self, operator_id: Hash32) -> tuple[int, ...]:
        """Return in which of the task's quorums an operator was: the indices, not the numbers."""
        return self._places().get(operator_id, ())

    def members(self) -> Iterable[Hash32]:
        """Return who was in any of the task's quorums."""
        return self._places()

    def _places(self) -> Mapping[Hash32, tuple[int, ...]]:
        if self._quorums is None:
            found: dict[Hash32, tuple[int, ...]] = {}
            for index, quorum in enumerate(self.operators.quorums if self.operators else ()):
                for operator_id in quorum.stakes:
                    found[operator_id] = (*found.get(operator_id, ()), index)
            self._quorums = found
        return self._quorums

    def set_operators(self, operators: OperatorSet) -> None:
        """Take who may sign."""
        self.operators, self._quorums = operators, None

    def poe(self, state: bytes) -> AvsPoe:
        """Return the five roots of a state; InputError when it is none."""
        found = self._poes.get(state)
        if found is None:
            found = AvsPoe.decode(state)
            _keep(self._poes, state, found)
        return found

    def digest(self, state: bytes) -> Hash32:
        """Return what operators sign for a state."""
        found = self._digests.get(state)
        if found is None:
            found = self.task.header(state).digest()
            _keep(self._digests, state, found)
        return found

    def coverage(self, state: bytes, signers: Iterable[Hash32]) -> Coverage:
        """Return how much stake these operators have behind a state."""
        quorums = self.operators.quorums if self.operators else ()
        signed = [0] * len(quorums)
        for operator_id in signers:
            for index in self.quorums_of(operator_id):
                signed[index] += quorums[index].stakes[operator_id]
        return Coverage(
            state=state,
            signed=tuple(signed),
            totals=tuple(quorum.total for quorum in quorums),
            thresholds=self.task.thresholds,
        )

    def signers(self, state: bytes) -> list[Hash32]:
        """Return who signed a state."""
        return [one.operator_id for one in self.accepted.values() if one.state == state]

    def states(self) -> list[bytes]:
        """Return the states that were signed, in the order in which they came first."""
        return list(dict.fromkeys(one.state for one in self.accepted.values()))

    def best(self) -> Coverage | None:
        """Return the state with most behind it; None when nobody signed."""
        if self.operators is None:
            return None
        found = [self.coverage(state, self.signers(state)) for state in self.states()]
        return max(found, key=lambda one: (one.is_met, one.rank), default=None)


def _keep(cache: dict[bytes, T], state: bytes, value: T) -> None:
    """Keep what was computed of a state; what strangers make up must not fill the memory."""
    if len(cache) >= _CACHED_STATES:
        del cache[next(iter(cache))]
    cache[state] = value
