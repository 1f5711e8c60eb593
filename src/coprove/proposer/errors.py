"""What can go wrong in the proposer, by reaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.errors import Critical, Reset, Temporary

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CallTimeoutError",
    "ChainChangedError",
    "CheckpointMismatchError",
    "ConfigMismatchError",
    "Mismatch",
    "NotLeadingError",
    "OutputMismatchError",
    "ProposalRefusedError",
    "SafeHeadsUnknownError",
    "SimulatedProofsError",
]

Mismatch = tuple[str, object, object]
"""What differs: its name, the value that is ours, the value that the contract has."""


class CallTimeoutError(Temporary):
    """A call did not end in its time; what it did is not known."""

    def __init__(self, what: str, *, seconds: float) -> None:
        """`what` names the call, `seconds` is the limit that it broke."""
        super().__init__(f"{what} did not end within {seconds:g} s")
        self.what = what
        self.seconds = seconds


class ConfigMismatchError(Critical):
    """The contract is bound to other programs or another chain than this proposer proves.

    `mismatches` names each value that differs, with ours and the contract's.
    """

    def __init__(self, contract: str, mismatches: Sequence[Mismatch]) -> None:
        """`contract` is the address that was asked."""
        shown = "; ".join(f"{name}: ours {ours}, its {its}" for name, ours, its in mismatches)
        super().__init__(f"contract {contract} does not fit this proposer: {shown}")
        self.contract = contract
        self.mismatches = tuple(mismatches)


class OutputMismatchError(Critical):
    """Two sources give one block different output roots: one of them is wrong.

    `program` is the root that the program computed, `other` the one it was compared with.
    """

    def __init__(self, l2_block: int, *, program: object, source: str, other: object) -> None:
        """`source` says whose root differs from the program's."""
        super().__init__(f"L2 block {l2_block}: program gives {program}, {source} gives {other}")
        self.l2_block = l2_block
        self.program = program
        self.source = source
        self.other = other


class SafeHeadsUnknownError(Critical):
    """The rollup node keeps no safe-head database, and the fallback without it is switched off."""


class SimulatedProofsError(Critical):
    """A backend that only simulates was about to prove for a chain that is no development chain."""

    def __init__(self, backend: str, *, chain_id: int) -> None:
        """`chain_id` is the L1's."""
        super().__init__(f"backend {backend} simulates proofs: refused on chain {chain_id}")
        self.backend = backend
        self.chain_id = chain_id


class ChainChangedError(Reset):
    """What was collected stands on blocks that L1 or L2 does not have any more."""


class CheckpointMismatchError(Reset):
    """The contract holds another hash for the checkpointed L1 block than L1 does."""

    def __init__(self, l1_block: int, *, expected: object, actual: object) -> None:
        """`expected` is the hash on L1, `actual` the contract's; None: it has none."""
        super().__init__(f"checkpoint of L1 block {l1_block}: expected {expected}, got {actual}")
        self.l1_block = l1_block
        self.expected = expected
        self.actual = actual


class ProposalRefusedError(Critical):
    """The contract does not take an output, by simulation or on chain."""


class NotLeadingError(Reset):
    """This process does not lead, or not surely for long enough: nothing was sent."""
