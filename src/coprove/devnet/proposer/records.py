"""What the proposer keeps of its work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coprove.types import BlockId, BootInfo, Hash32

__all__ = ["OutputIntent", "OutputState", "RangeState", "StoredRange"]


class RangeState(StrEnum):
    """How far a range is. NEW -> RUNNING -> DONE; RUNNING -> NEW on failure and at a start."""

    NEW = "new"
    RUNNING = "running"
    DONE = "done"


class OutputState(StrEnum):
    """How far an output is. INTENDED -> PROPOSED; back when L1 has dropped the transaction."""

    INTENDED = "intended"
    PROPOSED = "proposed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRange:
    """One range of L2 blocks and what came of it."""

    start: int
    """Number of the agreed block."""
    end: int
    """Number of the claimed block."""
    state: RangeState
    """How far it is."""
    boot_info: BootInfo | None
    """The program's claim, once done."""
    attempts: int
    """Runs begun."""
    retry_at: float
    """Unix time before which it is not run again."""
    error: str | None
    """Why its last run failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputIntent:
    """One output on its way to L1, stored before each transaction that it causes."""

    start: int
    """Number of the block of the output before it."""
    end: int
    """Number of its block."""
    root: Hash32
    """The output root that the ranges show."""
    checkpoint: BlockId
    """L1 block whose hash the oracle checkpoints for it."""
    attempt: int
    """Counts the checkpoints tried; part of the transactions' idempotency keys."""
    state: OutputState
    """How far it is."""
    tx_hash: Hash32 | None
    """The proposing transaction, once mined."""
