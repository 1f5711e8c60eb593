"""EigenLayer's core as an operator uses it: typed readers and calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from eth_abi.abi import encode

from coprove.contracts.abi import Event, Function
from coprove.contracts.caller import ContractReader
from coprove.contracts.settlement import ContractCall
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.contracts.caller import Block
    from coprove.contracts.eigenlayer.addresses import EigenLayerCore
    from coprove.contracts.eigenlayer.registries import G1, G2
    from coprove.rpc import RpcTransport

__all__ = [
    "ALLOCATION_UPDATED",
    "OPERATOR_SLASHED",
    "WAD",
    "Allocation",
    "EigenLayer",
    "KeyRegistration",
    "M2Consent",
    "allocate_call",
    "approve_call",
    "deposit_call",
    "leave_sets_call",
    "m2_deregister_call",
    "m2_register_call",
    "operator_shares",
    "register_as_operator_call",
    "register_for_sets_call",
    "transfer_call",
]

WAD: Final = 10**18
"""All of it, where EigenLayer counts parts."""
OPERATOR_SLASHED: Final = Event(
    "OperatorSlashed(address,(address,uint32),address[],uint256[],string)",
    (False, False, False, False, False),
)
"""AllocationManager: operator, operator set, strategies, parts slashed, description."""
ALLOCATION_UPDATED: Final = Event(
    "AllocationUpdated(address,(address,uint32),address,uint64,uint32)",
    (False, False, False, False, False),
)
"""AllocationManager: operator, operator set, strategy, magnitude, block from which it holds."""

_IS_OPERATOR: Final = Function("isOperator(address)", "(bool)")
_SHARES: Final = Function("getOperatorShares(address,address[])", "(uint256[])")
_ALLOCATION: Final = Function(
    "getAllocation(address,(address,uint32),address)", "((uint64,int128,uint32))"
)
_MAX_MAGNITUDE: Final = Function("getMaxMagnitude(address,address)", "(uint64)")
_ALLOCATABLE: Final = Function("getAllocatableMagnitude(address,address)", "(uint64)")
_DELAY: Final = Function("getAllocationDelay(address)", "(bool,uint32)")
_IS_MEMBER: Final = Function("isMemberOfOperatorSet(address,(address,uint32))", "(bool)")
_IS_SLASHABLE: Final = Function("isOperatorSlashable(address,(address,uint32))", "(bool)")
_STRATEGIES: Final = Function("getStrategiesInOperatorSet((address,uint32))", "(address[])")
_TOKEN: Final = Function("underlyingToken()", "(address)")
_BALANCE: Final = Function("balanceOf(address)", "(uint256)")
_ALLOWANCE: Final = Function("allowance(address,address)", "(uint256)")
_APPROVE: Final = Function("approve(address,uint256)")
_TRANSFER: Final = Function("transfer(address,uint256)")
_DEPOSIT: Final = Function("depositIntoStrategy(address,address,uint256)")
_REGISTER: Final = Function("registerAsOperator(address,uint32,string)")
_MODIFY: Final = Function("modifyAllocations(address,((address,uint32),address[],uint64[])[])")
_ENTER: Final = Function("registerForOperatorSets(address,(address,uint32[],bytes))")
_LEAVE: Final = Function("deregisterFromOperatorSets((address,address,uint32[]))")
_PARAMS: Final = "((uint256,uint256),(uint256,uint256),(uint256[2],uint256[2]))"
_M2_REGISTER: Final = Function(f"registerOperator(bytes,string,{_PARAMS},(bytes,bytes32,uint256))")
_M2_DEREGISTER: Final = Function("deregisterOperator(bytes)")
_NORMAL: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRegistration:
    """A BLS key with its proof of possession, as BLSApkRegistry takes it."""

    signature: G1
    """Over `QuorumRegistries.registration_digest` of the operator."""
    g1: G1
    """The key in G1."""
    g2: G2
    """The key in G2."""

    def to_abi(self) -> tuple[object, ...]:
        """Return the values in the order of PubkeyRegistrationParams."""
        return (self.signature, self.g1, self.g2)


@dataclass(frozen=True, slots=True, kw_only=True)
class M2Consent:
    """An operator's signature for the AVSDirectory (M2)."""

    signature: bytes
    """Over its `calculateOperatorAVSRegistrationDigestHash`."""
    salt: bytes
    """32 bytes that were not used before."""
    expiry: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """What an operator allocated to an operator set, in one strategy."""

    magnitude: int
    """Part of its stake that the set can slash, of `WAD`."""
    pending: int
    """What will be added or taken away."""
    effect_block: int
    """Block from which that holds; 0: nothing is pending."""


