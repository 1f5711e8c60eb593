"""What a prover, its operator and attestors send to the registry, and what they sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from eth_abi.abi import encode as abi_encode

from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from coprove.attestation.binding import ProverBinding
    from coprove.rpc import RpcTransport

__all__ = [
    "REGISTRATION_TYPE",
    "DigestSigner",
    "Registration",
    "consent_digest",
    "deregistration_digest",
    "eip712_digest",
    "eip712_domain",
    "reference_block",
]

REGISTRATION_TYPE = "(uint8,address,bytes32,bytes32,uint256,bytes32,bytes32,bytes,bytes)"
"""ABI type of the contracts' `Registration`."""
_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_REGISTRY_DOMAIN = "coprove TEE prover registry"
_CONSENT_TYPE = b"Consent(bytes32 binding)"
_DEREGISTRATION_TYPE = b"Deregistration(address operator,uint256 nonce)"


class DigestSigner(Protocol):
    """Signs 32-byte digests with the secp256k1 key of one account."""

    @property
    def address(self) -> Address:
        """The account."""

    def sign_digest(self, digest: Hash32) -> bytes:
        """Return r, s, v: 65 bytes, low s, v 27 or 28."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Evidence for what it binds: what registers a prover, renews it, or answers a challenge."""

    binding: ProverBinding
    """Everything that the evidence's report data stand for."""
    evidence: bytes
    """Bytes for the platform's quote verifier."""
    consent: bytes = b""
    """The operator's or its delegate's signature over `consent_digest`.

    Empty when one of them sends the transaction, or when a registered prover is renewed.
    """

    def encode(self) -> bytes:
        """Return the ABI encoding, as registerTEEProver and submitLivenessChallenge take it."""
        binding = self.binding
        values = (
            binding.platform.number,
            bytes(binding.operator),
            binding.public_key[:32],
            binding.public_key[32:],
            binding.block_number,
            bytes(binding.block_hash),
            bytes(binding.nonce),
            self.evidence,
            self.consent,
        )
        return bytes(abi_encode([REGISTRATION_TYPE], [values]))

    def consented(self, signer: DigestSigner) -> Registration:
        """Return it with the consent of an operator or its delegate."""
        digest = consent_digest(self.binding)
        return Registration(
            binding=self.binding, evidence=self.evidence, consent=signer.sign_digest(digest)
        )


def consent_digest(binding: ProverBinding) -> Hash32:
    """Return the EIP-712 digest by which an operator consents to a registration."""
    struct = keccak256(keccak256(_CONSENT_TYPE) + binding.digest())
    domain = eip712_domain(_REGISTRY_DOMAIN, binding.chain_id, binding.verifier)
    return eip712_digest(domain, struct)


def deregistration_digest(
    *, chain_id: int, registry: Address, operator: Address, nonce: int
) -> Hash32:
    """Return the EIP-712 digest by which a prover leaves; `nonce` is the operator's."""
    words = bytes(12) + operator + nonce.to_bytes(32)
    struct = keccak256(keccak256(_DEREGISTRATION_TYPE) + words)
    return eip712_digest(eip712_domain(_REGISTRY_DOMAIN, chain_id, registry), struct)


def eip712_domain(name: str, chain_id: int, contract: Address) -> bytes:
    """Return the domain separator of a contract, version 1 (EIP-712)."""
    return keccak256(
        keccak256(_DOMAIN_TYPE)
        + keccak256(name.encode())
        + keccak256(b"1")
        + chain_id.to_bytes(32)
        + bytes(12)
        + contract
    )


def eip712_digest(domain: bytes, struct_hash: bytes) -> Hash32:
    """Return what is signed for a struct under a domain (EIP-712)."""
    return Hash32(keccak256(b"\x19\x01" + domain + struct_hash))


async def reference_block(transport: RpcTransport, *, depth: int = 1) -> tuple[int, Hash32]:
    """Return number and hash of the block `depth` below the head, for evidence to refer to.

    The head itself is no use: a node that simulates the transaction may take it for the current
    block. A greater depth outlasts deeper reorgs.
    """
    if depth < 1:
        raise InputError("depth of the reference block", expected="1 or more", actual=depth)
    head = await transport.call("eth_blockNumber", [])
    if not isinstance(head, str) or not head.startswith("0x"):
        raise InputError("eth_blockNumber", expected="a hex quantity", actual=head)
    number = int(head, 16) - depth
    if number < 0:
        raise InputError("reference block", expected=f"{depth} blocks", actual=int(head, 16))
    block = await transport.call("eth_getBlockByNumber", [hex(number), False])
    if not isinstance(block, dict):
        raise InputError("eth_getBlockByNumber", expected="a block", actual=block)
    return number, Hash32.from_hex(block.get("hash"), "block.hash")
