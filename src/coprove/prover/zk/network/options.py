"""How the prover network is used: where it is, what is offered, when to give up."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from coprove.errors import InputError
from coprove.rpc import RetryPolicy

if TYPE_CHECKING:
    from coprove.types import Address

__all__ = [
    "AUCTION_URL",
    "LISTING_DELAY",
    "NETWORK_RETRY",
    "RESERVED_URL",
    "NetworkOptions",
    "ProofLimits",
    "Strategy",
    "is_loopback_url",
]

RESERVED_URL: Final = "https://rpc.production.succinct.xyz"
"""The network of reserved and hosted capacity."""
AUCTION_URL: Final = "https://rpc.mainnet.succinct.xyz"
"""The network whose provers bid."""
LISTING_DELAY: Final = 60.0
"""Seconds after sending until a request that was accepted is listed for certain."""
NETWORK_RETRY: Final = RetryPolicy(attempts=8, base_delay=1.0, max_delay=120.0, max_elapsed=120.0)
"""Retries of calls that cost nothing: from one second, doubled to two minutes."""


class Strategy(StrEnum):
    """Who fulfils a request (network.FulfillmentStrategy)."""

    HOSTED = "hosted"
    RESERVED = "reserved"
    AUCTION = "auction"

    @property
    def is_auction(self) -> bool:
        """Whether its network is another one than that of the two others."""
        return self is Strategy.AUCTION

    @property
    def default_url(self) -> str:
        """The network that has it."""
        return AUCTION_URL if self.is_auction else RESERVED_URL


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofLimits:
    """What one proof may take at most."""

    cycles: int = 10**12
    """Cycles of the proving machine."""
    gas: int = 10**12
    """Prover gas units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOptions:
    """Settings of the network backend; defaults are op-succinct's."""

    url: str
    """gRPC endpoint: https, or http on this machine alone."""
    strategy: Strategy = Strategy.RESERVED
    """Who fulfils range proofs, and aggregation proofs unless the next one says otherwise."""
    aggregation_strategy: Strategy | None = None
    """Who fulfils aggregation proofs; one network must have both strategies."""
    version: str = "v6.1.0"
    """Version of the circuits that the programs are built for."""
    use_plonk: bool = False
    """Wrap aggregation proofs in PLONK instead of Groth16."""
    range_limits: ProofLimits = field(default_factory=ProofLimits)
    """Limits of a range proof."""
    aggregation_limits: ProofLimits = field(default_factory=ProofLimits)
    """Limits of an aggregation proof."""
    proving_timeout: int = 14_400
    """Seconds that the network has for a proof: its own deadline, which nothing here cuts short."""
    call_timeout: float = 15.0
    """Seconds for one call."""
    transfer_timeout: float = 1_200.0
    """Seconds for one upload or download."""
    min_auction_period: int = 1
    """Seconds that bids are taken at least."""
    auction_timeout: int = 60
    """Seconds after which a request that no prover took is cancelled; on the auction alone."""
    max_price_per_pgu: int = 300_000_000
    """Most that is paid for a prover gas unit, in the payment token's base unit."""
    whitelist: tuple[Address, ...] = ()
    """Provers that may take a request; none: those with good uptime (auction), else any."""
    compress_artifacts: bool = True
    """zstd, as circuits from v6.1.0 on have it."""
    max_proof_bytes: int = 64 << 20
    """Largest proof that is downloaded."""
    listing_delay: float = LISTING_DELAY
    """Seconds after sending until a request that was accepted is listed for certain."""
    is_simulated: bool = False
    """Whether the network is a local one whose proofs prove nothing."""
    retry: RetryPolicy = NETWORK_RETRY
    """Retries of calls that cost nothing."""

    def __post_init__(self) -> None:
        """Refuse a URL that would send signed requests in the clear, and two networks at once."""
        if self.aggregation_strategy and self.is_auction != self.aggregation_strategy.is_auction:
            raise InputError(
                "strategy of aggregation proofs",
                expected=f"one of the network that has {self.strategy}",
                actual=self.aggregation_strategy,
            )
        scheme = urlsplit(self.url).scheme
        if scheme != "https" and not (scheme == "http" and is_loopback_url(self.url)):
            raise InputError(
                "prover network URL", expected="https, or http on loopback", actual=self.url
            )

    @property
    def is_auction(self) -> bool:
        """Whether the network is the one whose provers bid: it can cancel and has prices."""
        return self.strategy.is_auction

    def strategy_of(self, *, is_range: bool) -> Strategy:
        """Return who fulfils range proofs, or aggregation proofs."""
        return self.strategy if is_range else self.aggregation_strategy or self.strategy

    @classmethod
    def of_strategy(cls, strategy: Strategy) -> Self:
        """Return the defaults for the network that has this strategy."""
        return cls(url=strategy.default_url, strategy=strategy)


def is_loopback_url(url: str) -> bool:
    """Whether a URL names this machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, whatever it begins with
        return False
