"""A local, simulated SP1 prover network: the real protocol, and proofs that prove nothing."""

from coprove.devnet.prover_network.faults import Fault, FaultKind
from coprove.devnet.prover_network.server import ProverNetworkServer
from coprove.devnet.prover_network.settings import ProverNetworkSettings

__all__ = ["Fault", "FaultKind", "ProverNetworkServer", "ProverNetworkSettings"]
