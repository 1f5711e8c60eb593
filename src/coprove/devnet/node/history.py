"""The safe L2 chain as derivation asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.derivation.source import L2Block

if TYPE_CHECKING:
    from coprove.devnet.node.chain import Chain

__all__ = ["StoredHistory"]


class StoredHistory:
    """derivation's `L2History` over the node's database; callable from a worker thread."""

    def __init__(self, chain: Chain) -> None:
        """Read from `chain`."""
        self._chain = chain

    def block_by_number(self, number: int) -> L2Block | None:
        """Return the canonical block of that number."""
        block_hash = self._chain.store.canonical_hash(number) if number >= 0 else None
        if block_hash is None:
            return None
        block = self._chain.block(block_hash)
        return L2Block(ref=self._chain.ref(block_hash), transactions=block.transactions)
