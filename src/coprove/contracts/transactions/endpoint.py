"""The few questions that sending a transaction asks of an endpoint, with typed answers."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING

from coprove.contracts.abi import reverted
from coprove.contracts.errors import InsufficientFundsError, TransactionRefusedError
from coprove.contracts.known_errors import KNOWN_ERRORS
from coprove.errors import InputError
from coprove.rpc import NotYetAvailableError, RpcError
from coprove.types import Address, Hash32
from coprove.types.transactions import Mined

if TYPE_CHECKING:
    from coprove.rpc import RpcTransport
    from coprove.rpc.http import Json
    from coprove.types.transactions import Draft

__all__ = ["Endpoint", "SendOutcome"]

_KNOWN = re.compile(r"already known|already imported|known transaction|already in", re.I)
_NONCE_USED = re.compile(r"nonce too low|nonce is too low|invalid nonce|old nonce", re.I)
_UNDERPRICED = re.compile(r"underpriced|fee.{0,40}(too low|less than|below)|fee cap less", re.I)
_FUNDS = re.compile(r"insufficient funds|not enough funds|insufficient balance", re.I)


class SendOutcome(Enum):
    """What a node said to a signed transaction."""

    ACCEPTED = auto()
    """It is in the pool, now or since before."""
    NONCE_USED = auto()
    """A transaction with this nonce is in the chain, this one or another."""
    UNDERPRICED = auto()
    """It offers too little, or replaces another one without a sufficient raise."""


class Endpoint:
    """An L1 endpoint, for one chain."""

    def __init__(self, transport: RpcTransport) -> None:
        """Share the transport, and with it its rate limit."""
        self._transport = transport

    async def chain_id(self) -> int:
        """Return the chain id."""
        return await self._number("eth_chainId")

    async def genesis_hash(self) -> Hash32:
        """Return the hash of block 0."""
        block = await self._object("eth_getBlockByNumber", ["0x0", False])
        return Hash32.from_hex(block.get("hash"), "genesis hash")

    async def head(self) -> int:
        """Return the number of the newest block."""
        return await self._number("eth_blockNumber")

    async def nonce(self, address: Address, block: int | None = None) -> int:
        """Return how many transactions of an account are in the chain, up to a block."""
        tag = "latest" if block is None else hex(max(block, 0))
        return await self._number("eth_getTransactionCount", [address.hex0x, tag])

    async def base_fee(self) -> int:
        """Return the base fee of the newest block, in wei per gas."""
        block = await self._object("eth_getBlockByNumber", ["latest", False])
        return _quantity(block.get("baseFeePerGas"), "baseFeePerGas")

    async def priority_fee(self) -> int:
        """Return the endpoint's suggestion, in wei per gas."""
        return await self._number("eth_maxPriorityFeePerGas")

    async def estimate_gas(self, draft: Draft) -> int:
        """Return the gas that a draft would use now; CallRevertedError when it would fail."""
        return await self._simulate("eth_estimateGas", draft, [])

    async def failure_reason(self, draft: Draft, block: int) -> str:
        """Return why a mined transaction failed, by repeating it on the state before its block."""
        try:
            await self._simulate("eth_call", draft, [hex(max(block - 1, 0))])
        except Exception as error:  # noqa: BLE001 - a hint in a message that is raised anyway
            return str(error)
        return "it would have succeeded at the block's start"

    async def receipt(self, tx_hash: Hash32) -> Mined | None:
        """Return where a transaction was mined; None when it is not in the chain."""
        try:
            answer = await self._transport.call("eth_getTransactionReceipt", [tx_hash.hex0x])
        except NotYetAvailableError:
            return None
        if not isinstance(answer, dict) or answer.get("blockHash") is None:
            return None
        created = answer.get("contractAddress")
        return Mined(
            tx_hash=tx_hash,
            block_number=_quantity(answer.get("blockNumber"), "receipt.blockNumber"),
            block_hash=Hash32.from_hex(answer.get("blockHash"), "receipt.blockHash"),
            succeeded=_quantity(answer.get("status"), "receipt.status") == 1,
            gas_used=_quantity(answer.get("gasUsed"), "receipt.gasUsed"),
            contract_address=None if created is None else Address.from_hex(created),
        )

    async def knows(self, tx_hash: Hash32) -> bool:
        """Whether a transaction is in the chain or in the pool."""
        try:
            answer = await self._transport.call("eth_getTransactionByHash", [tx_hash.hex0x])
        except NotYetAvailableError:
            return False
        return isinstance(answer, dict)

    async def send(self, raw: bytes) -> SendOutcome:
        """Hand a signed transaction over.

        Raises InsufficientFundsError, or TransactionRefusedError for what the node never takes.
        """
        try:
            await self._transport.call("eth_sendRawTransaction", [f"0x{raw.hex()}"])
        except RpcError as error:
            for pattern, outcome in (
                (_KNOWN, SendOutcome.ACCEPTED),
                (_NONCE_USED, SendOutcome.NONCE_USED),
                (_UNDERPRICED, SendOutcome.UNDERPRICED),
            ):
                if pattern.search(error.message):
                    return outcome
            if _FUNDS.search(error.message):
                raise InsufficientFundsError(str(error)) from error
            raise TransactionRefusedError(str(error)) from error
        return SendOutcome.ACCEPTED

    async def _simulate(self, method: str, draft: Draft, rest: list[Json]) -> int:
        fields: dict[str, Json] = {
            "from": draft.sender.hex0x,
            "value": hex(draft.value),
            "data": f"0x{draft.data.hex()}",
        }
        if draft.to is not None:
            fields["to"] = draft.to.hex0x
        try:
            answer = await self._transport.call(method, [fields, *rest])
        except RpcError as error:
            if _FUNDS.search(error.message):
                raise InsufficientFundsError(str(error)) from error
            typed = reverted(draft.key, error, KNOWN_ERRORS)
            if typed is None:
                raise
            raise typed from error
        return _quantity(answer, method) if method == "eth_estimateGas" else 0

    async def _number(self, method: str, params: list[Json] | None = None) -> int:
        return _quantity(await self._transport.call(method, params or []), method)

    async def _object(self, method: str, params: list[Json]) -> dict[str, Json]:
        answer = await self._transport.call(method, params)
        if not isinstance(answer, dict):
            raise InputError(method, expected="an object", actual=answer)
        return answer


def _quantity(value: Json, what: str) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{1,64}", value):
        raise InputError(what, expected="a hex quantity", actual=value)
    return int(value, 16)
