"""Which older L2 blocks a range's derivation looks at: those that its span batches overlap.

A span batch may begin before the agreed block; it is then checked against the safe chain there.
Who builds a RangeInput knows the blocks of the range already, and finds out by deriving them
without executing anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.derivation import L2Block, L2History, Pipeline
from coprove.program.agreed import agreed_chain
from coprove.program.l1 import VerifiedL1
from coprove.program.range import configs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.program.inputs import RangeInput

__all__ = ["Rehearsal", "overlapped_blocks", "rehearse"]


class _Watched:
    """A history that notes which blocks it was asked for."""

    def __init__(self, older: L2History) -> None:
        self._older = older
        self.asked: set[int] = set()

    def block_by_number(self, number: int) -> L2Block | None:
        self.asked.add(number)
        return self._older.block_by_number(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What deriving a range without executing it showed."""

    asked: frozenset[int]
    """Numbers of the blocks up to the agreed one that derivation asked for."""
    reached: int
    """Number of the last block that was derived as it is."""
    exhausted: bool
    """Whether it ended there because the L1 data did."""
    l1_end: int
    """Number of the L1 block that gave the last block: later ones are not needed for it."""


def rehearse(given: RangeInput, blocks: Sequence[L2Block], older: L2History) -> Rehearsal:
    """Derive the range, without executing it.

    `blocks` are those of the range, in order; `older` gives safe blocks before it. Raises what
    derivation and the checks of the input raise, MissingL2BlockError where `older` lacks a block.
    """
    config, l1_config = configs(given)
    l1 = VerifiedL1(config, given.l1_blocks, given.blobs, given.l1_head)
    agreed = agreed_chain(config, given, l1)
    head = agreed.start.safe_head
    history = _Watched(older)
    pipeline = Pipeline(config, l1_config, l1, agreed.start, history)
    exhausted, l1_end = False, agreed.start.l1_origin.number
    for block in blocks:
        derived = pipeline.next_attributes(head)
        if derived is None:
            exhausted = True
            break
        transactions = derived.attributes.transactions
        if transactions != block.transactions:
            # The payload broke a rule when the chain was derived first.
            if derived.deposits_only().attributes.transactions != block.transactions:
                break
            pipeline.on_invalid_payload()
        l1_end = derived.derived_from.number
        head = block.ref
    return Rehearsal(
        asked=frozenset(history.asked), reached=head.number, exhausted=exhausted, l1_end=l1_end
    )


def overlapped_blocks(
    given: RangeInput, blocks: Sequence[L2Block], older: L2History
) -> frozenset[int]:
    """Return the numbers of the blocks up to the agreed one that derivation asks for.

    See `rehearse` for the arguments and errors.
    """
    return rehearse(given, blocks, older).asked
