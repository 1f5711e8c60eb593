"""Logs over any number of blocks, whatever number of them an endpoint serves at once.

Providers limit what one eth_getLogs may span or return, and tell so in many ways. A query that is
too wide is cut in half until it is served; the parts are put together in order.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from coprove.rpc.errors import (
    ChainMovedError,
    EndpointBusyError,
    MalformedResponseError,
    QueryTooWideError,
    RateLimitedError,
    RequestRefusedError,
    ResponseTooLargeError,
    RpcTimeoutError,
)
from coprove.rpc.eth import EthClient
from coprove.rpc.fields import array, member, quantity, record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coprove.errors import CoproveError
    from coprove.rpc.http import Json
    from coprove.rpc.queries import RpcTransport

__all__ = ["get_logs", "tells_too_wide"]

_TOO_WIDE: Final = re.compile(
    r"(query|response|request|logs?).{0,30}(returned|matched).{0,10}more than"
    r"|(exceed|over|larger|bigger|greater|too|limit|max).{0,60}\b(block|log)s?\b.{0,20}\brange"
    r"|\b(block )?ranges? .{0,60}(exceed|over|large|bigger|greater|too|wide|limit|max|not supp)"
    r"|(limited to|up to) an? [\d,.]+k?.{0,20}(range|block)"
    r"|too many (results|logs|blocks)|(max|maximum)\W.{0,20}(results|logs)"
    r"|(response|result).{0,12} (size|set).{0,20}(exceed|too|large|big)|response is too (big|large)"
    r"|quer(y|ies).{0,20} (timeout|time ?out|took too long|timed out|exceeds? max)",
    re.IGNORECASE,
)
_LIMIT_CODE: Final = -32005
_CALL_RATE: Final = re.compile(
    r"\brate|per (second|minute|day)|daily|quota|\bcount|credit|capacity|too many requests",
    re.IGNORECASE,
)
_PARTS_BEFORE_GROWTH: Final = 8
"""Parts that are served in a row before wider ones are tried again."""


def tells_too_wide(code: int, text: str) -> bool:
    """Whether the JSON-RPC error of an eth_getLogs call is about its size.

    Code -32005 stands for limits of both kinds (EIP-1474): it counts unless the text speaks of
    the rate of calls.
    """
    if _TOO_WIDE.search(text):
        return True
    return code == _LIMIT_CODE and not _CALL_RATE.search(text)


async def get_logs(
    transport: RpcTransport,
    criteria: Mapping[str, Json],
    *,
    first: int,
    last: int | str = "latest",
) -> list[dict[str, Json]]:
    """Return all logs of the blocks from `first` to `last`, both included, in their order.

    `criteria` are eth_getLogs' address and topics. A tag stands for the block that it names when
    the query is first cut. Raises ChainMovedError when a reorg came between the parts, the
    endpoint's own error when a single block is too much, MalformedResponseError for logs of other
    blocks or twice the same.
    """
    try:
        return await _part(transport, criteria, first, last)
    except _TOO_MUCH as failure:
        if not _is_too_much(failure):
            raise
        client = EthClient(transport)
        end = await client.header(last)
        if first >= end.header.number:
            raise _last_word(failure) from failure
    found, position, width, served = [], first, (end.header.number - first + 2) // 2, 0
    while position <= end.header.number:
        until = min(position + width - 1, end.header.number)
        try:
            found += await _part(transport, criteria, position, until)
        except _TOO_MUCH as failure:
            if not _is_too_much(failure):
                raise
            if until == position:
                raise _last_word(failure) from failure
            width, served = (until - position + 1) // 2, 0
            continue
        position, served = until + 1, served + 1
        if served == _PARTS_BEFORE_GROWTH:
            width, served = 2 * width, 0
    if (await client.header(end.header.number)).hash != end.hash:
        raise ChainMovedError(f"block {end.header.number} changed while logs were read")
    return found


async def _part(
    transport: RpcTransport, criteria: Mapping[str, Json], first: int, last: int | str
) -> list[dict[str, Json]]:
    until = hex(last) if isinstance(last, int) else last
    asked: dict[str, Json] = {**criteria, "fromBlock": hex(first), "toBlock": until}
    answer = await transport.call("eth_getLogs", [asked])
    placed: dict[tuple[int, int], dict[str, Json]] = {}
    for item in array(answer, "eth_getLogs"):
        entry = record(item, "log")
        number = quantity(member(entry, "blockNumber", "log"), "log.blockNumber")
        index = quantity(member(entry, "logIndex", "log"), "log.logIndex")
        if number < first or (isinstance(last, int) and number > last):
            expected = f"{first} to {until if isinstance(last, str) else last}"
            raise MalformedResponseError("log.blockNumber", expected=expected, actual=number)
        if (number, index) in placed:
            raise MalformedResponseError(
                "eth_getLogs",
                expected="each log once",
                actual=f"log {index} of block {number} twice",
            )
        placed[number, index] = entry
    return [placed[place] for place in sorted(placed)]


_TOO_MUCH: Final = (
    QueryTooWideError,
    ResponseTooLargeError,
    RequestRefusedError,
    RpcTimeoutError,
    EndpointBusyError,
)


def _last_word(failure: CoproveError) -> CoproveError:
    """Return what it means that a single block is too much: perhaps it never was about size."""
    if isinstance(failure, QueryTooWideError) and not _TOO_WIDE.search(failure.message):
        return RateLimitedError(str(failure))
    return failure


def _is_too_much(failure: CoproveError) -> bool:
    """Whether less may be served: of refusals by HTTP only the one for size."""
    return not isinstance(failure, RequestRefusedError) or failure.status == 413
