"""Search for logs: the filter's criteria and the walk over blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coprove.devnet.node.rpc.codec import (
    get_address,
    get_hash,
    get_object,
    get_quantity,
    hex_quantity,
    invalid,
)
from coprove.devnet.node.rpc.encode import header_fields, header_number
from coprove.devnet.node.rpc.errors import LIMIT_EXCEEDED, SERVER_ERROR, RpcError
from coprove.devnet.node.rpc.receipts import decode_receipt, log_json
from coprove.primitives import keccak256

if TYPE_CHECKING:
    from coprove.devnet.node.rpc.backend import Backend
    from coprove.devnet.node.rpc.receipts import Log
    from coprove.devnet.node.store import StoredBlock

__all__ = ["LogCriteria", "block_logs", "find_logs"]

_MAX_CHOICES = 1000
_TAGS = frozenset({"earliest", "latest", "pending", "safe", "finalized"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCriteria:
    """Which logs of which blocks."""

    addresses: frozenset[bytes]
    """Contracts; empty: any."""
    topics: tuple[frozenset[bytes], ...]
    """Choices for each position; an empty set: any."""
    first: int | str
    """Number or tag of the first block."""
    last: int | str
    """Number or tag of the last block."""
    block_hash: bytes | None
    """The only block, when it is given by hash."""

    @classmethod
    def from_json(cls, value: Any) -> LogCriteria:
        """Read an eth_getLogs filter."""
        given = get_object(value, "filter")
        block_hash = given.get("blockHash")
        if block_hash is not None and ("fromBlock" in given or "toBlock" in given):
            raise invalid("cannot specify both BlockHash and FromBlock/ToBlock")
        topics = given.get("topics") or []
        if not isinstance(topics, list) or len(topics) > 4:
            raise invalid("topics: expected up to four")
        return cls(
            addresses=frozenset(get_address(item) for item in _choices(given.get("address"))),
            topics=tuple(
                frozenset(get_hash(item, "topic") for item in _choices(topic)) for topic in topics
            ),
            first=_bound(given.get("fromBlock"), "fromBlock"),
            last=_bound(given.get("toBlock"), "toBlock"),
            block_hash=None if block_hash is None else get_hash(block_hash, "blockHash"),
        )

    def matches(self, log: Log) -> bool:
        """Whether a log fits."""
        if self.addresses and log.address not in self.addresses:
            return False
        if len(self.topics) > len(log.topics):
            return False
        return all(
            not choices or topic in choices
            for choices, topic in zip(self.topics, log.topics, strict=False)
        )

    def may_match(self, bloom: bytes) -> bool:
        """Whether a block with this bloom filter may have such logs."""
        wanted = [self.addresses, *self.topics]
        return all(
            not choices or any(_in_bloom(bloom, item) for item in choices) for choices in wanted
        )


def _bound(value: Any, what: str) -> int | str:
    """Read one end of the range; now, since a filter uses it when no caller hears of an error."""
    if value is None:
        return "latest"
    if isinstance(value, str) and value in _TAGS:
        return value
    return get_quantity(value, what, bits=64)


def _choices(value: Any) -> list[Any]:
    if value is None:
        return []
    choices = value if isinstance(value, list) else [value]
    if len(choices) > _MAX_CHOICES:
        raise invalid(f"more than {_MAX_CHOICES} addresses or topics")
    return choices


def _in_bloom(bloom: bytes, item: bytes) -> bool:
    digest = keccak256(item)
    for offset in (0, 2, 4):
        bit = int.from_bytes(digest[offset : offset + 2], "big") & 2047
        if not bloom[255 - bit // 8] >> (bit % 8) & 1:
            return False
    return True


def block_logs(block: StoredBlock, criteria: LogCriteria) -> list[dict[str, Any]]:
    """The logs of one block that fit."""
    if not criteria.may_match(header_fields(block.header)["logsBloom"]):
        return []
    time = hex_quantity(header_number(block.header, "timestamp"))
    shown, position = [], 0
    for index, raw in enumerate(block.receipts):
        transaction = keccak256(block.transactions[index])
        for log in decode_receipt(raw).logs:
            if criteria.matches(log):
                shown.append(
                    log_json(
                        block,
                        log,
                        transaction=transaction,
                        index=index,
                        log_index=position,
                        time=time,
                    )
                )
            position += 1
    return shown


def find_logs(backend: Backend, criteria: LogCriteria) -> list[dict[str, Any]]:
    """The canonical logs that fit; an RPC error when there are too many, or too many blocks."""
    store = backend.chain.store
    if criteria.block_hash is not None:
        block = store.block(criteria.block_hash)
        if block is None:
            raise RpcError(SERVER_ERROR, "unknown block")
        return block_logs(block, criteria)
    first, last = _number(backend, criteria.first), _number(backend, criteria.last)
    if first > last:
        raise invalid("invalid block range params")
    last = min(last, backend.chain.unsafe.number)
    limits = backend.config
    if last - first >= limits.max_log_range:
        raise RpcError(LIMIT_EXCEEDED, f"query spans more than {limits.max_log_range} blocks")
    found: list[dict[str, Any]] = []
    for start in range(first, last + 1, 256):
        stop = min(start + 255, last)
        for _, block_hash, header in store.canonical_headers(start, stop):
            if criteria.may_match(header_fields(header)["logsBloom"]):
                found += block_logs(backend.chain.block(block_hash), criteria)
            if len(found) > limits.max_log_results:
                raise RpcError(
                    LIMIT_EXCEEDED, f"query returned more than {limits.max_log_results} results"
                )
    return found


def _number(backend: Backend, bound: int | str) -> int:
    return bound if isinstance(bound, int) else backend.require(bound).number
