"""Settings of the TEE lane."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from coprove.devnet.settings import AddressText, ServiceSettings

__all__ = ["ProverConfig", "TeeConfig"]


class ProverConfig(BaseModel):
    """One prover and who answers for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """For logs."""
    url: str
    """Where it answers."""
    account: int
    """Index of its operator in the development mnemonic."""
    kept: bool = True
    """Whether it is kept registered here; an operator of the AVS does that itself."""


class TeeConfig(ServiceSettings):
    """Which provers are kept registered, and where their claims go."""

    oracle: AddressText
    """The L2 output oracle, whose outputs are proven."""
    registry: AddressText
    """The TEEProverRegistry."""
    poe_verifier: AddressText
    """The PoEVerifier, which records claims."""
    collateral: AddressText
    """The DcapCollateral."""
    provers: list[ProverConfig] = Field(min_length=1)
    """All of them."""
    margin: int = Field(default=120, ge=0)
    """Seconds before its end at which a registration is renewed."""
