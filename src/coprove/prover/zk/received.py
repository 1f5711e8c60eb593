"""Proofs as they come from a network: checked against the claim, in the form that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.prover.errors import ProofFormatError
from coprove.prover.zk.simulated import SIMULATED_VERSION
from coprove.prover.zk.sp1_proof import CompressedProof, OnchainProof

if TYPE_CHECKING:
    from coprove.types import BootInfo

__all__ = ["check_range_proof", "received_proof"]

_RANGE_CLAIM: Final = 136
_COMPRESSED: Final = b"\x01\0\0\0"


def received_proof(data: bytes, *, claim: bytes | None, allow_simulated: bool) -> bytes:
    """Return what is kept of a downloaded proof: a compressed one whole, else its on-chain bytes.

    `claim` holds the public values it must have; where they are not known the form alone is
    checked. Raises ProofFormatError, for a simulated proof too unless it is allowed.
    """
    if data[:4] == _COMPRESSED:
        size = _RANGE_CLAIM
        found: CompressedProof | OnchainProof = (
            CompressedProof.decode_any(data, size=size)
            if claim is None
            else CompressedProof.decode(data, public_values=claim)
        )
        kept = data
    else:
        found = OnchainProof.decode(data, public_values=claim)
        kept = found.onchain_bytes()
    if found.version == SIMULATED_VERSION and not allow_simulated:
        raise ProofFormatError("proof", expected="a real one", actual="a simulated one")
    return kept


def check_range_proof(proof: bytes, claim: BootInfo) -> None:
    """Raise ProofFormatError unless a range proof in the kept form makes this claim.

    Whether it holds only a verifier can tell; the aggregation program is one.
    """
    CompressedProof.decode(proof, public_values=claim.encode())
