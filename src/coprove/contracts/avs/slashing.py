"""The AVS' slasher: evidence as it takes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Event, Function
from coprove.contracts.avs.headers import STATE_HEADER_TYPE
from coprove.contracts.caller import ContractReader
from coprove.contracts.settlement import ContractCall
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.contracts.avs.headers import StateHeader
    from coprove.contracts.caller import Block
    from coprove.contracts.eigenlayer.registries import G1, G2
    from coprove.rpc import RpcTransport
    from coprove.types import BlockId

__all__ = [
    "SLASH_SIGNATURE",
    "AvsSlasher",
    "Offence",
    "OperatorSlashed",
    "SignedState",
    "SigningKey",
    "slash_confirmed_wrong_call",
    "slash_contradiction_call",
    "slash_equivocation_call",
    "slash_proven_wrong_call",
]

SLASH_SIGNATURE: Final = "slashOperator(address,(address,uint32,address[],uint256[],string))"
"""What the slasher is appointed to call at the AllocationManager."""
_G1: Final = "(uint256,uint256)"
_STATE: Final = f"(bytes,uint32,{_G1})"
_SIGNER: Final = f"({_G1},(uint256[2],uint256[2]))"
_HEAD: Final = "(uint64,bytes32)"
_EQUIVOCATION: Final = Function(f"slashEquivocation(uint256,bytes,{_STATE},{_STATE},{_SIGNER})")
_CONTRADICTION: Final = Function(
    f"slashContradiction({STATE_HEADER_TYPE},bytes32[],{_STATE},{_SIGNER})"
)
_PROVEN_WRONG: Final = Function(f"slashProvenWrong(uint256,bytes,{_STATE},{_SIGNER},{_HEAD})")
_CONFIRMED_WRONG: Final = Function(
    f"slashConfirmedWrong({STATE_HEADER_TYPE},bytes32[],bytes32,uint256,{_HEAD})"
)
_IS_SLASHED: Final = Function("isSlashed(bytes32,bytes32)", "(bool)")
_SERVICE_MANAGER: Final = Function("serviceManager()", "(address)")
_WADS: Final = Function("wads(uint8)", "(uint256)")
_SLASHED: Final = Event(
    "OperatorSlashed(address,bytes32,uint8,bytes32,bytes)", (True, True, True, False, False)
)


class Offence(IntEnum):
    """What an operator is slashed for."""

    EQUIVOCATION = 0
    """Two states of one range under one L1 head."""
    CONTRADICTS_QUORUM = 1
    """Another state than was confirmed under the same L1 head."""
    PROVEN_WRONG = 2
    """A state that a proven output contradicts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedState:
    """A state that an operator signed."""

    state: bytes
    """What it signed."""
    reference_block: int
    """Block that it signed along."""
    signature: G1
    """Its BLS signature over the header's digest."""

    def to_abi(self) -> tuple[object, ...]:
        """Return the values in the order of the struct."""
        return (self.state, self.reference_block, self.signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """The key of who signed, in both groups."""

    g1: G1
    """In G1."""
    g2: G2
    """In G2."""

    def to_abi(self) -> tuple[object, ...]:
        """Return the values in the order of the struct."""
        return (self.g1, self.g2)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSlashed:
    """An operator was slashed."""

    operator: Address
    """The operator."""
    task_id: Hash32
    """The task that it signed a wrong state of."""
    offence: Offence
    """What for."""
    operator_id: Hash32
    """Id of its key."""
    quorums: tuple[int, ...]
    """Operator sets in which it was slashed."""


class AvsSlasher:
    """Reads the contract. Errors: CallRevertedError, InputError, those of the transport."""

    def __init__(self, transport: RpcTransport, address: Address) -> None:
        """Share the endpoint's transport."""
        self._reader = ContractReader(transport, address)
        self.address = address

    async def is_slashed(
        self, task_id: Hash32, operator_id: Hash32, *, block: Block = "latest"
    ) -> bool:
        """Whether an operator was slashed for a task."""
        return bool(
            await self._reader.call(_IS_SLASHED, bytes(task_id), bytes(operator_id), block=block)
        )

    async def service_manager(self) -> Address:
        """Return the AVS that it slashes for."""
        return Address.from_hex(await self._reader.call(_SERVICE_MANAGER))

    async def wad(self, offence: Offence) -> int:
        """Return what an offence costs, of 10^18."""
        return int(await self._reader.call(_WADS, int(offence)))

    async def slashed(self, *, first: int, last: Block = "latest") -> list[OperatorSlashed]:
        """Return the slashings in L1 blocks, in their order."""
        logs = await self._reader.logs(_SLASHED, first=first, last=last)
        return [
            OperatorSlashed(
                operator=Address.from_hex(log.values[0]),
                task_id=Hash32(log.values[1]),
                offence=Offence(log.values[2]),
                operator_id=Hash32(log.values[3]),
                quorums=tuple(log.values[4]),
            )
            for log in logs
        ]

    async def check(self, call: ContractCall, *, sender: Address) -> None:
        """Simulate a slashing; CallRevertedError says why the evidence does not hold."""
        await self._reader.check(call.data, sender=sender, what="slash")


def slash_equivocation_call(
    slasher: Address,
    *,
    committee_id: int,
    metadata: bytes,
    first: SignedState,
    second: SignedState,
    key: SigningKey,
) -> ContractCall:
    """Slash an operator that signed two states of one range under one L1 head."""
    data = _EQUIVOCATION.encode(
        committee_id, metadata, first.to_abi(), second.to_abi(), key.to_abi()
    )
    return ContractCall(to=slasher, data=data)


def slash_contradiction_call(
    slasher: Address,
    *,
    confirmed: StateHeader,
    non_signers: Sequence[Hash32],
    other: SignedState,
    key: SigningKey,
) -> ContractCall:
    """Slash an operator that signed another state than was confirmed."""
    ids = [bytes(id_) for id_ in non_signers]
    data = _CONTRADICTION.encode(confirmed.to_abi(), ids, other.to_abi(), key.to_abi())
    return ContractCall(to=slasher, data=data)


def slash_proven_wrong_call(
    slasher: Address,
    *,
    committee_id: int,
    metadata: bytes,
    wrong: SignedState,
    key: SigningKey,
    l1_head: BlockId,
) -> ContractCall:
    """Slash an operator that signed a state which a proven output contradicts."""
    head = (l1_head.number, bytes(l1_head.hash))
    data = _PROVEN_WRONG.encode(committee_id, metadata, wrong.to_abi(), key.to_abi(), head)
    return ContractCall(to=slasher, data=data)


def slash_confirmed_wrong_call(
    slasher: Address,
    *,
    confirmed: StateHeader,
    non_signers: Sequence[Hash32],
    operator_id: Hash32,
    bitmap_index: int,
    l1_head: BlockId,
) -> ContractCall:
    """Slash a signer of a confirmed state which a proven output contradicts."""
    data = _CONFIRMED_WRONG.encode(
        confirmed.to_abi(),
        [bytes(id_) for id_ in non_signers],
        bytes(operator_id),
        bitmap_index,
        (l1_head.number, bytes(l1_head.hash)),
    )
    return ContractCall(to=slasher, data=data)
