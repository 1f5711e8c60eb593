"""A task's life: checked, proven, written down, signed, handed in; tried until it expires."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.avs.operator import metrics as names
from coprove.avs.operator.errors import (
    AggregatorUnreachableError,
    AnotherStateError,
    NotSignedError,
    ProverBindingError,
    RootAlarmError,
    TaskMismatchError,
)
from coprove.avs.operator.proving import state_of
from coprove.avs.tasks import REFUSALS, Refusal, RefusedError
from coprove.errors import CoproveError, Reset, Temporary
from coprove.prover.tee.registrar import ProverUnreachableError
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.avs.operator.aggregator_client import AggregatorClient
    from coprove.avs.operator.chain import Committee, TaskChecker
    from coprove.avs.operator.health import HealthBoard
    from coprove.avs.operator.proving import ProvenState, StateProver
    from coprove.avs.operator.signing import ProtectedSigner
    from coprove.avs.tasks import AvsTask, Submission
    from coprove.telemetry import Metrics, MetricSpec

__all__ = ["TASK_LABEL", "Outcome", "TaskOptions", "TaskWorker"]

TASK_LABEL: Final = "opstack"
"""Value of the label `type` in metrics."""
_log = get_logger(part="operator")
_OVER: Final = frozenset({Refusal.COMPLETED, Refusal.EXPIRED, Refusal.UNKNOWN_TASK})
"""The task needs no signature any more."""
_PROVERS: Final = frozenset({Refusal.PROVER_SIGNATURE, Refusal.PROVER_NOT_LIVE})
"""What a prover that starts again brings about, for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """How a task is tried. Times are in seconds."""

    avs_name: str = "multi-prover-avs"
    """Label of metrics."""
    first_pause: float = 1.0
    """Before the second try; each further pause is twice as long."""
    longest_pause: float = 30.0
    """Between two tries at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a task ended well."""

    submission: Submission
    """What was signed."""
    is_taken: bool
    """Whether the aggregator has it; otherwise it did not need it any more."""


class TaskWorker:
    """Takes tasks to their end, each for itself; several may run at once."""

    def __init__(
        self,
        *,
        checker: TaskChecker,
        prover: StateProver,
        signer: ProtectedSigner,
        aggregator: AggregatorClient,
        board: HealthBoard,
        metrics: Metrics,
        options: TaskOptions | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """All of them are the caller's to open and close."""
        self._checker, self._prover, self._signer = checker, prover, signer
        self._aggregator, self._board, self._metrics = aggregator, board, metrics
        self._options = options or TaskOptions()
        self._now = now

    async def run(self, task: AvsTask) -> Outcome:
        """Sign a task and hand it in, trying until it expires.

        NotSignedError, with its cause, when it ends without a signature of ours being taken;
        AnotherStateError and RootAlarmError as they are: a person has to look.
        """
        began = time.monotonic()
        try:
            outcome = await self._tried(task)
        except (AnotherStateError, RootAlarmError) as error:
            _log.error("alarm: not signed", task=str(task.key), error=error)
            self._ended(error)
            raise
        except CoproveError as error:
            self._ended(error)
            raise NotSignedError(f"task {task.number} ({task.key}): {error}") from error
        self._set(names.PROCESS_MS, (time.monotonic() - began) * 1000)
        self._set(names.LATEST_TASK, task.number)
        self._board.up("tasks")
        _log.info(
            "signed",
            task=str(task.key),
            number=task.number,
            start=task.draft.metadata.start_block,
            end=task.draft.metadata.end_block,
            taken=outcome.is_taken,
        )
        return outcome

    async def _tried(self, task: AvsTask) -> Outcome:
        pause = self._options.first_pause
        signed: Submission | None = None
        while True:
            try:
                if signed is None:
                    signed = await self._signed(task)
                return await self._submitted(signed)
            except (Temporary, Reset) as error:
                failure: CoproveError = error
            except RefusedError as error:
                if error.refusal in _PROVERS:
                    # Another key may be the operator's by now: its signature is what counts.
                    signed = None
                elif not REFUSALS[error.refusal].retry:
                    raise
                failure = error
            except ProverBindingError as error:
                # The prover started again: the attester is about to see to it.
                failure, signed = error, None
            left = task.expires_at - self._now()
            if left <= 0:
                raise failure
            _log.warning("tried, again later", task=str(task.key), error=failure, left=int(left))
            # Operators that failed together shall not come back together.
            await asyncio.sleep(min(left, pause * random.uniform(0.7, 1.0)))  # noqa: S311 - no secret
            pause = min(2 * pause, self._options.longest_pause)

    async def _signed(self, task: AvsTask) -> Submission:
        committee = await self._checker.check(task)
        earlier = self._signer.signed(task.key)
        others = [one for one in earlier if one.l1_head != task.draft.l1_head]
        reorged = await self._checker.reorged(others) if others else frozenset()
        if others:
            # Before a proof is paid for that could not be signed.
            self._signer.check_head(task, reorged=reorged)
        proven = await self._again(task, committee) or await self._proven(task, committee)
        return self._signer.sign(task, proven.poe, proven.prover_signature, reorged=reorged)

    async def _again(self, task: AvsTask, committee: Committee) -> ProvenState | None:
        """Return what was signed for the task, if it still can be handed in as it is."""
        for one in self._signer.signed(task.key):
            if one.l1_head != task.draft.l1_head or not one.state:
                continue
            found = state_of(one.state, one.prover_signature)
            try:
                await self._prover.check(task, committee, found)
            except ProverBindingError:
                # The prover has another key by now, and has to say it again.
                return None
            return found
        return None

    async def _proven(self, task: AvsTask, committee: Committee) -> ProvenState:
        began = time.monotonic()
        try:
            found = await self._prover.prove(task, committee)
        except ProverUnreachableError as error:
            self._board.down("prover", str(error))
            raise
        self._set(names.POE_MS, (time.monotonic() - began) * 1000)
        self._board.up("prover")
        return found

    async def _submitted(self, signed: Submission) -> Outcome:
        began = time.monotonic()
        self._metrics.inc(names.SUBMITTED, avs_name=self._options.avs_name, type=TASK_LABEL)
        try:
            await self._aggregator.submit(signed)
        except AggregatorUnreachableError as error:
            self._board.down("aggregator", str(error))
            raise
        except RefusedError as error:
            self._board.up("aggregator")
            if error.refusal is Refusal.DUPLICATE:
                return Outcome(submission=signed, is_taken=True)
            if error.refusal in _OVER:
                return Outcome(submission=signed, is_taken=False)
            raise
        self._board.up("aggregator")
        self._set(names.SUBMIT_MS, (time.monotonic() - began) * 1000)
        return Outcome(submission=signed, is_taken=True)

    def _ended(self, error: CoproveError) -> None:
        self._metrics.inc(names.REFUSED, reason=type(error).__name__)
        # A task that the chain does not know is the aggregator's fault, not ours.
        if not isinstance(error, TaskMismatchError):
            self._board.down("tasks", f"{type(error).__name__}: {error}")

    def _set(self, spec: MetricSpec, value: float) -> None:
        self._metrics.set(spec, value, avs_name=self._options.avs_name, type=TASK_LABEL)