async def operator_shares(
    transport: RpcTransport,
    delegation_manager: Address,
    operator: Address,
    strategies: Sequence[Address],
    *,
    block: Block = "latest",
) -> tuple[int, ...]:
    """Return the shares delegated to an operator in each strategy; errors as of EigenLayer's."""
    reader = ContractReader(transport, delegation_manager)
    wanted = [bytes(item) for item in strategies]
    return tuple(await reader.call(_SHARES, bytes(operator), wanted, block=block))


class EigenLayer:
    """Reads EigenLayer's core. Errors: CallRevertedError, InputError, those of the transport."""

    def __init__(self, transport: RpcTransport, core: EigenLayerCore) -> None:
        """Share the endpoint's transport."""
        self.addresses = core
        self._transport = transport
        self._delegation = ContractReader(transport, core.delegation_manager)
        self._allocation = ContractReader(transport, core.allocation_manager)

    async def is_operator(self, account: Address) -> bool:
        """Whether an account is an operator at EigenLayer."""
        return bool(await self._delegation.call(_IS_OPERATOR, bytes(account)))

    async def shares(
        self, operator: Address, strategies: Sequence[Address], *, block: Block = "latest"
    ) -> tuple[int, ...]:
        """Return the shares delegated to an operator in each strategy."""
        manager = self.addresses.delegation_manager
        return await operator_shares(self._transport, manager, operator, strategies, block=block)

    async def allocation(
        self, operator: Address, avs: Address, set_id: int, strategy: Address
    ) -> Allocation:
        """Return what an operator allocated to an operator set in a strategy."""
        magnitude, pending, effect = await self._allocation.call(
            _ALLOCATION, bytes(operator), (bytes(avs), set_id), bytes(strategy)
        )
        return Allocation(magnitude=magnitude, pending=pending, effect_block=effect)

    async def max_magnitude(self, operator: Address, strategy: Address) -> int:
        """Return what slashings left of an operator's magnitude in a strategy, of `WAD`."""
        found = await self._allocation.call(_MAX_MAGNITUDE, bytes(operator), bytes(strategy))
        return int(found)

    async def allocatable(self, operator: Address, strategy: Address) -> int:
        """Return the magnitude that an operator can still allocate in a strategy."""
        return int(await self._allocation.call(_ALLOCATABLE, bytes(operator), bytes(strategy)))

    async def allocation_delay(self, operator: Address) -> int | None:
        """Return the blocks after which an operator's allocations hold; None: not set yet."""
        is_set, delay = await self._allocation.call(_DELAY, bytes(operator))
        return int(delay) if is_set else None

    async def is_member(self, operator: Address, avs: Address, set_id: int) -> bool:
        """Whether an operator is in an operator set."""
        return bool(await self._allocation.call(_IS_MEMBER, bytes(operator), (bytes(avs), set_id)))

    async def is_slashable(self, operator: Address, avs: Address, set_id: int) -> bool:
        """Whether an operator can be slashed in an operator set."""
        return bool(
            await self._allocation.call(_IS_SLASHABLE, bytes(operator), (bytes(avs), set_id))
        )

    async def strategies(self, avs: Address, set_id: int) -> tuple[Address, ...]:
        """Return the strategies of an operator set."""
        found = await self._allocation.call(_STRATEGIES, (bytes(avs), set_id))
        return tuple(Address.from_hex(item) for item in found)

    async def token_of(self, strategy: Address) -> Address:
        """Return what is deposited in a strategy."""
        found = await ContractReader(self._transport, strategy).call(_TOKEN)
        return Address.from_hex(found)

    async def balance(self, token: Address, account: Address) -> int:
        """Return an account's balance of a token."""
        return int(await ContractReader(self._transport, token).call(_BALANCE, bytes(account)))

    async def allowance(self, token: Address, account: Address) -> int:
        """Return what the StrategyManager may take of an account's token."""
        spender = bytes(self.addresses.strategy_manager)
        reader = ContractReader(self._transport, token)
        return int(await reader.call(_ALLOWANCE, bytes(account), spender))


