"""How many cycles the proving machine will take, from what is published.

op-succinct's figure for World Chain: 101 blocks with 1,977 transactions take 19.7 billion cycles.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CYCLES_PER_TRANSACTION", "estimate_cycles"]

CYCLES_PER_TRANSACTION: Final = 19_700_000_000 // 1_977
"""Cycles of a range by its transactions; derivation and the blocks' own work are in it."""


def estimate_cycles(transactions: int) -> int:
    """Return a rough estimate for a range of `transactions`, deposits included."""
    return transactions * CYCLES_PER_TRANSACTION
