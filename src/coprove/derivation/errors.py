"""What stops a derivation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.errors import Critical, Reset

if TYPE_CHECKING:
    from coprove.types import Hash32

__all__ = ["L1ReorgError", "L2ReorgError", "MissingL2BlockError", "PipelineError"]


class L1ReorgError(Reset):
    """An L1 block does not follow the one that the pipeline read before it."""

    def __init__(self, number: int, *, expected: Hash32, actual: Hash32) -> None:
        """Name the block that fits badly and the two hashes that differ."""
        super().__init__(f"L1 block {number}: expected {expected}, got {actual}")
        self.number = number
        self.expected = expected
        self.actual = actual


class L2ReorgError(Reset):
    """The safe head has an L1 origin that the pipeline did not read."""


class MissingL2BlockError(Critical):
    """A span batch reaches back to a safe L2 block that the history does not give."""

    def __init__(self, number: int) -> None:
        """Name the L2 block that is needed."""
        super().__init__(f"L2 block {number} is needed to check a span batch that overlaps it")
        self.number = number


class PipelineError(Critical):
    """The pipeline was started or called in a way that cannot be right."""