def register_as_operator_call(
    core: EigenLayerCore, *, allocation_delay: int, metadata_uri: str
) -> ContractCall:
    """Make the sender an operator; it approves no delegation, and its allocations hold after
    `allocation_delay` blocks."""
    data = _REGISTER.encode(bytes(20), allocation_delay, metadata_uri)
    return ContractCall(to=core.delegation_manager, data=data)


def approve_call(token: Address, spender: Address, amount: int) -> ContractCall:
    """Let a contract take the sender's token."""
    return ContractCall(to=token, data=_APPROVE.encode(bytes(spender), amount))


def transfer_call(token: Address, to: Address, amount: int) -> ContractCall:
    """Send a token."""
    return ContractCall(to=token, data=_TRANSFER.encode(bytes(to), amount))


def deposit_call(
    core: EigenLayerCore, *, strategy: Address, token: Address, amount: int
) -> ContractCall:
    """Deposit the sender's token, which the StrategyManager must be allowed to take."""
    data = _DEPOSIT.encode(bytes(strategy), bytes(token), amount)
    return ContractCall(to=core.strategy_manager, data=data)


def allocate_call(
    core: EigenLayerCore,
    *,
    operator: Address,
    avs: Address,
    set_id: int,
    magnitudes: Sequence[tuple[Address, int]],
) -> ContractCall:
    """Set what an operator allocates to an operator set, by strategy, of `WAD`."""
    ordered = sorted(magnitudes)
    value = (
        (bytes(avs), set_id),
        [bytes(strategy) for strategy, _ in ordered],
        [magnitude for _, magnitude in ordered],
    )
    return ContractCall(to=core.allocation_manager, data=_MODIFY.encode(bytes(operator), [value]))


def register_for_sets_call(
    core: EigenLayerCore,
    *,
    operator: Address,
    avs: Address,
    set_ids: Sequence[int],
    socket: str,
    key: KeyRegistration,
) -> ContractCall:
    """Enter operator sets, with a BLS key whose possession the registrar checks."""
    data = encode(["uint8", "string", _PARAMS], [_NORMAL, socket, key.to_abi()])
    call = _ENTER.encode(bytes(operator), (bytes(avs), list(set_ids), data))
    return ContractCall(to=core.allocation_manager, data=call)


def leave_sets_call(
    core: EigenLayerCore, *, operator: Address, avs: Address, set_ids: Sequence[int]
) -> ContractCall:
    """Leave operator sets; what is allocated can be slashed for a while longer."""
    data = _LEAVE.encode((bytes(operator), bytes(avs), list(set_ids)))
    return ContractCall(to=core.allocation_manager, data=data)


def m2_register_call(
    coordinator: Address,
    *,
    quorums: Sequence[int],
    socket: str,
    key: KeyRegistration,
    consent: M2Consent,
) -> ContractCall:
    """Enter quorums of the time before operator sets."""
    signature = (consent.signature, consent.salt, consent.expiry)
    data = _M2_REGISTER.encode(bytes(quorums), socket, key.to_abi(), signature)
    return ContractCall(to=coordinator, data=data)


def m2_deregister_call(coordinator: Address, quorums: Sequence[int]) -> ContractCall:
    """Leave quorums of the time before operator sets."""
    return ContractCall(to=coordinator, data=_M2_DEREGISTER.encode(bytes(quorums)))
