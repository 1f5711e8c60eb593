"""The way to the chain: what it holds of a task, and how a confirmation gets there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from coprove.contracts import ContractReader
from coprove.contracts.avs import ServiceManager, confirm_state_call

if TYPE_CHECKING:
    from coprove.avs.aggregator.aggregation import Aggregate
    from coprove.contracts.eigenlayer import QuorumRegistries
    from coprove.contracts.transactions import TransactionManager
    from coprove.rpc import RpcTransport
    from coprove.types import Address, Hash32
    from coprove.types.transactions import Mined

__all__ = ["ChainConfirmation", "ChainGate", "ConfirmationGate"]


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

    async def calldata(self, found: Aggregate) -> bytes:
        """Return the call that confirms an aggregate, with its places in histories on chain."""
        ...

    async def check(self, calldata: bytes) -> None:
        """Simulate a confirmation; CallRevertedError when the contract would not take it."""
        ...

    async def send(self, key: str, calldata: bytes) -> Mined:
        """Send once for `key`, also over restarts; errors as of `TransactionManager.send`."""
        ...


class ChainGate:
    """The service manager and the registries on an L1 endpoint."""

    def __init__(
        self,
        transport: RpcTransport,
        service_manager: Address,
        registries: QuorumRegistries,
        manager: TransactionManager,
    ) -> None:
        """Send from the manager's account, which must be the AVS' state confirmer."""
        self._service = ServiceManager(transport, service_manager)
        self._reader = ContractReader(transport, service_manager)
        self._registries = registries
        self._manager = manager

    async def confirmation(self, key: Hash32) -> ChainConfirmation | None:
        """See `ConfirmationGate`."""
        task = await self._service.task(key)
        if task.confirmed_at == 0:
            return None
        return ChainConfirmation(
            confirmed_at=task.confirmed_at,
            block=task.confirmed_block,
            output_root=task.output_root,
            batch_hash=task.batch_hash,
        )

    async def calldata(self, found: Aggregate) -> bytes:
        """See `ConfirmationGate`."""
        header = found.header
        indices = await self._registries.check_signatures_indices(
            header.reference_block, header.quorum_numbers, found.non_signers
        )
        return confirm_state_call(self._service.address, header, found.signed_by(indices)).data

    async def check(self, calldata: bytes) -> None:
        """See `ConfirmationGate`."""
        await self._reader.check(calldata, sender=self._manager.address, what="confirmState")

    async def send(self, key: str, calldata: bytes) -> Mined:
        """See `ConfirmationGate`."""
        return await self._manager.send(key=key, to=self._service.address, data=calldata)
