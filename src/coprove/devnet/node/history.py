"""The safe L2 chain as derivation asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.derivation.l1_info import system_config_from_l2_block
from coprove.derivation.source import L2Block
from coprove.types import BlockHeader

if TYPE_CHECKING:
    from coprove.devnet.node.chain import Chain
    from coprove.devnet.node.store import StoredBlock
    from coprove.types import L2BlockRef, SystemConfig

__all__ = ["StoredHistory", "system_config_of"]


def system_config_of(chain: Chain, block: StoredBlock) -> SystemConfig:
    """The system config that a block shows."""
    first = block.transactions[0] if block.transactions else None
    return system_config_from_l2_block(chain.config, BlockHeader.decode_rlp(block.header), first)


class StoredHistory:
    """derivation's `L2History` and `L2Blocks` over the node's database; for a worker thread."""

    def __init__(self, chain: Chain) -> None:
        """Read from `chain`."""
        self._chain = chain

    def _block(self, number: int) -> StoredBlock | None:
        block_hash = self._chain.store.canonical_hash(number) if number >= 0 else None
        return None if block_hash is None else self._chain.block(block_hash)

    def block_by_number(self, number: int) -> L2Block | None:
        """Return the canonical block of that number."""
        block = self._block(number)
        if block is None:
            return None
        return L2Block(ref=self._chain.ref(block.hash), transactions=block.transactions)

    def block_ref(self, number: int) -> L2BlockRef | None:
        """Return the reference of the canonical block of that number."""
        return self._chain.canonical(number) if number >= 0 else None

    def system_config(self, number: int) -> SystemConfig | None:
        """Return the system config that the canonical block of that number shows."""
        block = self._block(number)
        return None if block is None else system_config_of(self._chain, block)
