"""The way to the chain: what it holds of a task, and how a confirmation gets there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from coprove.avs.aggregator.confirm_call import HistoryIndices
from coprove.contracts import ContractReader
from coprove.contracts.abi import Function
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.contracts.transactions import TransactionManager
    from coprove.rpc import RpcTransport
    from coprove.types import Address
    from coprove.types.transactions import Mined

__all__ = ["ChainConfirmation", "ChainGate", "ConfirmationGate"]

_TASK_OF: Final = Function(
    "taskOf(bytes32)",
    "((address,uint64,uint96,address,uint64,uint32,uint32,bool,bytes32,bytes32,bytes32))",
)
_INDICES: Final = Function(
    "getCheckSignaturesIndices(address,uint32,bytes,bytes32[])",
    "((uint32[],uint32[],uint32[],uint32[][]))",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainConfirmation:
    """What the chain holds for a task that is confirmed."""

    confirmed_at: int
    """Unix seconds."""
    block: int
    """L1 block of the confirmation."""
    output_root: Hash32
    """Output root of the range's last block."""
    batch_hash: Hash32
    """Which range, and up to which L1 head."""


class ConfirmationGate(Protocol):
    """What the aggregator asks of the chain, and sends to it."""

    async def confirmation(self, key: Hash32) -> ChainConfirmation | None:
        """Return what the newest block holds for a task; None when it is not confirmed."""
        ...

    async def indices(
        self, *, reference_block: int, quorums: Sequence[int], non_signers: Sequence[Hash32]
    ) -> HistoryIndices:
        """Return where the contract finds the histories at the reference block."""
        ...

    async def check(self, calldata: bytes) -> None:
        """Simulate a confirmation; CallRevertedError when the contract would not take it."""
        ...

    async def send(self, key: str, calldata: bytes) -> Mined:
        """Send once for `key`, also over restarts; errors as of `TransactionManager.send`."""
        ...


class ChainGate:
    """The service manager and EigenLayer's OperatorStateRetriever on an L1 endpoint."""

    def __init__(
        self,
        transport: RpcTransport,
        manager: TransactionManager,
        *,
        service_manager: Address,
        registry_coordinator: Address,
        operator_state_retriever: Address,
    ) -> None:
        """Send from the manager's account, which must be the AVS' state confirmer."""
        self._service = ContractReader(transport, service_manager)
        self._retriever = ContractReader(transport, operator_state_retriever)
        self._coordinator = registry_coordinator
        self._manager = manager

    async def confirmation(self, key: Hash32) -> ChainConfirmation | None:
        """See `ConfirmationGate`."""
        task = await self._service.call(_TASK_OF, bytes(key))
        confirmed_at, block = task[4], task[5]
        if confirmed_at == 0:
            return None
        return ChainConfirmation(
            confirmed_at=confirmed_at,
            block=block,
            output_root=Hash32(task[8]),
            batch_hash=Hash32(task[9]),
        )

    async def indices(
        self, *, reference_block: int, quorums: Sequence[int], non_signers: Sequence[Hash32]
    ) -> HistoryIndices:
        """See `ConfirmationGate`."""
        bitmaps, apks, totals, stakes = await self._retriever.call(
            _INDICES,
            self._coordinator.hex0x,
            reference_block,
            bytes(quorums),
            [bytes(one) for one in non_signers],
        )
        return HistoryIndices(
            non_signer_bitmaps=tuple(bitmaps),
            quorum_apks=tuple(apks),
            total_stakes=tuple(totals),
            non_signer_stakes=tuple(tuple(of_quorum) for of_quorum in stakes),
        )

    async def check(self, calldata: bytes) -> None:
        """See `ConfirmationGate`."""
        await self._service.check(calldata, sender=self._manager.address, what="confirmState")

    async def send(self, key: str, calldata: bytes) -> Mined:
        """See `ConfirmationGate`."""
        return await self._manager.send(key=key, to=self._service.address, data=calldata)
