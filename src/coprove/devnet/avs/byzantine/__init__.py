"""Operators of the devnet that do wrong, and provers that help them."""

from coprove.devnet.avs.byzantine.kinds import ByzantineKind, byzantine_kind

__all__ = ["ByzantineKind", "byzantine_kind"]
