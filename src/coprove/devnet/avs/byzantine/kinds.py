"""In which ways an operator does wrong, and which ones do."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ByzantineKind", "byzantine_kind"]


class ByzantineKind(StrEnum):
    """A way of doing wrong."""

    WRONG_ROOT = "wrong-root"
    """Signs an output root that is not the chain's."""
    EQUIVOCATE = "equivocate"
    """Signs two states for each task."""
    REPLAY = "replay"
    """Hands in an earlier signature for each later task."""
    SILENT = "silent"
    """Signs nothing."""


_ORDER = tuple(ByzantineKind)


def byzantine_kind(index: int, *, operators: int, byzantine: int) -> ByzantineKind | None:
    """Return how operator number `index`, from 0, does wrong; None for an honest one.

    They are the last `byzantine` of `operators`, the kinds in turn from the last one backwards.
    """
    from_end = operators - 1 - index
    return _ORDER[from_end % len(_ORDER)] if 0 <= from_end < byzantine else None
