"""What the enclave gives out: signed proofs of execution, and evidence bound to a registration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.attestation.avs_poe import AvsPoe, batch_hash
from coprove.primitives import keccak256
from coprove.types import Hash32

if TYPE_CHECKING:
    from coprove.attestation import Platform, ProofOfExecution, ProverBinding
    from coprove.prover.tee.enclave.quoting import Quote
    from coprove.types import Address, BootInfo, OutputRoot

__all__ = ["BoundEvidence", "EnclaveIdentity", "SignedPoe", "avs_poe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnclaveIdentity:
    """Who this enclave is, for as long as its process lives."""

    platform: Platform
    """Kind of environment."""
    simulated: bool
    """Whether it only plays one: then it speaks about development chains only."""
    measurement: bytes
    """Of its code, raw, in the layout that `Platform` states."""
    measurement_id: Hash32
    """The same as contracts and PoEs name it."""
    public_key: bytes
    """The prover's secp256k1 key, x ‖ y, 64 bytes."""
    address: Address
    """Ethereum address of that key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPoe:
    """A range that this enclave executed, and its signatures."""

    poe: ProofOfExecution
    """The claim."""
    signature: bytes
    """Of the claim's EIP-712 digest: r, s, v, 65 bytes."""
    avs: AvsPoe
    """The same range in the AVS's shape."""
    avs_signature: bytes
    """Of its digest: r, s, v, 65 bytes."""
    witness: Hash32
    """keccak256 of the witness."""
    transactions: int
    """L2 transactions executed, deposits included."""
    gas: int
    """Gas that they used."""
    seconds: float
    """Wall time of the run; not signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundEvidence:
    """Evidence for a registration or a liveness challenge."""

    binding: ProverBinding
    """What its report data stand for."""
    quote: Quote
    """The evidence."""


def avs_poe(poe: ProofOfExecution, claim: BootInfo, output: OutputRoot) -> AvsPoe:
    """Return an executed range in the AVS's shape."""
    return AvsPoe(
        batch_hash=batch_hash(
            l2_chain_id=poe.l2_chain_id,
            rollup_config_hash=poe.rollup_config_hash,
            l1_head=poe.l1_head,
            pre_block=poe.l2_pre_block,
            post_block=poe.l2_post_block,
        ),
        state_hash=Hash32(keccak256(claim.encode())),
        prev_state_root=poe.l2_pre_root,
        new_state_root=poe.l2_post_root,
        withdrawal_root=output.message_passer_storage_root,
    )
