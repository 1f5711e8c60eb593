"""The multi-prover AVS' service manager: typed reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Event, Function
from coprove.contracts.avs.calls import confirm_state_call
from coprove.contracts.avs.records import (
    POLICY_TYPE,
    Committee,
    ConfirmedOutput,
    PausedPart,
    RollupPolicy,
    TaskConfirmed,
    TaskCreated,
    TaskRecord,
)
from coprove.contracts.caller import ContractReader
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from coprove.contracts.avs.headers import StateHeader
    from coprove.contracts.avs.records import SignedBy
    from coprove.contracts.caller import Block
    from coprove.rpc import RpcTransport

__all__ = ["ServiceManager"]

_TASK: Final = "(address,uint64,uint96,address,uint64,uint32,uint32,bool,bytes32,bytes32,bytes32)"
_COMMITTEE: Final = Function("committees(uint256)", "((uint256,string,bytes,bytes))")
_ROLLUP_POLICY: Final = Function("rollupPolicy(uint256)", f"({POLICY_TYPE})")
_THRESHOLD: Final = Function("quorumThreshold(uint8)", "(uint8)")
_TEE_QUORUM: Final = Function("teeQuorums(uint8)", "(uint8)")
_TASK_OF: Final = Function("taskOf(bytes32)", f"({_TASK})")
_DEADLINE: Final = Function("deadlineOf(uint256,uint64,uint64)", "(uint256)")
_CONFIRMED: Final = Function("confirmedOutput(uint256,uint64,uint64)", "(bytes32,bytes32,uint64)")
_COUNTS: Final = Function("counts(bytes32,uint8,uint32)", "(bool)")
_RESERVE: Final = Function("reserve(address)", "(uint256)")
_POA: Final = Function("poaEnabled()", "(bool)")
_WHITELIST: Final = Function("operatorWhitelist(address)", "(bool)")
_PAUSED: Final = Function("paused(uint8)", "(bool)")
_CONFIRMER: Final = Function("stateConfirmer()", "(address)")
_MAX_AGE: Final = Function("maxReferenceAge()", "(uint32)")
_ADDRESS_NAMES: Final = (
    "registryCoordinator",
    "stakeRegistry",
    "indexRegistry",
    "livenessVerifier",
    "allocationManager",
    "stateChecker",
)
_CREATED_EVENT: Final = Event(
    "TaskCreated(bytes32,uint256,address,uint64,uint64,uint64,uint96)",
    (True, True, True, False, False, False, False),
)
_CONFIRMED_EVENT: Final = Event(
    "TaskConfirmed(bytes32,uint256,uint64,uint64,bytes32,uint32,bytes32[],uint96[],uint96[])",
    (True, True, True, False, False, False, False, False, False),
)


class ServiceManager:
    """Reads the contract. Errors: CallRevertedError, InputError, those of the transport."""

    def __init__(self, transport: RpcTransport, address: Address) -> None:
        """Share the endpoint's transport."""
        self._reader = ContractReader(transport, address)
        self.address = address

    async def committee(self, committee_id: int, *, block: Block = "latest") -> Committee | None:
        """Return a committee; None when there is none of that id."""
        found, text, metadata, quorums = await self._reader.call(
            _COMMITTEE, committee_id, block=block
        )
        if found == 0:
            return None
        return Committee(
            committee_id=found, description=text, metadata=metadata, quorums=tuple(quorums)
        )

    async def rollup_policy(self, committee_id: int) -> RollupPolicy | None:
        """Return which rollup a committee is asked about; None when that was not said."""
        policy = RollupPolicy.from_abi(await self._reader.call(_ROLLUP_POLICY, committee_id))
        return policy if policy.l2_chain_id else None

    async def threshold(self, quorum: int) -> int:
        """Return the least percentage of a quorum's stake that must sign."""
        return int(await self._reader.call(_THRESHOLD, quorum))

    async def tee_of(self, quorum: int) -> int:
        """Return the number of a quorum's kind of environment (`Platform.number`); 0: none."""
        return int(await self._reader.call(_TEE_QUORUM, quorum))

    async def task(self, task_id: Hash32, *, block: Block = "latest") -> TaskRecord:
        """Return what is held of a task."""
        values = await self._reader.call(_TASK_OF, bytes(task_id), block=block)
        return TaskRecord(
            creator=Address.from_hex(values[0]),
            deadline=values[1],
            reward=values[2],
            reward_token=Address.from_hex(values[3]),
            confirmed_at=values[4],
            confirmed_block=values[5],
            reference_block=values[6],
            settled=values[7],
            output_root=Hash32(values[8]),
            batch_hash=Hash32(values[9]),
            record_hash=Hash32(values[10]),
        )

    async def deadline(self, committee_id: int, start_block: int, end_block: int) -> int | None:
        """Return until when a range can be confirmed; None when it is no task."""
        found = await self._reader.call(_DEADLINE, committee_id, start_block, end_block)
        return int(found) or None

    async def confirmed_output(
        self, committee_id: int, start_block: int, end_block: int, *, block: Block = "latest"
    ) -> ConfirmedOutput | None:
        """Return what a committee found of a range; None while it is not confirmed."""
        root, batch, at = await self._reader.call(
            _CONFIRMED, committee_id, start_block, end_block, block=block
        )
        if at == 0:
            return None
        return ConfirmedOutput(output_root=Hash32(root), batch_hash=Hash32(batch), confirmed_at=at)

    async def counts(
        self, operator_id: Hash32, quorum: int, *, reference_block: int, block: Block = "latest"
    ) -> bool:
        """Whether an operator's signature would count in a quorum now."""
        return bool(
            await self._reader.call(
                _COUNTS, bytes(operator_id), quorum, reference_block, block=block
            )
        )

    async def reserve(self, token: Address) -> int:
        """Return what is left to pay rewards of tasks by policy."""
        return int(await self._reader.call(_RESERVE, bytes(token)))

    async def is_listed(self, operator: Address) -> bool:
        """Whether the allow-list lets an operator count."""
        if not await self._reader.call(_POA):
            return True
        return bool(await self._reader.call(_WHITELIST, bytes(operator)))

    async def is_paused(self, part: PausedPart) -> bool:
        """Whether a part is paused."""
        return bool(await self._reader.call(_PAUSED, int(part)))

    async def state_confirmer(self) -> Address:
        """Return who confirms states."""
        return Address.from_hex(await self._reader.call(_CONFIRMER))

    async def max_reference_age(self) -> int:
        """Return the greatest number of blocks that a reference block may be old."""
        return int(await self._reader.call(_MAX_AGE))

    async def module(self, name: str) -> Address:
        """Return a contract that it works with, by the name of its getter."""
        if name not in _ADDRESS_NAMES:
            raise KeyError(name)
        return Address.from_hex(await self._reader.call(Function(f"{name}()", "(address)")))

    async def tasks_created(self, *, first: int, last: Block = "latest") -> list[TaskCreated]:
        """Return the tasks that were created in L1 blocks, in their order."""
        logs = await self._reader.logs(_CREATED_EVENT, first=first, last=last)
        return [
            TaskCreated(
                task_id=Hash32(log.values[0]),
                committee_id=log.values[1],
                creator=Address.from_hex(log.values[2]),
                start_block=log.values[3],
                end_block=log.values[4],
                deadline=log.values[5],
                reward=log.values[6],
                log=log,
            )
            for log in logs
        ]

    async def tasks_confirmed(
        self, *, first: int, last: Block = "latest", committee_id: int | None = None
    ) -> list[TaskConfirmed]:
        """Return the confirmations in L1 blocks, in their order."""
        wanted = None if committee_id is None else committee_id.to_bytes(32, "big")
        logs = await self._reader.logs(
            _CONFIRMED_EVENT, first=first, last=last, topics=(None, wanted)
        )
        return [
            TaskConfirmed(
                task_id=Hash32(log.values[0]),
                committee_id=log.values[1],
                end_block=log.values[2],
                start_block=log.values[3],
                output_root=Hash32(log.values[4]),
                reference_block=log.values[5],
                non_signers=tuple(Hash32(id_) for id_ in log.values[6]),
                signed_stakes=tuple(log.values[7]),
                total_stakes=tuple(log.values[8]),
                log=log,
            )
            for log in logs
        ]

    async def check_confirm(
        self, header: StateHeader, signed_by: SignedBy, *, sender: Address
    ) -> None:
        """Simulate a confirmation; CallRevertedError says why it would fail."""
        data = confirm_state_call(self.address, header, signed_by).data
        await self._reader.check(data, sender=sender, what="confirmState")
