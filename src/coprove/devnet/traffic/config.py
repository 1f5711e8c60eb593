"""Settings of the traffic generator."""

from __future__ import annotations

from pydantic import Field

from coprove.devnet.accounts import Role
from coprove.devnet.settings import AddressText, ServiceSettings

__all__ = ["TrafficConfig"]


class TrafficConfig(ServiceSettings):
    """How much is sent, and of what."""

    portal: AddressText
    """The portal on L1, which takes deposits."""
    rate: float = Field(default=2.0, gt=0, le=1000)
    """L2 transactions a second."""
    transfer_weight: int = Field(default=10, ge=0)
    """Share of plain transfers among the L2 transactions."""
    creation_weight: int = Field(default=1, ge=0)
    """Share of contract creations."""
    call_weight: int = Field(default=4, ge=0)
    """Share of calls of a contract created before."""
    withdrawal_weight: int = Field(default=1, ge=0)
    """Share of withdrawals."""
    deposit_interval: float = Field(default=5.0, gt=0)
    """Seconds between deposits on L1."""
    seed: int = 1
    """Makes the sequence of kinds repeatable."""
    accounts: tuple[int, ...] = tuple(range(Role.TRAFFIC, Role.TRAFFIC + 4))
    """Indices of the sending accounts in the development mnemonic."""
