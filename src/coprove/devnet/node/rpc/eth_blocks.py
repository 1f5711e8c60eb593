"""eth_*: blocks, transactions and receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coprove.devnet.node.rpc.codec import get_hash, get_quantity, hex_data, hex_quantity, invalid
from coprove.devnet.node.rpc.encode import (
    block_json,
    header_json,
    pending_transaction_json,
    transaction_json,
)
from coprove.devnet.node.rpc.receipts import receipts_json

if TYPE_CHECKING:
    from coprove.devnet.node.rpc.backend import Backend
    from coprove.devnet.node.rpc.dispatch import Method
    from coprove.devnet.node.store import StoredBlock

__all__ = ["EthBlocks"]


class EthBlocks:
    """Methods that read the chain."""

    def __init__(self, backend: Backend) -> None:
        """Serve from `backend`."""
        self._backend = backend

    def methods(self) -> dict[str, Method]:
        """The methods by name."""
        return {
            "eth_chainId": self.chain_id,
            "eth_blockNumber": self.block_number,
            "eth_getBlockByNumber": self.block_by_number,
            "eth_getBlockByHash": self.block_by_hash,
            "eth_getHeaderByNumber": self.header_by_number,
            "eth_getHeaderByHash": self.header_by_hash,
            "eth_getBlockReceipts": self.block_receipts,
            "eth_getBlockTransactionCountByNumber": self.count_by_number,
            "eth_getBlockTransactionCountByHash": self.count_by_hash,
            "eth_getUncleCountByBlockNumber": self.uncles_by_number,
            "eth_getUncleCountByBlockHash": self.uncles_by_hash,
            "eth_getTransactionByHash": self.transaction_by_hash,
            "eth_getTransactionByBlockHashAndIndex": self.transaction_in_block_hash,
            "eth_getTransactionByBlockNumberAndIndex": self.transaction_in_block_number,
            "eth_getRawTransactionByHash": self.raw_transaction,
            "debug_getRawTransaction": self.raw_transaction,
            "eth_getTransactionReceipt": self.receipt,
        }

    async def chain_id(self) -> str:
        """eth_chainId."""
        return hex_quantity(self._backend.chain.config.l2_chain_id)

    async def block_number(self) -> str:
        """eth_blockNumber."""
        return hex_quantity(self._backend.chain.unsafe.number)

    async def block_by_number(self, tag: Any, full: Any = False) -> Any:
        """eth_getBlockByNumber."""
        block = self._backend.find(tag)
        return None if block is None else block_json(block, full=_flag(full))

    async def block_by_hash(self, block_hash: Any, full: Any = False) -> Any:
        """eth_getBlockByHash."""
        block = self._backend.by_hash(block_hash)
        return None if block is None else block_json(block, full=_flag(full))

    async def header_by_number(self, tag: Any) -> Any:
        """eth_getHeaderByNumber."""
        block = self._backend.find(tag)
        return None if block is None else header_json(block.header)

    async def header_by_hash(self, block_hash: Any) -> Any:
        """eth_getHeaderByHash."""
        block = self._backend.by_hash(block_hash)
        return None if block is None else header_json(block.header)

    async def block_receipts(self, tag: Any) -> Any:
        """eth_getBlockReceipts: takes a hash besides what names a block elsewhere."""
        is_hash = isinstance(tag, str) and len(tag) == 66
        block = self._backend.by_hash(tag) if is_hash else self._backend.find(tag)
        return None if block is None else receipts_json(block)

    async def count_by_number(self, tag: Any) -> str | None:
        """eth_getBlockTransactionCountByNumber."""
        return _count(self._backend.find(tag))

    async def count_by_hash(self, block_hash: Any) -> str | None:
        """eth_getBlockTransactionCountByHash."""
        return _count(self._backend.by_hash(block_hash))

    async def uncles_by_number(self, tag: Any) -> str | None:
        """eth_getUncleCountByBlockNumber: always none."""
        return None if self._backend.find(tag) is None else "0x0"

    async def uncles_by_hash(self, block_hash: Any) -> str | None:
        """eth_getUncleCountByBlockHash: always none."""
        return None if self._backend.by_hash(block_hash) is None else "0x0"

    def _place(self, transaction_hash: Any) -> tuple[StoredBlock, int] | None:
        place = self._backend.chain.store.transaction_place(get_hash(transaction_hash))
        return None if place is None else (self._backend.chain.block(place[0]), place[1])

    async def transaction_by_hash(self, transaction_hash: Any) -> Any:
        """eth_getTransactionByHash: of a block, or of the pool."""
        place = self._place(transaction_hash)
        if place is not None:
            return transaction_json(*place)
        entry = self._backend.mempool.get(get_hash(transaction_hash))
        return None if entry is None else pending_transaction_json(entry.transaction, entry.sender)

    async def transaction_in_block_hash(self, block_hash: Any, index: Any) -> Any:
        """eth_getTransactionByBlockHashAndIndex."""
        return _at(self._backend.by_hash(block_hash), index)

    async def transaction_in_block_number(self, tag: Any, index: Any) -> Any:
        """eth_getTransactionByBlockNumberAndIndex."""
        return _at(self._backend.find(tag), index)

    async def raw_transaction(self, transaction_hash: Any) -> str | None:
        """eth_getRawTransactionByHash, debug_getRawTransaction."""
        place = self._place(transaction_hash)
        if place is not None:
            return hex_data(place[0].transactions[place[1]])
        entry = self._backend.mempool.get(get_hash(transaction_hash))
        return None if entry is None else hex_data(entry.transaction.raw)

    async def receipt(self, transaction_hash: Any) -> Any:
        """eth_getTransactionReceipt."""
        place = self._place(transaction_hash)
        if place is None:
            return None
        block, position = place
        return receipts_json(block, lambda index: index == position)[0]


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise invalid("full transactions: expected a boolean")
    return value


def _count(block: StoredBlock | None) -> str | None:
    return None if block is None else hex_quantity(len(block.transactions))


def _at(block: StoredBlock | None, index: Any) -> Any:
    position = get_quantity(index, "index", bits=64)
    if block is None or position >= len(block.transactions):
        return None
    return transaction_json(block, position)
