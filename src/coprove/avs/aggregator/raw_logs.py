"""Logs of some contracts, with every field checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.rpc import MalformedResponseError, get_logs
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.rpc import Json, RpcTransport

__all__ = ["RawLog", "read_logs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawLog:
    """A log as eth_getLogs gives it."""

    address: Address
    """Contract that wrote it."""
    topics: tuple[bytes, ...]
    """Its topics, 32 bytes each."""
    data: bytes
    """The rest."""
    block: int
    """Its block's number."""
    block_hash: Hash32
    """Its block's hash."""


async def read_logs(
    transport: RpcTransport,
    *,
    addresses: Sequence[Address],
    topics: Sequence[Json],
    first: int,
    last: int,
) -> list[RawLog]:
    """Return logs of some contracts, in their order; MalformedResponseError for others' logs."""
    criteria: dict[str, Json] = {"address": [address.hex0x for address in addresses]}
    if topics:
        criteria["topics"] = list(topics)
    found = await get_logs(transport, criteria, first=first, last=last)
    return [_raw(entry, set(addresses)) for entry in found]


def _raw(entry: dict[str, Json], known: set[Address]) -> RawLog:
    topics = entry.get("topics")
    if not isinstance(topics, list) or len(topics) > 4:
        raise MalformedResponseError("log.topics", expected="at most four", actual=topics)
    address = Address.from_hex(entry.get("address"), "log.address")
    if address not in known:
        raise MalformedResponseError("log.address", expected="one asked for", actual=address)
    data = entry.get("data")
    if not isinstance(data, str) or not data.startswith("0x"):
        raise MalformedResponseError("log.data", expected="0x and hex", actual=data)
    try:
        decoded = bytes.fromhex(data[2:])
    except ValueError:
        raise MalformedResponseError("log.data", expected="0x and hex", actual=data) from None
    return RawLog(
        address=address,
        topics=tuple(Hash32.from_hex(topic, "log topic") for topic in topics),
        data=decoded,
        # get_logs looked at the number.
        block=int(str(entry["blockNumber"]), 16),
        block_hash=Hash32.from_hex(entry.get("blockHash"), "log.blockHash"),
    )
