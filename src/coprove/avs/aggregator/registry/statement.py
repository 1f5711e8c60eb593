"""The registry's own word about a block, to hold events against it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Function
from coprove.contracts.caller import ContractReader
from coprove.rpc import MalformedResponseError
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coprove.rpc import RpcTransport

__all__ = ["QuorumStatement", "RegistryAddresses", "RegistryStatements", "registry_addresses"]

_STATE: Final = Function("getOperatorState(address,bytes,uint32)", "((address,bytes32,uint96)[][])")
_TOTAL_INDICES: Final = Function("getTotalStakeIndicesAtBlockNumber(uint32,bytes)", "(uint32[])")
_TOTAL: Final = Function("getTotalStakeAtBlockNumberFromIndex(uint8,uint32,uint256)", "(uint96)")
_KEYS: Final = Function("blsApkRegistry()", "(address)")
_STAKES: Final = Function("stakeRegistry()", "(address)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAddresses:
    """EigenLayer's middleware of one AVS."""

    coordinator: Address
    """RegistryCoordinator."""
    keys: Address
    """BLSApkRegistry."""
    stakes: Address
    """StakeRegistry."""
    retriever: Address
    """OperatorStateRetriever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumStatement:
    """What the contracts say of a quorum at a block."""

    number: int
    """Its number."""
    total: int
    """Its total stake."""
    stakes: Mapping[Hash32, int]
    """Stake of each of its operators."""
    accounts: Mapping[Hash32, Address]
    """Their accounts."""


async def registry_addresses(
    transport: RpcTransport, *, coordinator: Address, retriever: Address
) -> RegistryAddresses:
    """Return the registries that a coordinator names; InputError when there is no contract."""
    reader = ContractReader(transport, coordinator)
    keys, stakes = await asyncio.gather(reader.call(_KEYS), reader.call(_STAKES))
    return RegistryAddresses(
        coordinator=coordinator,
        keys=Address.from_hex(keys, "blsApkRegistry"),
        stakes=Address.from_hex(stakes, "stakeRegistry"),
        retriever=retriever,
    )


class RegistryStatements:
    """Asks OperatorStateRetriever and StakeRegistry."""

    def __init__(self, transport: RpcTransport, addresses: RegistryAddresses) -> None:
        """Share the endpoint's transport."""
        self._coordinator = addresses.coordinator
        self._retriever = ContractReader(transport, addresses.retriever)
        self._stakes = ContractReader(transport, addresses.stakes)

    async def quorums(self, block: int, quorums: Sequence[int]) -> list[QuorumStatement]:
        """Return what is said of some quorums at a block, in their order.

        CallRevertedError for a quorum that was not there; MalformedResponseError for an answer
        that names one operator twice or not all quorums.
        """
        numbers = bytes(quorums)
        operators, indices = await asyncio.gather(
            self._retriever.call(_STATE, bytes(self._coordinator), numbers, block, block=block),
            self._stakes.call(_TOTAL_INDICES, block, numbers, block=block),
        )
        if not len(operators) == len(indices) == len(quorums):
            raise MalformedResponseError(
                "operator state", expected=f"{len(quorums)} quorums", actual=len(operators)
            )
        totals = await asyncio.gather(
            *(
                self._stakes.call(_TOTAL, quorum, block, index, block=block)
                for quorum, index in zip(quorums, indices, strict=True)
            )
        )
        return [
            _statement(quorum, total, members)
            for quorum, total, members in zip(quorums, totals, operators, strict=True)
        ]


def _statement(
    quorum: int, total: int, members: Sequence[tuple[str, bytes, int]]
) -> QuorumStatement:
    stakes = {Hash32(operator_id): stake for _, operator_id, stake in members}
    if len(stakes) != len(members):
        raise MalformedResponseError("operator state", expected="each once", actual="one twice")
    return QuorumStatement(
        number=quorum,
        total=total,
        stakes=stakes,
        accounts={
            Hash32(operator_id): Address.from_hex(account, "operator")
            for account, operator_id, _ in members
        },
    )
