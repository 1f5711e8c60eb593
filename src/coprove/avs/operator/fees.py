"""Rewards of one operator as they come in, for EigenLayer's series of fees earned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.contracts import CallRevertedError
from coprove.contracts.abi import Function
from coprove.contracts.caller import ContractReader
from coprove.errors import InputError
from coprove.rpc import L1Client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coprove.contracts.avs.rewards import AvsRewards
    from coprove.rpc import RpcTransport
    from coprove.types import Address

__all__ = ["Fees"]

_DECIMALS: Final = Function("decimals()", "(uint8)")
_USUAL: Final = 18


class Fees:
    """What the AVS handed to EigenLayer for an operator in final blocks, since the first look.

    Errors: those of the transport.
    """

    def __init__(self, transport: RpcTransport, rewards: AvsRewards, operator: Address) -> None:
        """Share the endpoint's transport."""
        self._transport, self._rewards, self._operator = transport, rewards, operator
        self._next: int | None = None
        self._decimals: dict[Address, int] = {}

    async def new(self) -> Mapping[Address, float]:
        """Return what came since the last look, by token, in whole tokens."""
        final = (await L1Client(self._transport).block_ref("finalized")).number
        first = self._next
        found: dict[Address, int] = {}
        if first is not None and first <= final:
            for item in await self._rewards.settled(first=first, last=final):
                amount = item.amounts.get(self._operator, 0)
                found[item.token] = found.get(item.token, 0) + amount
        fees = {
            token: amount / 10 ** await self._decimals_of(token)
            for token, amount in found.items()
            if amount
        }
        self._next = max(final + 1, first or 0)
        return fees

    async def _decimals_of(self, token: Address) -> int:
        if token not in self._decimals:
            try:
                found = int(await ContractReader(self._transport, token).call(_DECIMALS))
            except (CallRevertedError, InputError):
                # ERC-20 leaves it to the token to have them.
                found = _USUAL
            self._decimals[token] = found
        return self._decimals[token]
