"""Which chains are development chains: what stands in for real evidence counts on no other."""

from __future__ import annotations

from typing import Final

__all__ = ["DEV_CHAIN_IDS", "is_dev_chain"]

DEV_CHAIN_IDS: Final = frozenset({*range(900, 910), 1337, 31337})
"""Development chains, the same list as `DevChains.sol`."""


def is_dev_chain(chain_id: int) -> bool:
    """Whether simulated proofs, evidence and public keys may be used on a chain."""
    return chain_id in DEV_CHAIN_IDS
