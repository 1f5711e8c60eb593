"""Settings of the proposer."""

from __future__ import annotations

from pydantic import Field

from coprove.devnet.accounts import Role
from coprove.devnet.settings import AddressText, ServiceSettings

__all__ = ["ProposerConfig"]


class ProposerConfig(ServiceSettings):
    """How outputs are cut into ranges and where they go."""

    oracle: AddressText
    """The L2 output oracle on L1."""
    blocks_per_range: int = Field(default=10, ge=1)
    """L2 blocks in one range run at most."""
    outputs_ahead: int = Field(default=50, ge=1)
    """Outputs whose ranges may be run before the first of them is proposed; more than a few are
    open only after a long pause."""
    workers: int = Field(default=1, ge=1)
    """Processes that run ranges."""
    range_timeout: float = Field(default=300.0, gt=0)
    """Seconds for one range, witness and run together."""
    account: int = Field(default=int(Role.PROPOSER), ge=0)
    """Index of the sending account in the development mnemonic."""
