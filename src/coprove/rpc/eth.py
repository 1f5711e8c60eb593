"""What L1 and L2 execution clients have in common: headers, blocks and receipts, all checked.

Whole blocks come through debug_getRawBlock and debug_getRawReceipts where the server has them;
elsewhere they are rebuilt from JSON. Either way they must hash to what was asked for.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from coprove.primitives import keccak256, ordered_trie_root, rlp
from coprove.rpc.agreement import agreed, lowest_agreed
from coprove.rpc.encoding import encode_header, encode_receipt, encode_transaction
from coprove.rpc.errors import (
    MalformedResponseError,
    MethodNotFoundError,
    NotYetAvailableError,
    RequestRefusedError,
    WrongDataError,
)
from coprove.rpc.fields import array, data, fixed, member, quantity, record
from coprove.rpc.queries import Call, Query
from coprove.types import BlockHeader, Hash32

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from coprove.rpc.http import Json
    from coprove.rpc.queries import RpcTransport

__all__ = ["BlockTag", "EthBlock", "EthClient", "EthHeader"]

BlockTag = int | Hash32 | str
"""A block by number, by hash, or by a tag such as "latest", "safe" or "finalized"."""

T = TypeVar("T")

_HEAVY_BATCH = 10
"""Calls in a first batch whose answers hold whole blocks; what came tells how many the next has."""
_RECEIPT_ATTEMPTS = 3
"""Times that single receipts are fetched which do not give the root together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EthHeader:
    """A block's header, checked against the hash that names it."""

    header: BlockHeader
    """The decoded header."""
    rlp: bytes
    """Its RLP."""
    hash: Hash32
    """keccak256 of the RLP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EthBlock(EthHeader):
    """A block whose transactions are checked against the header's root."""

    transactions: tuple[bytes, ...]
    """EIP-2718 encodings of all transactions, in order."""


