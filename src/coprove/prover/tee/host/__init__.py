"""The service around the enclave: HTTP in, proofs and evidence out; nothing here is trusted."""

from coprove.prover.tee.host.contexts import WitnessMaker
from coprove.prover.tee.host.options import DEFAULT_PORT, TeeProverOptions
from coprove.prover.tee.host.serving import TeeProver, serve

__all__ = ["DEFAULT_PORT", "TeeProver", "TeeProverOptions", "WitnessMaker", "serve"]
