"""Settings of the devnet's proposer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from coprove.devnet.accounts import Role
from coprove.devnet.settings import AddressText, Seconds, ServiceSettings

__all__ = ["ProposerConfig"]

_Word = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]


class ProposerConfig(ServiceSettings):
    """What the devnet chooses of a proposer's settings."""

    oracle: AddressText
    """The L2 output oracle on L1."""
    aggregation_vkey: _Word
    """Key of the aggregation program that the oracle has."""
    range_vkey_commitment: _Word
    """Commitment to the key of the range program that the oracle has."""
    blocks_per_range: int = Field(default=10, ge=1)
    """L2 blocks in one range at most."""
    outputs_before_leap: int = Field(default=5, ge=1)
    """Outputs due at once, after a pause, that are covered by a single one."""
    workers: int = Field(default=1, ge=1)
    """Processes that run ranges."""
    lease: Seconds = 5.0
    """Seconds until a restarted proposer takes over from one that was killed."""
    prover: Literal["mock", "network"] = "mock"
    """Where proofs come from."""
    network_url: str | None = None
    """gRPC endpoint of the local prover network."""
    account: int = Field(default=int(Role.PROPOSER), ge=0)
    """Index of the sending account in the development mnemonic."""
