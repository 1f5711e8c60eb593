"""What the RPC methods work on, and how callers name blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coprove.devnet.node.rpc.codec import get_hash, get_quantity, invalid
from coprove.devnet.node.rpc.errors import SERVER_ERROR, RpcError

if TYPE_CHECKING:
    from coprove.devnet.node.chain import Chain
    from coprove.devnet.node.config import NodeConfig
    from coprove.devnet.node.mempool import Mempool
    from coprove.devnet.node.status import SyncStatus
    from coprove.devnet.node.store import StoredBlock
    from coprove.types import L1ChainConfig

__all__ = ["Backend"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The parts of the node that RPC methods read."""

    chain: Chain
    """Blocks, state and heads."""
    mempool: Mempool
    """The transaction pool."""
    status: SyncStatus
    """What is known of L1 and of derivation."""
    config: NodeConfig
    """Limits."""
    l1_chain_config: L1ChainConfig
    """The L1's chain config."""

    def find(self, tag: Any) -> StoredBlock | None:
        """The block that a tag, a number or an EIP-1898 object names; None when there is none."""
        chain = self.chain
        if isinstance(tag, dict):
            if "blockHash" in tag:
                block = chain.store.block(get_hash(tag["blockHash"], "blockHash"))
                if block is not None and tag.get("requireCanonical") is True:
                    canonical = chain.store.canonical_hash(block.number)
                    return block if canonical == block.hash else None
                return block
            tag = tag.get("blockNumber")
        heads = {
            "latest": chain.unsafe,
            "pending": chain.unsafe,
            "safe": chain.safe,
            "finalized": chain.finalized,
        }
        if not isinstance(tag, str):
            raise invalid("block: expected a tag, a number or an object")
        if tag in heads:
            return chain.store.block(heads[tag].hash)
        number = 0 if tag == "earliest" else get_quantity(tag, "block number", bits=64)
        block_hash = chain.store.canonical_hash(number) if number < 2**63 else None
        return None if block_hash is None else chain.store.block(block_hash)

    def require(self, tag: Any) -> StoredBlock:
        """Like `find`; an RPC error when there is no such block."""
        block = self.find(tag)
        if block is None:
            raise RpcError(SERVER_ERROR, "header not found")
        return block

    def by_hash(self, value: Any) -> StoredBlock | None:
        """The block of a hash."""
        return self.chain.store.block(get_hash(value, "block hash"))
