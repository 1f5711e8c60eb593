"""The SP1 prover network as a backend."""

from coprove.prover.zk.network.backend import NetworkBackend
from coprove.prover.zk.network.inputs import L1Receipts, ReceiptSource
from coprove.prover.zk.network.options import (
    AUCTION_URL,
    LISTING_DELAY,
    RESERVED_URL,
    NetworkOptions,
    ProofLimits,
    Strategy,
    is_loopback_url,
)
from coprove.prover.zk.network.programs import GuestProgram
from coprove.prover.zk.network.signing import (
    LocalNetworkSigner,
    NetworkSigner,
    RemoteNetworkSigner,
)

__all__ = [
    "AUCTION_URL",
    "LISTING_DELAY",
    "RESERVED_URL",
    "GuestProgram",
    "L1Receipts",
    "LocalNetworkSigner",
    "NetworkBackend",
    "NetworkOptions",
    "NetworkSigner",
    "ProofLimits",
    "ReceiptSource",
    "RemoteNetworkSigner",
    "Strategy",
    "is_loopback_url",
]
