"""What an operator of the aggregator sets: times and limits, and which rollups it serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coprove.types import Hash32

__all__ = ["EngineOptions", "RollupIdentity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupIdentity:
    """Which rollup a committee is asked about: part of what a state names as its range."""

    l2_chain_id: int
    """EIP-155 number."""
    config_hash: Hash32
    """Hash of its configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Times in seconds, and limits."""

    min_wait: float = 0.0
    """How long after its creation a task waits for more signatures than it needs."""
    queue: int = 4096
    """Submissions that may wait for verification; more are refused as BUSY."""
    batch: int = 512
    """Submissions that are verified together at most."""
    pending_per_operator: int = 4
    """Submissions of an operator that may wait at once."""
    offender_memory: float = 600.0
    """How long who sent a bad signature is verified apart."""
    offender_burst: float = 3.0
    """How many of theirs are looked at in a row."""
    offender_per_second: float = 0.5
    """How many after that."""
    recheck: float = 12.0
    """Between two looks whether reference blocks and confirmations are still in the chain."""
    watch: float = 3600.0
    """How long confirmations are looked after."""
    retry: float = 12.0
    """After a confirmation that failed; doubled up to eight times that."""
    kept: int = 256
    """Closed tasks that are still known, so that late submissions get a proper answer."""
