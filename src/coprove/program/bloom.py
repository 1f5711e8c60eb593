"""When an L1 block's receipts can be left out: the header's bloom excludes every log of interest.

A bloom has no false negatives and the header commits to it, so leaving the receipts out is sound;
it spares most of the bytes of a live witness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.derivation.deposits import DEPOSIT_EVENT_TOPIC
from coprove.derivation.system_config import CONFIG_UPDATE_TOPIC
from coprove.primitives import keccak256

if TYPE_CHECKING:
    from coprove.types import RollupConfig

__all__ = ["LogFilter"]


def _bits(value: bytes) -> int:
    """Return the bloom, as an integer of 2,048 bits, of one value (Yellow Paper, M3:2048)."""
    digest = keccak256(value)
    bits = 0
    for offset in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[offset : offset + 2], "big") & 0x7FF)
    return bits


class LogFilter:
    """Tells whether a block may hold logs that derivation reads (deposits, config updates)."""

    def __init__(self, config: RollupConfig) -> None:
        """Prepare the blooms of both event sources of this rollup."""
        self._wanted = (
            _bits(config.deposit_contract_address) | _bits(DEPOSIT_EVENT_TOPIC),
            _bits(config.l1_system_config_address) | _bits(CONFIG_UPDATE_TOPIC),
        )

    def may_match(self, logs_bloom: bytes) -> bool:
        """Return False only when the 256-byte bloom proves that there is no such log."""
        bloom = int.from_bytes(logs_bloom, "big")
        return any(bloom & wanted == wanted for wanted in self._wanted)
