"""What L1 and L2 execution clients have in common: headers, blocks and receipts, all checked.

Whole blocks come through debug_getRawBlock and debug_getRawReceipts where the server has them;
elsewhere they are rebuilt from JSON. Either way they must hash to what was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.primitives import keccak256, ordered_trie_root, rlp
from coprove.rpc.encoding import encode_header, encode_receipt, encode_transaction
from coprove.rpc.errors import (
    MalformedResponseError,
    MethodNotFoundError,
    NotYetAvailableError,
    RequestRefusedError,
    WrongDataError,
)
from coprove.rpc.fields import array, data, fixed, member, quantity, record
from coprove.rpc.transport import Call, JsonRpcTransport
from coprove.types import BlockHeader, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.rpc.http import Json

__all__ = ["BlockTag", "EthBlock", "EthClient", "EthHeader"]

BlockTag = int | Hash32 | str
"""A block by number, by hash, or by a tag such as "latest", "safe" or "finalized"."""

_HEAVY_BATCH = 10
"""Calls in a batch whose answers hold whole blocks."""


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
    """Typed calls to one execution client."""

    def __init__(self, transport: JsonRpcTransport, *, raw: bool = True) -> None:
        """`raw` tells whether to try debug_getRaw* first; one refusal ends the trying."""
        self.transport = transport
        self._raw_blocks = raw
        self._raw_receipts = raw
        self._block_receipts = True
        self._served: set[str] = set()

    async def chain_id(self) -> int:
        """Return the chain id (eth_chainId)."""
        return quantity(await self.transport.call("eth_chainId"), "chain id", 256)

    async def block_number(self) -> int:
        """Return the number of the newest block (eth_blockNumber)."""
        return quantity(await self.transport.call("eth_blockNumber"), "block number")

    async def header(self, block: BlockTag) -> EthHeader:
        """Return one header; NotYetAvailableError when the server has no such block."""
        result = await self.transport.call(*_block_call(block, full=False))
        return self._header(result, block)

    async def headers(self, blocks: Sequence[BlockTag]) -> list[EthHeader]:
        """Return headers in the order of `blocks`, fetched in batches."""
        calls = [Call(*_block_call(block, full=False)) for block in blocks]
        results = await self.transport.all(calls)
        return [self._header(value, block) for value, block in zip(results, blocks, strict=True)]

    async def blocks(self, blocks: Sequence[BlockTag]) -> list[EthBlock]:
        """Return whole blocks in the order of `blocks`, fetched in batches.

        Raises NotYetAvailableError for a block that is not there, WrongDataError for one that
        does not hash to its name or whose transactions do not give its root.
        """
        if blocks and self._raw_blocks:
            try:
                return await self._all_raw_blocks(blocks)
            except (MethodNotFoundError, RequestRefusedError):
                self._raw_blocks = False
        calls = [Call(*_block_call(block, full=True)) for block in blocks]
        results = await self.transport.all(calls, max_batch=_HEAVY_BATCH)
        return [
            self._json_block(value, block) for value, block in zip(results, blocks, strict=True)
        ]

    async def block(self, block: BlockTag) -> EthBlock:
        """Return one whole block."""
        return (await self.blocks([block]))[0]

    async def receipts(self, blocks: Sequence[EthBlock]) -> list[tuple[bytes, ...]]:
        """Return the EIP-2718 receipts of each block, checked against its receipts root."""
        if blocks and self._raw_receipts:
            calls = [Call("debug_getRawReceipts", [block.hash.hex0x]) for block in blocks]
            try:
                results = await self._probing(calls)
                return [
                    self._receipts([data(item, "raw receipt") for item in _items(value)], block)
                    for value, block in zip(results, blocks, strict=True)
                ]
            except (MethodNotFoundError, RequestRefusedError):
                self._raw_receipts = False
        results = await self._json_receipts(blocks)
        return [
            self._receipts([encode_receipt(item) for item in _items(value)], block)
            for value, block in zip(results, blocks, strict=True)
        ]

    async def _json_receipts(self, blocks: Sequence[EthBlock]) -> list[Json]:
        if self._block_receipts:
            calls = [Call("eth_getBlockReceipts", [block.hash.hex0x]) for block in blocks]
            try:
                return await self.transport.all(calls, max_batch=_HEAVY_BATCH)
            except MethodNotFoundError:
                self._block_receipts = False
        per_block: list[Json] = []
        for block in blocks:
            hashes = [f"0x{keccak256(item).hex()}" for item in block.transactions]
            calls = [Call("eth_getTransactionReceipt", [item]) for item in hashes]
            per_block.append(await self.transport.all(calls))
        return per_block

    async def _all_raw_blocks(self, blocks: Sequence[BlockTag]) -> list[EthBlock]:
        # debug_getRawBlock takes "number or hash"; tags are not taken by every server.
        calls = [Call("debug_getRawBlock", [_raw_name(block)]) for block in blocks]
        results = await self._probing(calls)
        return [self._raw_block(value, block) for value, block in zip(results, blocks, strict=True)]

    async def _probing(self, calls: Sequence[Call]) -> list[Json]:
        """Make a method's very first call alone: where it is missing that costs one call only."""
        if calls[0].method in self._served:
            return await self.transport.all(calls, max_batch=_HEAVY_BATCH)
        first = await self.transport.call(calls[0].method, calls[0].params)
        self._served.add(calls[0].method)
        rest = await self.transport.all(calls[1:], max_batch=_HEAVY_BATCH)
        return [first, *rest]

    def _header(self, value: Json, block: BlockTag) -> EthHeader:
        if value is None:
            raise NotYetAvailableError(f"{self.transport.name} has no block {_show(block)}")
        encoded = encode_header(value)
        claimed = fixed(member(record(value, "block"), "hash", "block"), 32, "block.hash")
        return self._checked_header(encoded, block, Hash32(claimed))

    def _checked_header(self, encoded: bytes, block: BlockTag, claimed: Hash32 | None) -> EthHeader:
        what = f"header of block {_show(block)} from {self.transport.name}"
        found = Hash32(keccak256(encoded))
        wanted = block if isinstance(block, Hash32) else claimed
        if wanted is not None and found != wanted:
            raise WrongDataError(what, expected=f"hash {wanted}", actual=f"hash {found}")
        header = BlockHeader.decode_rlp(encoded)
        if isinstance(block, int) and header.number != block:
            raise WrongDataError(what, expected=f"number {block}", actual=header.number)
        return EthHeader(header=header, rlp=encoded, hash=found)

    def _json_block(self, value: Json, block: BlockTag) -> EthBlock:
        checked = self._header(value, block)
        found = array(record(value, "block").get("transactions"), "block.transactions")
        return self._block(checked, tuple(encode_transaction(item) for item in found), block)

    def _raw_block(self, value: Json, block: BlockTag) -> EthBlock:
        if value is None:
            raise NotYetAvailableError(f"{self.transport.name} has no block {_show(block)}")
        what = f"raw block {_show(block)} from {self.transport.name}"
        try:
            items = rlp.decode_list(data(value, what), what)
            header = rlp.expect_list(items[0] if items else b"", f"{what}: header")
            found = rlp.expect_list(items[1] if len(items) > 1 else b"", f"{what}: transactions")
        except rlp.RlpError as error:
            raise MalformedResponseError(
                what, expected="the RLP of a block", actual=error
            ) from None
        transactions = tuple(rlp.encode(tx) if isinstance(tx, list) else tx for tx in found)
        checked = self._checked_header(rlp.encode(header), block, None)
        return self._block(checked, transactions, block)

    def _block(
        self, checked: EthHeader, transactions: tuple[bytes, ...], block: BlockTag
    ) -> EthBlock:
        root = ordered_trie_root(transactions)
        if root != checked.header.transactions_root:
            raise WrongDataError(
                f"transactions of block {_show(block)} from {self.transport.name}",
                expected=f"root {checked.header.transactions_root}",
                actual=f"root 0x{root.hex()}",
            )
        return EthBlock(
            header=checked.header, rlp=checked.rlp, hash=checked.hash, transactions=transactions
        )

    def _receipts(self, receipts: Sequence[bytes], block: EthBlock) -> tuple[bytes, ...]:
        root = ordered_trie_root(receipts)
        if root != block.header.receipts_root:
            raise WrongDataError(
                f"receipts of block {block.header.number} from {self.transport.name}",
                expected=f"root {block.header.receipts_root}",
                actual=f"root 0x{root.hex()}",
            )
        return tuple(receipts)


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
