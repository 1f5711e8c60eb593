"""Signatures that a proven output contradicts, for the slasher."""

from __future__ import annotations

import json
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.attestation import AvsPoe
from coprove.avs.aggregator.errors import UnknownSignerError
from coprove.avs.aggregator.settlement.metrics import CONTRADICTED
from coprove.avs.bls import G1Point
from coprove.avs.tasks import AvsTask
from coprove.avs.tasks.fields import record
from coprove.contracts import CallRevertedError, OutputOracle
from coprove.contracts.avs import NO_ADDRESS
from coprove.contracts.avs.slashing import SignedState, SigningKey, slash_proven_wrong_call
from coprove.storage import AvsSettlementKind
from coprove.telemetry import get_logger
from coprove.types import BlockId

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coprove.avs.aggregator.settlement.due import Due
    from coprove.contracts import ContractCall
    from coprove.contracts.avs import ServiceManager
    from coprove.contracts.avs.slashing import AvsSlasher
    from coprove.contracts.caller import Block
    from coprove.contracts.eigenlayer import QuorumRegistries
    from coprove.rpc import RpcTransport
    from coprove.storage import AvsSettlementLog, IssuedTask, StoredSignature
    from coprove.telemetry import Metrics
    from coprove.types import Hash32

__all__ = ["ProvenWrong"]

_log = get_logger(part="aggregator")
_LIMIT = 64


@dataclass(frozen=True, slots=True)
class _ProvenWrong:
    slasher: AvsSlasher
    registries: QuorumRegistries
    task: AvsTask
    signed: StoredSignature

    @property
    def kind(self) -> AvsSettlementKind:
        return AvsSettlementKind.PROVEN_WRONG

    @property
    def key(self) -> Hash32:
        return self.task.key

    @property
    def operator_id(self) -> Hash32:
        return self.signed.operator_id

    async def is_done(self, block: Block) -> bool:
        return await self.slasher.is_slashed(self.key, self.operator_id, block=block)

    async def call(self) -> ContractCall:
        account = await self.registries.operator_from_id(self.operator_id)
        if account is None:
            raise UnknownSignerError(self.operator_id.hex0x)
        keys = await self.registries.keys_of(account)
        draft = self.task.draft
        return slash_proven_wrong_call(
            self.slasher.address,
            committee_id=draft.committee_id,
            metadata=draft.metadata.encode(),
            wrong=SignedState(
                state=self.signed.state,
                reference_block=self.task.reference_block,
                signature=G1Point(encoded=self.signed.signature).coordinates,
            ),
            key=SigningKey(g1=keys.g1, g2=keys.g2),
            l1_head=BlockId(number=draft.l1_head_number, hash=draft.l1_head),
        )


class ProvenWrong:
    """Compares what was signed with the final outputs of the committees' oracles.

    A task is compared as soon as both outputs of its range, before and at its end, are final, and
    again until it expires and no signature can come any more.
    """

    def __init__(
        self,
        log: AvsSettlementLog,
        *,
        transport: RpcTransport,
        manager: ServiceManager,
        registries: QuorumRegistries,
        slasher: AvsSlasher,
        metrics: Metrics,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`metrics` has SETTLEMENT_METRICS."""
        self._now = now
        self._log, self._transport, self._manager = log, transport, manager
        self._registries, self._slasher, self._metrics = registries, slasher, metrics
        self._read = 0
        self._waiting: defaultdict[int, deque[AvsTask]] = defaultdict(deque)
        self._wrong: dict[tuple[Hash32, Hash32], _ProvenWrong] = {}

    async def due(self, *, since: float) -> Sequence[Due]:
        """See DueSource; what was found wrong stays until a final block has its slashing."""
        for issued in await self._log.issued_tasks(after=self._read, since=since, limit=_LIMIT):
            task = _task_of(issued)
            self._waiting[task.draft.committee_id].append(task)
            self._read = issued.number
        for committee, waiting in self._waiting.items():
            policy = await self._manager.rollup_policy(committee)
            if policy is None or policy.oracle == NO_ADDRESS:
                waiting.clear()
                continue
            await self._compare(waiting, OutputOracle(self._transport, policy.oracle))
        for name, wrong in list(self._wrong.items()):
            if await wrong.is_done("finalized") or wrong.task.created_at < since:
                del self._wrong[name]
        return list(self._wrong.values())

    async def _compare(self, waiting: deque[AvsTask], oracle: OutputOracle) -> None:
        """Compare tasks in their order up to the first whose outputs are not final."""
        open_: list[AvsTask] = []
        try:
            for _ in range(min(len(waiting), _LIMIT)):
                # Before its signatures are read: one that comes in between is read next time.
                is_open = self._now() < waiting[0].expires_at
                if not await self._is_compared(waiting[0], oracle):
                    break
                task = waiting.popleft()
                if is_open:
                    open_.append(task)
        finally:
            waiting.extendleft(reversed(open_))

    async def _is_compared(self, task: AvsTask, oracle: OutputOracle) -> bool:
        """Note wrong signatures of a task; False while its outputs are not final."""
        range_ = task.draft.metadata
        try:
            after = await oracle.get_l2_output_after(range_.end_block, block="finalized")
        except CallRevertedError:
            # There is none yet.
            return False
        before = await oracle.get_l2_output_after(range_.pre_block, block="finalized")
        found = before.l2_block_number, after.l2_block_number
        if found != (range_.pre_block, range_.end_block):
            # Outputs do not end where the range does: nothing is said about it.
            return True
        proven = before.output_root, after.output_root
        for signed in await self._log.unproven_signatures(task.number, task.key):
            poe = AvsPoe.decode(signed.state)
            is_known = (task.key, signed.operator_id) in self._wrong
            if not is_known and (poe.prev_state_root, poe.new_state_root) != proven:
                self._contradicted(task, signed, after.output_root, poe.new_state_root)
        return True

    def _contradicted(
        self, task: AvsTask, signed: StoredSignature, proven: Hash32, root: Hash32
    ) -> None:
        wrong = _ProvenWrong(self._slasher, self._registries, task, signed)
        self._wrong[(wrong.key, wrong.operator_id)] = wrong
        self._metrics.inc(CONTRADICTED)
        _log.error(
            "alarm: a proven output contradicts a signature",
            task=task.number,
            l2_block=task.draft.metadata.end_block,
            operator=signed.operator_id.hex0x,
            proven=proven.hex0x,
            signed=root.hex0x,
        )


def _task_of(issued: IssuedTask) -> AvsTask:
    return AvsTask.from_ext(issued.number, record(json.loads(issued.body), "task").get("ext"))
