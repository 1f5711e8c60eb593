"""What a prover's evidence binds: its key, its operator, one registry on one chain, a fresh block.

The 64 bytes of report data are a keccak hash over all of it and 32 zero bytes, so that evidence
copied to another operator, contract or chain says something else than it must.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.attestation.errors import EvidenceRejectedError, Rejection
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from coprove.attestation.platform import Platform

__all__ = ["BINDING_DOMAIN", "BINDING_VERSION", "ProverBinding", "prover_address"]

BINDING_DOMAIN = Hash32(keccak256(b"coprove.tee.registration"))
"""First word of the hashed tuple: nothing else that is signed or quoted begins with it."""
BINDING_VERSION = 1
"""Second word; rises when the tuple changes."""
_REPORT_DATA_SIZE = 64
_KEY_SIZE = 64


def prover_address(public_key: bytes) -> Address:
    """Return the Ethereum address of an uncompressed secp256k1 key, x ‖ y of 64 bytes."""
    if len(public_key) != _KEY_SIZE:
        raise InputError("prover key", expected="64 bytes", actual=f"{len(public_key)} bytes")
    return Address(keccak256(public_key)[12:])


@dataclass(frozen=True, slots=True, kw_only=True)
class ProverBinding:
    """Everything that a registration's report data stand for, in the order of the hash."""

    chain_id: int
    """Of the chain of the registry (L1), EIP-155."""
    verifier: Address
    """The registry contract that is to accept the evidence."""
    operator: Address
    """Who registers the prover and answers for it."""
    platform: Platform
    """Kind of the environment."""
    public_key: bytes
    """The prover's secp256k1 key, x ‖ y, 64 bytes."""
    block_number: int
    """A recent block of the registry's chain."""
    block_hash: Hash32
    """Its hash, never zero: shows that the evidence is not older."""
    nonce: Hash32
    """The registry's nonce of this operator, or a liveness challenge's."""

    def digest(self) -> Hash32:
        """Return keccak256 of the ABI encoding: eleven words, as `TEEProverRegistry` has it."""
        if len(self.public_key) != _KEY_SIZE:
            actual = f"{len(self.public_key)} bytes"
            raise InputError("prover key", expected="64 bytes", actual=actual)
        words = (
            BINDING_DOMAIN,
            _word(BINDING_VERSION),
            _word(self.chain_id),
            bytes(12) + self.verifier,
            bytes(12) + self.operator,
            _word(self.platform.number),
            self.public_key,
            _word(self.block_number),
            self.block_hash,
            self.nonce,
        )
        return Hash32(keccak256(b"".join(words)))

    def report_data(self) -> bytes:
        """Return the 64 bytes that the environment's evidence must carry."""
        return self.digest() + bytes(_REPORT_DATA_SIZE - Hash32.SIZE)

    def check(self, report_data: bytes) -> None:
        """Compare with evidence's report data; EvidenceRejectedError when they differ."""
        if self.block_hash == bytes(32):
            detail = "the block hash is zero: the block is unknown or too old"
            raise EvidenceRejectedError(Rejection.BINDING, detail)
        if report_data != self.report_data():
            detail = (
                f"report data: expected 0x{self.report_data().hex()}, got 0x{report_data.hex()}"
            )
            raise EvidenceRejectedError(Rejection.BINDING, detail)


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")
