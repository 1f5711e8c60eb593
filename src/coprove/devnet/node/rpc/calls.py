"""eth_call and eth_estimateGas: run a message without keeping what it does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from coprove.devnet.node.rpc.codec import (
    get_address,
    get_data,
    get_object,
    get_quantity,
    hex_data,
    invalid,
)
from coprove.devnet.node.rpc.encode import header_number
from coprove.devnet.node.rpc.errors import EXECUTION_REVERTED, SERVER_ERROR, RpcError
from coprove.execution import InvalidPayloadError, simulate
from coprove.types import Address, Fork

if TYPE_CHECKING:
    from coprove.devnet.node.rpc.backend import Backend
    from coprove.devnet.node.store import StoredBlock
    from coprove.execution import CallResult

__all__ = ["CallRunner"]

_LEAST_GAS: Final = 21_000
_KARST_GAS: Final = 2**24
_ERROR_STRING: Final = bytes.fromhex("08c379a0")
_TOLERANCE: Final = 0.015
"""As geth: an estimate may be this much above the least gas that works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    sender: Address
    to: Address | None
    gas: int | None
    gas_price: int
    value: int
    data: bytes


def _message(call: Any) -> _Message:
    given = get_object(call, "call")
    data = given.get("input", given.get("data"))
    if "input" in given and "data" in given and given["input"] != given["data"]:
        raise invalid('both "data" and "input" are set and not equal')
    price = given.get("gasPrice", given.get("maxFeePerGas"))
    return _Message(
        sender=Address(get_address(given.get("from") or "0x" + "00" * 20, "from")),
        to=None if given.get("to") is None else Address(get_address(given["to"], "to")),
        gas=None if given.get("gas") is None else get_quantity(given["gas"], "gas", bits=64),
        gas_price=0 if price is None else get_quantity(price, "gas price", bits=128),
        value=0 if given.get("value") is None else get_quantity(given["value"], "value"),
        data=b"" if data is None else get_data(data, "input"),
    )


class CallRunner:
    """Runs messages on the state after a block."""

    def __init__(self, backend: Backend) -> None:
        """Run on the chain of `backend`."""
        self._backend = backend

    async def call(self, call: Any, tag: Any, overrides: Any) -> bytes:
        """The message's output; an RPC error with the revert data when it fails."""
        message, block = self._prepare(call, tag, overrides)
        cap = self._backend.config.call_gas_cap
        gas = min(message.gas or cap, cap)
        try:
            return _output(await asyncio.to_thread(self._run, message, block, gas))
        except InvalidPayloadError as error:
            raise RpcError(SERVER_ERROR, error.reason) from error

    async def estimate(self, call: Any, tag: Any, overrides: Any) -> int:
        """Gas limit with which the message succeeds, at most 1.5 % above the least one."""
        message, block = self._prepare(call, tag, overrides)
        return await asyncio.to_thread(self._search, message, block)

    def _prepare(self, call: Any, tag: Any, overrides: Any) -> tuple[_Message, StoredBlock]:
        if overrides:
            raise invalid("state overrides are not supported")
        return _message(call), self._backend.require(tag)

    def _run(self, message: _Message, block: StoredBlock, gas: int) -> CallResult:
        chain = self._backend.chain
        return simulate(
            chain.config,
            block.header,
            chain.state,
            ancestors=chain.ancestors(block.hash),
            sender=message.sender,
            to=message.to,
            gas=gas,
            gas_price=message.gas_price,
            value=message.value,
            data=message.data,
        )

    def _highest(self, message: _Message, block: StoredBlock) -> int:
        chain = self._backend.chain
        highest = min(self._backend.config.call_gas_cap, header_number(block.header, "gasLimit"))
        timestamp = header_number(block.header, "timestamp")
        if chain.config.is_active(Fork.KARST, timestamp):
            highest = min(highest, _KARST_GAS)
        if message.gas is not None and message.gas >= _LEAST_GAS:
            highest = min(highest, message.gas)
        if message.gas_price:
            account = chain.reader(block.header).account(message.sender)
            funds = (0 if account is None else account.balance) - message.value
            if funds < 0:
                raise RpcError(SERVER_ERROR, "insufficient funds for transfer")
            highest = min(highest, funds // message.gas_price)
        return highest

    def _search(self, message: _Message, block: StoredBlock) -> int:
        high = self._highest(message, block)
        if high < _LEAST_GAS:
            raise RpcError(SERVER_ERROR, f"gas required exceeds allowance ({high})")
        # The price played its part above; without it the base fee does not bind the trials.
        message = replace(message, gas_price=0)
        try:
            first = self._run(message, block, high)
        except InvalidPayloadError as error:
            raise RpcError(SERVER_ERROR, error.reason) from error
        if not first.success:
            _output(first)
        low = max(first.gas_used - 1, _LEAST_GAS - 1)
        likely = (first.gas_used + 2300) * 64 // 63
        if likely < high:
            low, high = (low, likely) if self._works(message, block, likely) else (likely, high)
        while low + 1 < high and (high - low) / high > _TOLERANCE:
            middle = min((low + high) // 2, 2 * low)
            if self._works(message, block, middle):
                high = middle
            else:
                low = middle
        # A plain transfer needs the same gas each time: give wallets the round number.
        return low + 1 if high != low + 1 and self._works(message, block, low + 1) else high

    def _works(self, message: _Message, block: StoredBlock, gas: int) -> bool:
        try:
            return self._run(message, block, gas).success
        except InvalidPayloadError:
            # Less than the intrinsic gas.
            return False


def _output(result: CallResult) -> bytes:
    if result.success:
        return result.output
    if result.halt is not None:
        raise RpcError(SERVER_ERROR, result.halt)
    reason = _reason(result.output)
    message = f"execution reverted: {reason}" if reason else "execution reverted"
    raise RpcError(EXECUTION_REVERTED, message, hex_data(result.output))


def _reason(output: bytes) -> str:
    """The text of Solidity's `Error(string)`, empty for anything else."""
    if output[:4] != _ERROR_STRING or len(output) < 68:
        return ""
    length = int.from_bytes(output[36:68], "big")
    return output[68 : 68 + length].decode("utf-8", "replace") if length < len(output) else ""
