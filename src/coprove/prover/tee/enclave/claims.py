"""What the enclave gives out: signed proofs of execution, and evidence bound to a registration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.primitives import keccak256
from coprove.types import Hash32

if TYPE_CHECKING:
    from coprove.attestation import Platform, ProofOfExecution, ProverBinding
    from coprove.prover.tee.enclave.quoting import Quote
    from coprove.types import Address, BootInfo, OutputRoot

__all__ = ["AvsPoe", "BoundEvidence", "EnclaveIdentity", "SignedPoe", "avs_poe"]

_NO_SIGNATURE: Final = bytes(65)


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
class AvsPoe:
    """A range in the shape of the multi-prover AVS's Poe: five roots, in the order of its hash.

    Neither code nor platform nor witness is in it, so that operators on different platforms sign
    the same state; the registration of the signing key tells these.
    """

    batch_hash: Hash32
    """keccak256 of five words: L2 chain id, rollup config hash, L1 head, agreed and claimed block:
    what the range is, and of which chain."""
    state_hash: Hash32
    """keccak256 of the encoded BootInfo, the claim that the ZK lane proves as well."""
    prev_state_root: Hash32
    """Output root of the agreed block."""
    new_state_root: Hash32
    """Output root of the claimed block."""
    withdrawal_root: Hash32
    """Storage root of the L2ToL1MessagePasser in the claimed block."""

    def digest(self) -> Hash32:
        """Return keccak256 of the five roots one after the other, which `poe_signature` signs."""
        return Hash32(
            keccak256(
                self.batch_hash
                + self.state_hash
                + self.prev_state_root
                + self.new_state_root
                + self.withdrawal_root
            )
        )

    def to_json(self) -> dict[str, str]:
        """Return it as the AVS writes it; its own `signature` has always been 65 zeros there."""
        return {
            "batch_hash": self.batch_hash.hex0x,
            "state_hash": self.state_hash.hex0x,
            "prev_state_root": self.prev_state_root.hex0x,
            "new_state_root": self.new_state_root.hex0x,
            "withdrawal_root": self.withdrawal_root.hex0x,
            "signature": f"0x{_NO_SIGNATURE.hex()}",
        }


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
    words = (
        poe.l2_chain_id.to_bytes(32, "big"),
        poe.rollup_config_hash,
        poe.l1_head,
        poe.l2_pre_block.to_bytes(32, "big"),
        poe.l2_post_block.to_bytes(32, "big"),
    )
    return AvsPoe(
        batch_hash=Hash32(keccak256(b"".join(words))),
        state_hash=Hash32(keccak256(claim.encode())),
        prev_state_root=poe.l2_pre_root,
        new_state_root=poe.l2_post_root,
        withdrawal_root=output.message_passer_storage_root,
    )
