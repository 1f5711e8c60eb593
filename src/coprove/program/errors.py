"""What can be wrong with the input of a program, or with the claim that it is asked to make."""

from __future__ import annotations

from coprove.errors import Critical, InputError

__all__ = ["ChainingError", "ClaimMismatchError", "L1DataExhaustedError", "ProgramInputError"]


class ProgramInputError(InputError):
    """A part of a RangeInput or AggregationInput is malformed or fails its hash check."""


class ChainingError(ProgramInputError):
    """Ranges of an aggregation do not follow one another, or their L1 heads not one chain."""


class ClaimMismatchError(Critical):
    """Derivation and execution give another output root than the one claimed.

    `block` is the L2 block of the claim; `expected` the claimed root, `actual` the computed one
    (32 bytes each).
    """

    def __init__(self, *, block: int, expected: bytes, actual: bytes) -> None:
        """Name the block and both roots."""
        super().__init__(
            f"output root of L2 block {block}: claimed 0x{expected.hex()}, "
            f"computed 0x{actual.hex()}"
        )
        self.block = block
        self.expected = expected
        self.actual = actual


class L1DataExhaustedError(Critical):
    """The L1 chain up to l1_head does not determine all blocks of the range.

    `claimed` is the last block asked for, `reached` the last one that could be derived.
    """

    def __init__(self, *, claimed: int, reached: int, l1_head: int) -> None:
        """Name how far the L1 data went."""
        super().__init__(
            f"L1 data up to L1 block {l1_head} derives L2 blocks to {reached}; "
            f"the claim is for block {claimed}"
        )
        self.claimed = claimed
        self.reached = reached
        self.l1_head = l1_head