class EthClient:
    """Typed calls to an execution client, or to several for the same chain."""

    def __init__(self, transport: RpcTransport, *, raw: bool = True) -> None:
        """`raw` tells whether to try debug_getRaw* first; one refusal ends the trying."""
        self.transport = transport
        self._raw_blocks = raw
        self._raw_receipts = raw
        self._block_receipts = True
        self._served: set[str] = set()

    async def chain_id(self) -> int:
        """Return the chain id (eth_chainId), on which a quorum agrees."""
        query = Query(Call("eth_chainId"), lambda value, _: quantity(value, "chain id", 256))
        return await agreed(self.transport, query, same=lambda found: found, what="chain id")

    async def block_number(self) -> int:
        """Return the number of the newest block (eth_blockNumber)."""
        return await self.transport.read_one(
            Query(Call("eth_blockNumber"), lambda value, _: quantity(value, "block number"))
        )

    async def header(self, block: BlockTag) -> EthHeader:
        """Return one header; NotYetAvailableError when the server has no such block.

        A hash proves its header. By number a quorum must agree; by a tag, the lowest of a
        quorum's blocks is returned, once the others have it too (EndpointsDisagreeError).
        """
        query = self._header_query(block)
        what = f"block {_show(block)}"
        if isinstance(block, Hash32):
            return await self.transport.read_one(query)
        if isinstance(block, int):
            return await agreed(self.transport, query, same=_hash_of, what=what)
        return await lowest_agreed(
            self.transport,
            query,
            height=lambda found: found.header.number,
            places=lambda found: [(self._hash_query(found.header.number), found.hash)],
            what=what,
        )

    async def headers(self, blocks: Sequence[BlockTag]) -> list[EthHeader]:
        """Return headers in the order of `blocks`, fetched in batches."""
        return await self.transport.read([self._header_query(block) for block in blocks])

    async def blocks(self, blocks: Sequence[BlockTag]) -> list[EthBlock]:
        """Return whole blocks in the order of `blocks`, fetched in batches.

        Raises NotYetAvailableError for a block that is not there, WrongDataError for one that
        does not hash to its name or whose transactions do not give its root.
        """
        if blocks and self._raw_blocks:
            # debug_getRawBlock takes "number or hash"; tags are not taken by every server.
            queries = [
                Query(
                    Call("debug_getRawBlock", [_raw_name(block)]),
                    functools.partial(self._raw_block, block),
                )
                for block in blocks
            ]
            try:
                return await self._probing(queries)
            except (MethodNotFoundError, RequestRefusedError):
                self._raw_blocks = False
        return await self.transport.read(
            [
                Query(
                    Call(*_block_call(block, full=True)),
                    functools.partial(self._json_block, block),
                )
                for block in blocks
            ],
            max_batch=_HEAVY_BATCH,
        )

    async def block(self, block: BlockTag) -> EthBlock:
        """Return one whole block."""
        return (await self.blocks([block]))[0]

    async def receipts(self, blocks: Sequence[EthBlock]) -> list[tuple[bytes, ...]]:
        """Return the EIP-2718 receipts of each block, checked against its receipts root."""
        if blocks and self._raw_receipts:
            try:
                return await self._probing(
                    [
                        Query(
                            Call("debug_getRawReceipts", [block.hash.hex0x]),
                            functools.partial(_raw_receipts, block),
                        )
                        for block in blocks
                    ]
                )
            except (MethodNotFoundError, RequestRefusedError):
                self._raw_receipts = False
        if self._block_receipts:
            queries = [
                Query(
                    Call("eth_getBlockReceipts", [block.hash.hex0x]),
                    functools.partial(_json_receipts, block),
                )
                for block in blocks
            ]
            try:
                return await self.transport.read(queries, max_batch=_HEAVY_BATCH)
            except MethodNotFoundError:
                self._block_receipts = False
        return [await self._single_receipts(block) for block in blocks]

    async def _single_receipts(self, block: EthBlock) -> tuple[bytes, ...]:
        """One call for each transaction; the root tells only of all together."""
        names = [f"0x{keccak256(item).hex()}" for item in block.transactions]
        queries = [Query(Call("eth_getTransactionReceipt", [name]), _receipt) for name in names]
        for _ in range(_RECEIPT_ATTEMPTS - 1):
            found = await self.transport.read(queries)
            with contextlib.suppress(WrongDataError):
                return _checked_receipts(found, block, self.transport.name)
        return _checked_receipts(await self.transport.read(queries), block, self.transport.name)

    async def _probing(self, queries: Sequence[Query[T]]) -> list[T]:
        """Make a method's very first call alone: where it is missing that costs one call only."""
        method = queries[0].call.method
        if method in self._served:
            return await self.transport.read(queries, max_batch=_HEAVY_BATCH)
        first = await self.transport.read_one(queries[0])
        self._served.add(method)
        return [first, *await self.transport.read(queries[1:], max_batch=_HEAVY_BATCH)]

    def _header_query(self, block: BlockTag) -> Query[EthHeader]:
        call = Call(*_block_call(block, full=False))
        return Query(call, functools.partial(self._header, block))

    def _hash_query(self, number: int) -> Query[Hashable]:
        """What is the hash of the block with this number?"""
        call = Call(*_block_call(number, full=False))
        return Query(call, lambda value, where: self._header(number, value, where).hash)

    def _header(self, block: BlockTag, value: Json, where: str) -> EthHeader:
        if value is None:
            raise NotYetAvailableError(f"{where} has no block {_show(block)}")
        encoded = encode_header(value)
        claimed = fixed(member(record(value, "block"), "hash", "block"), 32, "block.hash")
        return self._checked_header(encoded, block, Hash32(claimed), where)

    def _checked_header(
        self, encoded: bytes, block: BlockTag, claimed: Hash32 | None, where: str
    ) -> EthHeader:
        what = f"header of block {_show(block)} from {where}"
        found = Hash32(keccak256(encoded))
        wanted = block if isinstance(block, Hash32) else claimed
        if wanted is not None and found != wanted:
            raise WrongDataError(what, expected=f"hash {wanted}", actual=f"hash {found}")
        header = BlockHeader.decode_rlp(encoded)
        if isinstance(block, int) and header.number != block:
            raise WrongDataError(what, expected=f"number {block}", actual=header.number)
        return EthHeader(header=header, rlp=encoded, hash=found)

    def _json_block(self, block: BlockTag, value: Json, where: str) -> EthBlock:
        checked = self._header(block, value, where)
        found = array(record(value, "block").get("transactions"), "block.transactions")
        encoded = tuple(encode_transaction(item) for item in found)
        return self._block(checked, encoded, block, where)

    def _raw_block(self, block: BlockTag, value: Json, where: str) -> EthBlock:
        if value is None:
            raise NotYetAvailableError(f"{where} has no block {_show(block)}")
        what = f"raw block {_show(block)} from {where}"
        try:
            items = rlp.decode_list(data(value, what), what)
            header = rlp.expect_list(items[0] if items else b"", f"{what}: header")
            found = rlp.expect_list(items[1] if len(items) > 1 else b"", f"{what}: transactions")
        except rlp.RlpError as error:
            raise MalformedResponseError(
                what, expected="the RLP of a block", actual=error
            ) from None
        transactions = tuple(rlp.encode(tx) if isinstance(tx, list) else tx for tx in found)
        checked = self._checked_header(rlp.encode(header), block, None, where)
        return self._block(checked, transactions, block, where)

    def _block(
        self, checked: EthHeader, transactions: tuple[bytes, ...], block: BlockTag, where: str
    ) -> EthBlock:
        root = ordered_trie_root(transactions)
        if root != checked.header.transactions_root:
            raise WrongDataError(
                f"transactions of block {_show(block)} from {where}",
                expected=f"root {checked.header.transactions_root}",
                actual=f"root 0x{root.hex()}",
            )
        return EthBlock(
            header=checked.header, rlp=checked.rlp, hash=checked.hash, transactions=transactions
        )


