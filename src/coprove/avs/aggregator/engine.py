"""The aggregator's core: opens tasks, takes states, confirms what quorums signed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from coprove.attestation import batch_hash
from coprove.avs.aggregator import store
from coprove.avs.aggregator.batching import BatchVerifier
from coprove.avs.aggregator.checks import CHECKS, Candidate, Checks
from coprove.avs.aggregator.closing_rounds import Closer
from coprove.avs.aggregator.errors import ReferenceBlockLostError, UnknownCommitteeError
from coprove.avs.aggregator.intake import Intake
from coprove.avs.aggregator.metrics import FETCHED_TASKS, NEW_TASKS, OPEN_TASKS, SUBMISSIONS
from coprove.avs.aggregator.offenders import Allowance, Offenders
from coprove.avs.aggregator.options import EngineOptions
from coprove.avs.aggregator.rounds import Round
from coprove.avs.tasks import OP_STACK_TASK, AvsTask, Refusal, RefusedError
from coprove.closing import AsyncClosing
from coprove.errors import CoproveError, Reset
from coprove.storage import AvsEvidenceKind, AvsTaskState
from coprove.storage.errors import LeaseLostError
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from coprove.avs.aggregator.gate import ConfirmationGate
    from coprove.avs.aggregator.options import RollupIdentity
    from coprove.avs.aggregator.protocols import OperatorSet, RegistryView
    from coprove.avs.tasks import Submission, TaskDraft
    from coprove.storage import AvsLog
    from coprove.telemetry import Metrics
    from coprove.types import Hash32

__all__ = ["AggregatorEngine"]

_log = get_logger(part="aggregator")


class AggregatorEngine(AsyncClosing):
    """What a server and task sources talk to; one event loop, one writer to the database."""

    def __init__(
        self,
        *,
        registry: RegistryView,
        log: AvsLog,
        gate: ConfirmationGate,
        rollups: Mapping[int, RollupIdentity],
        metrics: Metrics,
        options: EngineOptions | None = None,
        checks: Checks = CHECKS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`rollups` are by committee; `metrics` has `ENGINE_METRICS`; `clock` gives unix time."""
        self._registry = registry
        self._log = log
        self._gate = gate
        self._rollups = rollups
        self._metrics = metrics
        self._options = options or EngineOptions()
        self._checks = checks
        self._clock = clock
        self._rounds: dict[int, Round] = {}
        self._by_header: dict[tuple[int, bytes, int], Round] = {}
        self._last = 0
        self._unsure = False
        self._opening = asyncio.Lock()
        self._news = asyncio.Event()
        self._pending: Counter[tuple[Hash32, bool]] = Counter()
        self._offenders = Offenders(
            remembered=self._options.offender_memory,
            allowance=Allowance(
                burst=self._options.offender_burst, per_second=self._options.offender_per_second
            ),
        )
        self._closer = Closer(
            gate=gate,
            registry=registry,
            log=log,
            metrics=metrics,
            options=self._options,
            clock=clock,
        )
        self._intake = Intake(
            log=log,
            rounds=self._rounds,
            offenders=self._offenders,
            metrics=metrics,
            clock=clock,
            met=self._closer.met,
        )
        self._verifier = BatchVerifier(
            checks.verify,
            self._intake.settle,
            metrics=metrics,
            capacity=self._options.queue,
            batch=self._options.batch,
        )

    # ---- tasks

    async def recover(self) -> None:
        """Read what an earlier process left in the database; to be called before all else.

        Temporary errors of the registry or the store: call it again.
        """
        self._last = await self._log.last_number()
        for stored in await self._log.tasks(recent=self._options.kept):
            try:
                found = store.round_from(stored, self._batch_hash)
            except UnknownCommitteeError as error:
                # It is served no more; the others are.
                _log.warning("a task is left aside", task=stored.number, error=str(error))
                continue
            for signed in await self._log.signatures(found.task.number):
                accepted = store.accepted_from(signed)
                found.accepted[accepted.operator_id] = accepted
            for evidence in await self._log.evidence(key=found.task.key):
                if evidence.kind is AvsEvidenceKind.EQUIVOCATION:
                    found.punishable.add(evidence.operator_id)
            if found.state is AvsTaskState.OPEN:
                await self._closer.attach_operators(found)
            self._keep(found)
        _log.info("tasks read back", tasks=len(self._rounds), last=self._last)
        for found in list(self._rounds.values()):
            self._closer.met(found)

    async def open(
        self,
        draft: TaskDraft,
        *,
        reference_block: int,
        quorums: Sequence[int],
        thresholds: Sequence[int],
        expires_at: int,
    ) -> AvsTask:
        """Issue a task for a draft; the one that is there when its range has an open one.

        A range that is confirmed gives a task that is closed from the start, or its old one; one
        that expired, or whose reference block was lost, gets a new task up to the L1 head of the
        earlier one, so that who signed that one can sign again. UnknownCommitteeError for
        a committee without a rollup; ReferenceBlockLostError and Temporary errors of the registry
        and the store, after which the draft may come again.
        """
        async with self._opening:
            there = self._newest(draft.key)
            if there is not None and there.state in (AvsTaskState.OPEN, AvsTaskState.CONFIRMED):
                return there.task
            is_confirmed = await self._gate.confirmation(draft.key) is not None
            stored = await self._log.newest_of(draft.key)
            if stored is not None:
                earlier = store.round_from(stored, self._batch_hash).task
                if is_confirmed and stored.state is AvsTaskState.CONFIRMED:
                    return earlier
                # Operators sign one state of a range, and up to another L1 head it is another one.
                head = earlier.draft.l1_head, earlier.draft.l1_head_number
                draft = replace(draft, l1_head=head[0], l1_head_number=head[1])
            if self._unsure:
                self._last, self._unsure = await self._log.last_number(), False
            task = AvsTask(
                number=self._last + 1,
                draft=draft,
                reference_block=reference_block,
                quorums=tuple(quorums),
                thresholds=tuple(thresholds),
                created_at=int(self._clock()),
                expires_at=expires_at,
            )
            operators = await self._operators(task)
            found = Round(
                task=task,
                batch_hash=self._batch_hash(task),
                block_hash=operators.block_hash,
                operators=operators,
            )
            if is_confirmed:
                found.state = AvsTaskState.CONFIRMED
            # Until it is known to be stored, the number may be used or not.
            self._unsure = True
            await self._log.add_task(store.stored_task(found))
            self._unsure = False
            self._last = task.number
            self._keep(found)
        if found.state is AvsTaskState.OPEN:
            self._metrics.inc(NEW_TASKS, type=str(OP_STACK_TASK))
            self._announce()
        return task

    async def next_task(
        self, after: int, task_type: int, wait: float, *, with_context: bool = False
    ) -> AvsTask | None:
        """Return the open task that follows number `after`; None when none comes in `wait` s."""
        ends = time.monotonic() + wait
        while True:
            news = self._news
            found = self._following(after) if task_type == OP_STACK_TASK else None
            if found is not None:
                self._metrics.inc(
                    FETCHED_TASKS, type=str(task_type), with_context=str(with_context).lower()
                )
                return found
            left = ends - time.monotonic()
            if left <= 0:
                return None
            try:
                async with asyncio.timeout(left):
                    await news.wait()
            except TimeoutError:
                return None

    def _following(self, after: int) -> AvsTask | None:
        now = self._clock()
        numbers = (
            number
            for number, found in self._rounds.items()
            if number > after and found.state is AvsTaskState.OPEN and now < found.task.expires_at
        )
        number = min(numbers, default=None)
        return None if number is None else self._rounds[number].task

    # ---- submissions

    async def submit(self, submission: Submission, *, session: bool = False) -> None:
        """Take a signed state; when this returns, it is on disk. RefusedError says why not.

        `session`: the operator itself sent it, which others can't spend the allowance of.
        """
        try:
            await self._submit(submission, session=session)
        except RefusedError as error:
            self._metrics.inc(SUBMISSIONS, outcome=error.refusal.value)
            raise
        except LeaseLostError as error:
            self._closer.lose(error)
            raise RefusedError(
                Refusal.STOPPING, expected="the aggregator that leads", actual="another leads"
            ) from error
        except CoproveError as error:
            _log.warning("a submission could not be taken", error=str(error))
            self._metrics.inc(SUBMISSIONS, outcome=Refusal.BUSY.value)
            raise RefusedError(
                Refusal.BUSY, expected="registry and database that answer", actual=str(error)
            ) from error
        self._metrics.inc(SUBMISSIONS, outcome="accepted")

    async def _submit(self, submission: Submission, *, session: bool) -> None:
        header = submission.header
        candidate = Candidate(
            submission=submission,
            now=self._clock(),
            session=session,
            found=self._by_header.get(
                (header.committee_id, header.metadata, header.reference_block)
            ),
        )
        self._checks.pass_cheap(candidate)
        candidate.prepare()
        key = (candidate.operator_id, session)
        candidate.prover = await self._registry.live_prover(
            candidate.operator_id, reference_block=header.reference_block
        )
        if self._pending[key] >= self._options.pending_per_operator:
            raise _too_many(f"{self._options.pending_per_operator} that wait")
        suspect = self._offenders.is_one(key, candidate.now)
        if suspect:
            self._offenders.admit(key, candidate.now)
        self._pending[key] += 1
        try:
            await self._verifier.check(candidate, suspect=suspect)
        finally:
            self._pending[key] -= 1
            if not self._pending[key]:
                del self._pending[key]

    # ---- time

    async def tick(self) -> None:
        """Do what time brings: expire, send what waited, look whether confirmations still stand.

        To be called every second or so. Errors of single tasks are logged and met again; a lost
        lease is raised.
        """
        for found in list(self._rounds.values()):
            was_open = found.state is AvsTaskState.OPEN
            await self._closer.look_after(found)
            if not was_open and found.state is AvsTaskState.OPEN:
                self._announce()
        self._forget()
        self._count_open()

    async def settled(self) -> None:
        """Return when no confirmation is under way in this process; for tests and orderly ends."""
        await self._closer.settled()

    async def close(self) -> None:
        """Stop own work; what is under way is answered STOPPING, what is on disk is resumed."""
        await self._verifier.close()
        await self._closer.close()

    # ---- what they share

    def _keep(self, found: Round) -> None:
        task = found.task
        self._rounds[task.number] = found
        header = (task.draft.committee_id, task.draft.metadata.encode(), task.reference_block)
        self._by_header[header] = found
        self._count_open()

    def _forget(self) -> None:
        """Let go of closed tasks beyond what is kept, oldest first, unless they are watched."""
        closed = [
            found
            for found in self._rounds.values()
            if found.state is not AvsTaskState.OPEN and not self._closer.watches(found)
        ]
        for found in closed[: max(len(closed) - self._options.kept, 0)]:
            del self._rounds[found.task.number]
            self._closer.forget(found)
            for header, other in list(self._by_header.items()):
                if other is found:
                    del self._by_header[header]

    def _newest(self, key: Hash32) -> Round | None:
        same = [number for number, found in self._rounds.items() if found.task.key == key]
        return self._rounds[max(same)] if same else None

    def _batch_hash(self, task: AvsTask) -> Hash32:
        committee = task.draft.committee_id
        rollup = self._rollups.get(committee)
        if rollup is None:
            raise UnknownCommitteeError(
                "committee", expected=sorted(self._rollups), actual=committee
            )
        return batch_hash(
            l2_chain_id=rollup.l2_chain_id,
            rollup_config_hash=rollup.config_hash,
            l1_head=task.draft.l1_head,
            pre_block=task.draft.metadata.pre_block,
            post_block=task.draft.metadata.end_block,
        )

    async def _operators(self, task: AvsTask) -> OperatorSet:
        try:
            return await self._registry.operator_set(task.reference_block, task.quorums)
        except Reset as error:
            raise ReferenceBlockLostError(f"block {task.reference_block}: {error}") from error

    def _announce(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _count_open(self) -> None:
        number = sum(found.state is AvsTaskState.OPEN for found in self._rounds.values())
        self._metrics.set(OPEN_TASKS, number)


def _too_many(expected: str) -> RefusedError:
    return RefusedError(Refusal.RATE_LIMITED, expected=expected, actual="more")
