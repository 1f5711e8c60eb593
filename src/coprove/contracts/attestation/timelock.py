"""The timelock: what it has been asked to do, and the calldata that asks and executes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from eth_abi.abi import encode as abi_encode

from coprove.contracts.abi import Function
from coprove.contracts.caller import ContractReader
from coprove.primitives import keccak256
from coprove.types import ZERO_HASH, Hash32

if TYPE_CHECKING:
    from coprove.contracts.caller import Block
    from coprove.rpc import RpcTransport
    from coprove.types import Address

__all__ = ["OperationState", "TimelockContract", "TimelockOperation"]

_DELAY = Function("getMinDelay()", "(uint256)")
_TIMESTAMP = Function("getTimestamp(bytes32)", "(uint256)")
_STATE = Function("getOperationState(bytes32)", "(uint8)")
_SCHEDULE = Function("schedule(address,uint256,bytes,bytes32,bytes32,uint256)")
_EXECUTE = Function("execute(address,uint256,bytes,bytes32,bytes32)")
_CANCEL = Function("cancel(bytes32)")


class OperationState(IntEnum):
    """How an operation stands."""

    UNSET = 0
    WAITING = 1
    READY = 2
    DONE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelockOperation:
    """One call that goes through a timelock."""

    target: Address
    """Contract that is called."""
    data: bytes
    """Calldata."""
    salt: Hash32 = ZERO_HASH
    """Tells apart operations that are otherwise the same."""

    def operation_id(self) -> Hash32:
        """Return the timelock's name of the operation."""
        values = (bytes(self.target), 0, self.data, bytes(ZERO_HASH), bytes(self.salt))
        types = ["address", "uint256", "bytes", "bytes32", "bytes32"]
        return Hash32(keccak256(abi_encode(types, values)))

    def schedule_call(self, delay: int) -> bytes:
        """Return the calldata that schedules it, `delay` seconds ahead; for proposers."""
        return _SCHEDULE.encode(
            bytes(self.target), 0, self.data, bytes(ZERO_HASH), bytes(self.salt), delay
        )

    def execute_call(self) -> bytes:
        """Return the calldata that executes it once it is ready; for executors."""
        return _EXECUTE.encode(bytes(self.target), 0, self.data, bytes(ZERO_HASH), bytes(self.salt))

    def cancel_call(self) -> bytes:
        """Return the calldata that cancels it before it is done; for cancellers."""
        return _CANCEL.encode(bytes(self.operation_id()))


class TimelockContract:
    """Reads a Timelock; each method takes a block number or tag to read at."""

    def __init__(self, transport: RpcTransport, address: Address) -> None:
        """Share the endpoint's transport."""
        self.contract = ContractReader(transport, address)

    async def delay(self, *, block: Block = "latest") -> int:
        """Return the seconds from scheduling to execution, at least."""
        return int(await self.contract.call(_DELAY, block=block))

    async def state(
        self, operation: TimelockOperation, *, block: Block = "latest"
    ) -> OperationState:
        """Return how an operation stands."""
        found = await self.contract.call(_STATE, bytes(operation.operation_id()), block=block)
        return OperationState(found)

    async def ready_at(
        self, operation: TimelockOperation, *, block: Block = "latest"
    ) -> int | None:
        """Return the Unix seconds from which on an operation can be executed.

        None when it was not scheduled or is done.
        """
        time = await self.contract.call(_TIMESTAMP, bytes(operation.operation_id()), block=block)
        return int(time) if time > 1 else None
