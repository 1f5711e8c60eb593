"""Which older L2 blocks a range's derivation looks at: those that its span batches overlap.

A span batch may begin before the agreed block; it is then checked against the safe chain there.
Who builds a RangeInput knows the blocks of the range already, and finds out by deriving them
without executing anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.derivation import L2Block, L2History, Pipeline
from coprove.program.agreed import agreed_chain
from coprove.program.l1 import VerifiedL1
from coprove.program.range import configs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.program.inputs import RangeInput

__all__ = ["overlapped_blocks"]


class _Watched:
    """A history that notes which blocks it was asked for."""

    def __init__(self, older: L2History) -> None:
        self._older = older
        self.asked: set[int] = set()

    def block_by_number(self, number: int) -> L2Block | None:
        self.asked.add(number)
        return self._older.block_by_number(number)


def overlapped_blocks(
    given: RangeInput, blocks: Sequence[L2Block], older: L2History
) -> frozenset[int]:
    """Return the numbers of the blocks up to the agreed one that derivation asks for.

    `blocks` are those of the range, in order; `older` gives safe blocks before it. Raises what
    derivation and the checks of the input raise, MissingL2BlockError where `older` lacks a block.
    """
    config, l1_config = configs(given)
    l1 = VerifiedL1(config, given.l1_blocks, given.blobs, given.l1_head)
    agreed = agreed_chain(config, given, l1)
    head = agreed.start.safe_head
    history = _Watched(older)
    pipeline = Pipeline(config, l1_config, l1, agreed.start, history)
    for block in blocks:
        derived = pipeline.next_attributes(head)
        if derived is None:
            break
        transactions = derived.attributes.transactions
        if transactions != block.transactions:
            # The payload broke a rule when the chain was derived first.
            if derived.deposits_only().attributes.transactions != block.transactions:
                break
            pipeline.on_invalid_payload()
        head = block.ref
    return frozenset(history.asked)