def _raw_receipts(block: EthBlock, value: Json, where: str) -> tuple[bytes, ...]:
    return _checked_receipts([data(item, "raw receipt") for item in _items(value)], block, where)


def _json_receipts(block: EthBlock, value: Json, where: str) -> tuple[bytes, ...]:
    return _checked_receipts([encode_receipt(item) for item in _items(value)], block, where)


def _receipt(value: Json, where: str) -> bytes:
    if value is None:
        raise NotYetAvailableError(f"{where} lacks the receipt of a transaction")
    return encode_receipt(value)


def _checked_receipts(receipts: Sequence[bytes], block: EthBlock, where: str) -> tuple[bytes, ...]:
    root = ordered_trie_root(receipts)
    if root != block.header.receipts_root:
        raise WrongDataError(
            f"receipts of block {block.header.number} from {where}",
            expected=f"root {block.header.receipts_root}",
            actual=f"root 0x{root.hex()}",
        )
    return tuple(receipts)


def _hash_of(header: EthHeader) -> Hash32:
    return header.hash


def _items(value: Json) -> list[Json]:
    if value is None:
        raise NotYetAvailableError("the receipts of a block are not there")
    return array(value, "receipts")


def _block_call(block: BlockTag, *, full: bool) -> tuple[str, list[Json]]:
    if isinstance(block, Hash32):
        return "eth_getBlockByHash", [block.hex0x, full]
    return "eth_getBlockByNumber", [_raw_name(block), full]


def _raw_name(block: BlockTag) -> str:
    if isinstance(block, Hash32):
        return block.hex0x
    return hex(block) if isinstance(block, int) else block


def _show(block: BlockTag) -> str:
    return str(block)
