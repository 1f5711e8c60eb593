"""The safe L2 blocks that a span batch may reach back to: those derived here, and those before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.derivation.errors import MissingL2BlockError
from coprove.derivation.source import L2Block

if TYPE_CHECKING:
    from coprove.derivation.source import L2History
    from coprove.types import L2BlockRef

__all__ = ["DerivedChain"]


class DerivedChain:
    """Remembers the safe heads that the pipeline was given, and asks the history for older ones."""

    def __init__(self, history: L2History | None) -> None:
        """Start with nothing but `history`."""
        self._history = history
        # Blocks from the first head on were known here; those below `_kept` are forgotten.
        self._first: int | None = None
        self._kept = 0
        self._refs: dict[int, L2BlockRef] = {}
        self._transactions: dict[int, tuple[bytes, ...]] = {}

    def set_head(self, safe_head: L2BlockRef) -> None:
        """Note the block that the next one follows."""
        if self._first is None:
            self._first = safe_head.number
        self._refs[safe_head.number] = safe_head

    def set_transactions(self, number: int, transactions: tuple[bytes, ...]) -> None:
        """Note the transactions that a block is to be built from."""
        self._transactions[number] = transactions

    def prune(self, oldest_origin: int) -> None:
        """Forget the blocks at the front whose L1 origin is older than that number."""
        for number in list(self._refs):
            if self._refs[number].l1_origin.number >= oldest_origin:
                break
            del self._refs[number]
            self._kept = number + 1
            self._transactions.pop(number, None)

    def block_ref(self, number: int) -> L2BlockRef | None:
        """Return the reference to a safe block, None when it was pruned.

        Raises MissingL2BlockError when the block was never known.
        """
        ref = self._refs.get(number)
        if ref is not None:
            return ref
        if self._first is not None and self._first <= number < self._kept:
            return None
        return self._ask(number).ref

    def block(self, number: int) -> L2Block:
        """Return a safe block with its transactions; MissingL2BlockError as well."""
        ref, transactions = self._refs.get(number), self._transactions.get(number)
        if ref is not None and transactions is not None:
            return L2Block(ref=ref, transactions=transactions)
        return self._ask(number)

    def _ask(self, number: int) -> L2Block:
        found = None if self._history is None else self._history.block_by_number(number)
        if found is None:
            raise MissingL2BlockError(number)
        return found
