"""The inputs of one L2 block, as derivation hands them to execution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coprove.types.hashes import Address, Hash32

__all__ = ["PayloadAttributes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadAttributes:
    """Everything that decides the next L2 block (specification: exec-engine, attributes)."""

    timestamp: int
    """Seconds since the epoch."""
    prev_randao: Hash32
    """Mix hash of the L1 origin."""
    suggested_fee_recipient: Address
    """The sequencer fee vault."""
    parent_beacon_block_root: Hash32 | None
    """The L1 origin's parent beacon block root from Ecotone on, None before."""
    withdrawals_enabled: bool
    """True from Canyon on: the block has a withdrawals list, always empty."""
    transactions: tuple[bytes, ...]
    """Transactions in EIP-2718 form: deposits first, then those of the batch."""
    no_tx_pool: bool
    """True in derivation: the block holds the listed transactions only."""
    gas_limit: int
    """Gas limit of the block."""
    eip_1559_params: bytes | None
    """Denominator and elasticity, 4 bytes each, from Holocene on; zero means Canyon's constants."""
    min_base_fee: int | None
    """Least base fee in wei from Jovian on, None before."""
