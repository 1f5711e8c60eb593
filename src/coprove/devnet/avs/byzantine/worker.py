"""What a byzantine operator makes of a task."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Protocol

from coprove.attestation import AvsPoe
from coprove.avs.operator.errors import NotSignedError
from coprove.avs.tasks import REFUSALS, RefusedError, Submission
from coprove.devnet.avs.byzantine.kinds import ByzantineKind
from coprove.errors import CoproveError, Temporary
from coprove.primitives import keccak256
from coprove.telemetry import get_logger
from coprove.types import Hash32

if TYPE_CHECKING:
    from coprove.avs.bls import SecretKey
    from coprove.avs.operator.chain import AvsView
    from coprove.avs.operator.service import TaskRunner
    from coprove.avs.tasks import AvsTask
    from coprove.rpc import OutputAtBlock

__all__ = ["Byzantine", "Node", "Prover", "Receiver"]

_log = get_logger(part="byzantine")
_TRIES = 10


class Prover(Protocol):
    """Signs what it is told."""

    async def sign(self, digest: Hash32) -> bytes:
        """Return r, s, v over a digest."""


class Node(Protocol):
    """A rollup node."""

    async def output_at_block(self, number: int) -> OutputAtBlock:
        """See RollupNodeClient."""


class Receiver(Protocol):
    """An aggregator."""

    async def submit(self, submission: Submission) -> None:
        """Take a signed state."""


class Byzantine:
    """An operator's worker that does wrong in one way; it writes down nothing that it signs."""

    def __init__(
        self,
        kind: ByzantineKind,
        *,
        honest: TaskRunner,
        key: SecretKey,
        prover: Prover,
        view: AvsView,
        node: Node,
        aggregator: Receiver,
        pause: float = 1.0,
    ) -> None:
        """`key` is the operator's, `prover` the one that is live for it, `pause` in seconds."""
        self._pause = pause
        self._kind, self._honest, self._key, self._prover = kind, honest, key, prover
        self._view, self._node, self._aggregator = view, node, aggregator
        self._earlier: Submission | None = None

    async def run(self, task: AvsTask) -> None:
        """Do wrong about a task, trying as long as something is not there yet."""
        for left in reversed(range(_TRIES)):
            try:
                await self._do_wrong(task)
            except Temporary as error:
                if not left:
                    raise NotSignedError(f"task {task.number}: {error}") from error
                await asyncio.sleep(self._pause)
            else:
                return

    async def _do_wrong(self, task: AvsTask) -> None:
        match self._kind:
            case ByzantineKind.SILENT:
                _log.info("says nothing", number=task.number)
            case ByzantineKind.WRONG_ROOT:
                await self._submit(task, await self._lie(task))
            case ByzantineKind.EQUIVOCATE:
                await self._honest.run(task)
                await self._submit(task, await self._lie(task))
            case ByzantineKind.REPLAY:
                await self._replay(task)

    async def _replay(self, task: AvsTask) -> None:
        if self._earlier is None:
            done = await self._honest.run(task)
            self._earlier = None if done is None else done.submission
            return
        earlier = self._earlier
        await self._submit(task, earlier)
        header = task.header(earlier.header.state)
        await self._submit(
            task,
            dataclasses.replace(
                earlier, header=header, quorums=task.quorums, thresholds=task.thresholds
            ),
        )

    async def _lie(self, task: AvsTask) -> Submission:
        """Sign roots as the operator's node has them, with a last one that nobody has."""
        range_ = task.draft.metadata
        committee = await self._view.committee(task.draft.committee_id)
        if committee is None:
            raise CoproveError(f"there is no committee {task.draft.committee_id}")
        before = await self._node.output_at_block(range_.pre_block)
        after = await self._node.output_at_block(range_.end_block)
        poe = AvsPoe(
            batch_hash=committee.batch_hash(task),
            state_hash=after.block.hash,
            prev_state_root=before.root,
            new_state_root=Hash32(keccak256(b"a lie about " + after.root)),
            withdrawal_root=after.output.message_passer_storage_root,
        )
        header = task.header(poe.encode())
        return Submission(
            header=header,
            quorums=task.quorums,
            thresholds=task.thresholds,
            signature=self._key.sign(header.digest()).point.coordinates,
            operator_id=self._key.public_key.operator_id,
            prover_signature=await self._prover.sign(poe.digest()),
        )

    async def _submit(self, task: AvsTask, submission: Submission) -> None:
        try:
            await self._aggregator.submit(submission)
        except RefusedError as error:
            if REFUSALS[error.refusal].retry:
                raise Temporary(str(error)) from None
            _log.info("refused", number=task.number, kind=self._kind.value, error=str(error))
        else:
            _log.info("taken", number=task.number, kind=self._kind.value)
