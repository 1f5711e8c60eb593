"""Proofs that prove nothing, in the layouts of real ones, for development chains alone."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from coprove.contracts.mock_proof import MOCK_SELECTOR, mock_proof
from coprove.prover.zk.sp1_proof import CompressedProof, OnchainProof
from coprove.types import Hash32

if TYPE_CHECKING:
    from coprove.types import AggregationOutputs, BootInfo

__all__ = [
    "SIMULATED_SIZE",
    "SIMULATED_VERSION",
    "simulated_aggregation",
    "simulated_range",
    "simulated_recursion_proof",
]

SIMULATED_VERSION: Final = "simulated"
"""Stands where a real proof names the version of its circuits."""
SIMULATED_SIZE: Final = 64
"""Size of the inner part of a simulated range proof."""
_MARK: Final = b"coprove: simulated, no proof".ljust(32, b".")


def simulated_recursion_proof(vkey: Hash32, public_values: bytes) -> bytes:
    """Return 64 bytes that name the program and the claim, and prove neither."""
    return _MARK + hashlib.sha256(_MARK + vkey + public_values).digest()


def simulated_range(boot_info: BootInfo, *, range_vkey: Hash32) -> CompressedProof:
    """Return a simulated proof of a range."""
    claim = boot_info.encode()
    return CompressedProof(
        recursion_proof=simulated_recursion_proof(range_vkey, claim),
        public_values=claim,
        version=SIMULATED_VERSION,
    )


def simulated_aggregation(
    outputs: AggregationOutputs, *, aggregation_vkey: Hash32, is_groth16: bool = True
) -> OnchainProof:
    """Return a simulated proof of an aggregation.

    Its on-chain bytes are those that MockSP1Verifier takes on development chains.
    """
    claim = outputs.abi_encode()
    return OnchainProof(
        is_groth16=is_groth16,
        public_inputs=("0",) * 5,
        proof=mock_proof(aggregation_vkey, claim)[len(MOCK_SELECTOR) :],
        raw_proof="",
        verifier_hash=Hash32(MOCK_SELECTOR.ljust(32, b"\0")),
        public_values=claim,
        version=SIMULATED_VERSION,
    )
