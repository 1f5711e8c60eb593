"""Reading contracts: eth_call and eth_getLogs with typed results and typed reverts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coprove.contracts.abi import reverted
from coprove.contracts.known_errors import KNOWN_ERRORS
from coprove.errors import InputError
from coprove.rpc import RpcError, get_logs
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.contracts.abi import Event, Function
    from coprove.rpc import Json, RpcTransport

__all__ = ["Block", "ContractReader", "LogEntry"]

Block = int | str
"""A block number or a tag: latest, safe, finalized."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One decoded log."""

    values: tuple[Any, ...]
    """The event's parameters."""
    tx_hash: Hash32
    """Its transaction."""
    block_number: int
    """Its block."""
    block_hash: Hash32
    """Hash of that block."""
    log_index: int
    """Its place in the block."""


class ContractReader:
    """Reads one contract. Errors: CallRevertedError, and those of the transport."""

    def __init__(self, transport: RpcTransport, address: Address) -> None:
        """Share the endpoint's transport."""
        self._transport = transport
        self.address = address

    async def call(self, function: Function, *arguments: object, block: Block = "latest") -> Any:
        """Return the result of a view function; a tuple when it has several."""
        data = await self._eth_call(function, arguments, block)
        if not data:
            # A contract that is not there answers with nothing instead of an error.
            raise InputError(
                f"{function.signature} at {self.address}", expected="a contract", actual="no data"
            )
        values = function.decode(data)
        return values[0] if len(values) == 1 else values

    async def check(self, data: bytes, *, sender: Address, what: str, value: int = 0) -> None:
        """Simulate a transaction from `sender`; CallRevertedError when it would fail."""
        await self._raw_call(data, sender=sender, what=what, block="latest", value=value)

    async def block_time(self, block: Block = "latest") -> int:
        """Return the time of an L1 block, in seconds."""
        answer = await self._transport.call("eth_getBlockByNumber", [_tag(block), False])
        if not isinstance(answer, dict):
            raise InputError("eth_getBlockByNumber", expected="an object", actual=answer)
        return int.from_bytes(_word(answer.get("timestamp"), "block.timestamp"))

    async def logs(
        self,
        event: Event,
        *,
        first: int,
        last: Block = "latest",
        topics: Sequence[bytes | None] = (),
    ) -> list[LogEntry]:
        """Return the event's logs between two blocks, both included, in their order.

        Asked for in parts where the endpoint gives no more at once (see `get_logs`).

        `topics` are the words that its indexed parameters must have, in order; None for any.
        """
        wanted: list[Json] = [f"0x{event.topic.hex()}"]
        wanted += [None if word is None else f"0x{word.hex()}" for word in topics]
        criteria: dict[str, Json] = {"address": self.address.hex0x, "topics": wanted}
        found = await get_logs(self._transport, criteria, first=first, last=last)
        return [self._log(event, entry) for entry in found]

    async def _eth_call(
        self, function: Function, arguments: tuple[object, ...], block: Block
    ) -> bytes:
        data = function.encode(*arguments)
        return await self._raw_call(data, sender=None, what=function.signature, block=block)

    async def _raw_call(
        self, data: bytes, *, sender: Address | None, what: str, block: Block, value: int = 0
    ) -> bytes:
        fields: dict[str, Json] = {"to": self.address.hex0x, "data": f"0x{data.hex()}"}
        if sender is not None:
            fields["from"] = sender.hex0x
        if value:
            fields["value"] = hex(value)
        try:
            answer = await self._transport.call("eth_call", [fields, _tag(block)])
        except RpcError as error:
            typed = reverted(what, error, KNOWN_ERRORS)
            if typed is None:
                raise
            raise typed from error
        return _bytes(answer, what)

    def _log(self, event: Event, entry: dict[str, Json]) -> LogEntry:
        topics = entry.get("topics")
        if not isinstance(topics, list):
            raise InputError("log", expected="an object with topics", actual=entry)
        if Address.from_hex(entry.get("address"), "log.address") != self.address:
            raise InputError("log.address", expected=str(self.address), actual=entry["address"])
        return LogEntry(
            values=event.decode(
                [_bytes(topic, "log topic") for topic in topics],
                _bytes(entry.get("data"), "log.data"),
            ),
            tx_hash=Hash32.from_hex(entry.get("transactionHash"), "log.transactionHash"),
            block_number=int.from_bytes(_word(entry.get("blockNumber"), "log.blockNumber")),
            block_hash=Hash32.from_hex(entry.get("blockHash"), "log.blockHash"),
            log_index=int.from_bytes(_word(entry.get("logIndex"), "log.logIndex")),
        )


def _tag(block: Block) -> str:
    return hex(block) if isinstance(block, int) else block


def _bytes(value: Json, what: str) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise InputError(what, expected="0x-prefixed hex", actual=value)
    try:
        return bytes.fromhex(value[2:])
    except ValueError as error:
        raise InputError(what, expected="hex", actual=value) from error


def _word(value: Json, what: str) -> bytes:
    digits = value[2:] if isinstance(value, str) and value.startswith("0x") else ""
    if not 0 < len(digits) <= 16:
        raise InputError(what, expected="a hex quantity of 8 bytes at most", actual=value)
    return _bytes(f"0x{digits.rjust(16, '0')}", what)
