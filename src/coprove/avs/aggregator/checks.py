"""What a submission must pass, as a table of named checks: cheapest first.

Nothing here waits. `cheap` rows look at what is in memory, `prover` rows at the prover's signature,
and the `batch` row at BLS signatures, together. Each is a row so that a test can leave it out and
show the forgery that it keeps out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from coprove.avs.aggregator.prover_signatures import signed_by_prover
from coprove.avs.bls import Bn254Error, Signature, SignedDigest, verify_batch
from coprove.avs.tasks import MAX_STATE_BYTES, RangeMetadata, Refusal, RefusedError
from coprove.errors import InputError
from coprove.storage import AvsTaskState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.attestation import AvsPoe
    from coprove.avs.aggregator.protocols import LiveProver, OperatorRecord
    from coprove.avs.aggregator.rounds import Round
    from coprove.avs.tasks import Submission
    from coprove.types import Hash32

__all__ = ["CHECKS", "BatchCheck", "Candidate", "CheapCheck", "Checks", "ProverCheck"]


@dataclass(slots=True, kw_only=True)
class Candidate:
    """A submission on its way through the checks, with what they found."""

    submission: Submission
    """What came."""
    now: float
    """Unix seconds when it came."""
    session: bool
    """Whether the operator itself is known to have sent it."""
    found: Round | None = None
    """The task that its header names, if there is one."""
    prover: LiveProver | None = None
    """The operator's prover, if one counts now."""
    signature: Signature | None = None
    """Its BLS signature, once it is a point."""
    _poe: AvsPoe | None = None
    _digest: Hash32 | None = None

    @property
    def round(self) -> Round:
        """The task; the first check sees to it that there is one."""
        if self.found is None:
            raise RefusedError(
                Refusal.UNKNOWN_TASK, expected="a task that was issued", actual="none"
            )
        return self.found

    @property
    def state(self) -> bytes:
        """What it says that it signed."""
        return self.submission.header.state

    @property
    def poe(self) -> AvsPoe:
        """The state's five roots; RefusedError when it is not in the one spelling that counts."""
        if self._poe is None:
            try:
                self._poe = self.round.poe(self.state)
            except InputError as error:
                raise _malformed(error) from error
        return self._poe

    @property
    def digest(self) -> Hash32:
        """What the BLS signature should sign."""
        if self._digest is None:
            self._digest = self.round.digest(self.state)
        return self._digest

    def prepare(self) -> None:
        """Compute what the thread needs: the task's caches belong to the event loop."""
        _ = self.poe, self.digest, self.operator

    @property
    def operator_id(self) -> Hash32:
        """Who it says it is."""
        return self.submission.operator_id

    @property
    def operator(self) -> OperatorRecord:
        """The operator's record at the task's reference block."""
        operators = self.round.operators
        record = operators.operators.get(self.operator_id) if operators else None
        if record is None:
            raise RefusedError(
                Refusal.NOT_REGISTERED,
                expected="an operator that was registered at the reference block",
                actual=self.operator_id,
            )
        return record


@dataclass(frozen=True, slots=True)
class CheapCheck:
    """A check that needs no arithmetic; it raises RefusedError."""

    name: str
    """Its name."""
    run: Callable[[Candidate], None]
    """The check."""


@dataclass(frozen=True, slots=True)
class ProverCheck:
    """A check of the prover's word; it raises RefusedError."""

    name: str
    """Its name."""
    run: Callable[[Candidate], None]
    """The check."""


@dataclass(frozen=True, slots=True)
class BatchCheck:
    """A check of many at once."""

    name: str
    """Its name."""
    run: Callable[[Sequence[Candidate]], Sequence[RefusedError | None]]
    """The check."""


def _known_task(candidate: Candidate) -> None:
    if candidate.found is not None:
        return
    header = candidate.submission.header
    try:
        # Tells a range in another spelling from one that nobody asked about.
        RangeMetadata.decode(header.metadata)
    except InputError as error:
        raise _malformed(error) from error
    actual = f"committee {header.committee_id}, {header.metadata!r}, block {header.reference_block}"
    raise RefusedError(Refusal.UNKNOWN_TASK, expected="a task that was issued", actual=actual)


def _not_completed(candidate: Candidate) -> None:
    if candidate.round.state is AvsTaskState.CONFIRMED:
        number = candidate.round.task.number
        raise RefusedError(
            Refusal.COMPLETED, expected="an open task", actual=f"task {number}, which is confirmed"
        )


def _not_expired(candidate: Candidate) -> None:
    found = candidate.round
    ended = found.state in (AvsTaskState.EXPIRED, AvsTaskState.VOID)
    if ended or candidate.now >= found.task.expires_at:
        raise RefusedError(
            Refusal.EXPIRED, expected=f"before {found.task.expires_at}", actual=int(candidate.now)
        )


def _size(candidate: Candidate) -> None:
    size = len(candidate.state)
    if size > MAX_STATE_BYTES:
        raise RefusedError(
            Refusal.TOO_LARGE, expected=f"at most {MAX_STATE_BYTES} bytes of state", actual=size
        )


def _registered(candidate: Candidate) -> None:
    _ = candidate.operator


def _in_quorum(candidate: Candidate) -> None:
    if not candidate.round.quorums_of(candidate.operator_id):
        raise RefusedError(
            Refusal.NOT_IN_QUORUM,
            expected=f"an operator of quorums {candidate.round.task.quorums}",
            actual=candidate.operator_id,
        )


def _right_range(candidate: Candidate) -> None:
    actual = candidate.poe.batch_hash
    if actual != candidate.round.batch_hash:
        raise RefusedError(
            Refusal.MALFORMED, expected=f"batch_hash {candidate.round.batch_hash}", actual=actual
        )


def _not_punishable(candidate: Candidate) -> None:
    if candidate.operator_id in candidate.round.punishable:
        raise RefusedError(
            Refusal.EQUIVOCATION, expected="one state of a task", actual="two, on record already"
        )


def _not_duplicate(candidate: Candidate) -> None:
    # Another state goes on: only a verified signature is evidence.
    accepted = candidate.round.accepted.get(candidate.operator_id)
    if accepted is not None and accepted.state == candidate.state:
        raise RefusedError(
            Refusal.DUPLICATE, expected="one signature of an operator", actual="the same again"
        )


def _prover_live(candidate: Candidate) -> None:
    prover = candidate.prover
    if prover is None or prover.valid_until <= candidate.now:
        raise RefusedError(
            Refusal.PROVER_NOT_LIVE,
            expected="a prover bound to the operator since the reference block, and live",
            actual="none" if prover is None else f"one that was live until {prover.valid_until}",
        )


def _prover_signature(candidate: Candidate) -> None:
    digest = candidate.poe.digest()
    prover = candidate.prover
    signature = candidate.submission.prover_signature
    if prover is None or not signed_by_prover(prover.address, digest, signature):
        address = "no prover" if prover is None else prover.address
        raise RefusedError(
            Refusal.PROVER_SIGNATURE,
            expected=f"a signature of {address} over the five roots",
            actual=f"0x{signature.hex()}",
        )


def point(candidate: Candidate) -> Signature:
    """Return the BLS signature as a point; RefusedError when it is none."""
    if candidate.signature is None:
        try:
            candidate.signature = Signature.from_coordinates(*candidate.submission.signature)
        except Bn254Error as error:
            raise RefusedError(
                Refusal.SIGNATURE, expected=error.expected, actual=error.actual
            ) from error
    return candidate.signature


def _is_point(candidate: Candidate) -> None:
    point(candidate)


def _signatures(candidates: Sequence[Candidate]) -> Sequence[RefusedError | None]:
    signed = [
        SignedDigest(
            key=candidate.operator.key.g2,
            digest=candidate.digest,
            signature=point(candidate),
        )
        for candidate in candidates
    ]
    verdicts = verify_batch(signed) if signed else ()
    return [None if is_good else _bad(one) for is_good, one in zip(verdicts, signed, strict=True)]


def _bad(one: SignedDigest) -> RefusedError:
    return RefusedError(
        Refusal.SIGNATURE,
        expected=f"a signature over {one.digest} by the operator's key",
        actual=one.signature.point,
    )


def _malformed(error: InputError) -> RefusedError:
    return RefusedError(
        Refusal.MALFORMED, expected=f"{error.what}: {error.expected}", actual=error.actual
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """All checks, in their order."""

    cheap: tuple[CheapCheck, ...] = field(
        default=(
            CheapCheck("known-task", _known_task),
            CheapCheck("not-completed", _not_completed),
            CheapCheck("not-expired", _not_expired),
            CheapCheck("size", _size),
            CheapCheck("registered", _registered),
            CheapCheck("in-quorum", _in_quorum),
            CheapCheck("right-range", _right_range),
            CheapCheck("not-punishable", _not_punishable),
            CheapCheck("not-duplicate", _not_duplicate),
        )
    )
    """On the event loop, when it comes."""
    prover: tuple[ProverCheck, ...] = field(
        default=(
            ProverCheck("prover-live", _prover_live),
            ProverCheck("prover-signature", _prover_signature),
            ProverCheck("point", _is_point),
        )
    )
    """In a thread, one by one."""
    batch: tuple[BatchCheck, ...] = field(default=(BatchCheck("signature", _signatures),))
    """In the same thread, all that passed so far together."""

    def names(self) -> tuple[str, ...]:
        """Return their names, in order."""
        rows: tuple[CheapCheck | ProverCheck | BatchCheck, ...]
        rows = (*self.cheap, *self.prover, *self.batch)
        return tuple(check.name for check in rows)

    def without(self, name: str) -> Checks:
        """Return the others; for tests that show what one keeps out."""
        return replace(
            self,
            cheap=tuple(check for check in self.cheap if check.name != name),
            prover=tuple(check for check in self.prover if check.name != name),
            batch=tuple(check for check in self.batch if check.name != name),
        )

    def pass_cheap(self, candidate: Candidate) -> None:
        """Run the cheap ones; RefusedError from the first that fails."""
        for check in self.cheap:
            check.run(candidate)

    def verify(self, candidates: Sequence[Candidate]) -> list[RefusedError | None]:
        """Run the others; what is wrong with each, None when nothing is."""
        verdicts: list[RefusedError | None] = [None] * len(candidates)
        passed = []
        for index, candidate in enumerate(candidates):
            try:
                for check in self.prover:
                    check.run(candidate)
            except RefusedError as error:
                verdicts[index] = error
            else:
                passed.append(index)
        for batch in self.batch:
            found = batch.run([candidates[index] for index in passed])
            for index, verdict in zip(passed, found, strict=True):
                verdicts[index] = verdict
            passed = [index for index in passed if verdicts[index] is None]
        return verdicts


CHECKS = Checks()
"""What every submission must pass."""
