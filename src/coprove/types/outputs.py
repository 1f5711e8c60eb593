"""What a range shows and what contracts check: output roots, boot info, aggregation outputs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types.hashes import Address, Hash32

if TYPE_CHECKING:
    from coprove.types.header import BlockHeader

__all__ = ["AggregationOutputs", "BootInfo", "OutputRoot"]

_BOOT_INFO_SIZE = 4 * 32 + 8
_AGGREGATION_SIZE = 6 * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRoot:
    """The preimage of a version 0 output root (specification: proposals, L2 output commitment)."""

    state_root: Hash32
    """State root of the L2 block."""
    message_passer_storage_root: Hash32
    """Storage root of the L2ToL1MessagePasser, where withdrawals are recorded."""
    block_hash: Hash32
    """Hash of the L2 block."""

    def encode(self) -> bytes:
        """Return the 128 bytes that are hashed: version 0 and the three fields."""
        return b"".join(
            (bytes(32), self.state_root, self.message_passer_storage_root, self.block_hash)
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Parse the 128-byte form; InputError for another size or version."""
        if len(data) != 128:
            raise InputError("output root", expected="128 bytes", actual=f"{len(data)} bytes")
        if any(data[:32]):
            raise InputError("output root version", expected="0", actual=data[:32].hex())
        return cls(
            state_root=Hash32(data[32:64]),
            message_passer_storage_root=Hash32(data[64:96]),
            block_hash=Hash32(data[96:]),
        )

    @classmethod
    def from_isthmus_header(cls, header: BlockHeader) -> Self:
        """Read the output of a block from Isthmus on, whose header holds the storage root."""
        if header.withdrawals_root is None:
            raise InputError("header.withdrawals_root", expected="a hash", actual="nothing")
        return cls(
            state_root=header.state_root,
            message_passer_storage_root=header.withdrawals_root,
            block_hash=header.hash(),
        )

    def hash(self) -> Hash32:
        """Return the output root."""
        return Hash32(keccak256(self.encode()))


@dataclass(frozen=True, slots=True, kw_only=True)
class BootInfo:
    """The public values of a range proof, in op-succinct's field order."""

    l1_head: Hash32
    """Hash of the L1 block up to which L1 data was read."""
    l2_pre_root: Hash32
    """Output root of the agreed block."""
    l2_post_root: Hash32
    """Output root of the claimed block."""
    l2_block_number: int
    """Number of the claimed block."""
    rollup_config_hash: Hash32
    """`RollupConfig.config_hash()` of the chain."""

    def encode(self) -> bytes:
        """Return bincode's form: 136 bytes, the number little-endian."""
        return b"".join(
            (
                self.l1_head,
                self.l2_pre_root,
                self.l2_post_root,
                self.l2_block_number.to_bytes(8, "little"),
                self.rollup_config_hash,
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Parse bincode's form; InputError unless it has 136 bytes."""
        if len(data) != _BOOT_INFO_SIZE:
            expected = f"{_BOOT_INFO_SIZE} bytes"
            raise InputError("boot info", expected=expected, actual=f"{len(data)} bytes")
        return cls(
            l1_head=Hash32(data[:32]),
            l2_pre_root=Hash32(data[32:64]),
            l2_post_root=Hash32(data[64:96]),
            l2_block_number=int.from_bytes(data[96:104], "little"),
            rollup_config_hash=Hash32(data[104:]),
        )

    def sha256(self) -> Hash32:
        """Return SHA-256 of the bincode form, as the aggregation program compares it."""
        return Hash32(hashlib.sha256(self.encode()).digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregationOutputs:
    """The public values of an aggregation proof, as the L2 output oracle rebuilds them."""

    l1_head: Hash32
    """Hash of the checkpointed L1 block."""
    l2_pre_root: Hash32
    """Output root that the contract already holds."""
    l2_post_root: Hash32
    """Claimed output root."""
    l2_block_number: int
    """Number of the claimed block."""
    rollup_config_hash: Hash32
    """`RollupConfig.config_hash()` of the chain."""
    range_vkey_commitment: Hash32
    """Commitment to the verification key of the range program."""
    prover_address: Address | None = None
    """Who is credited; None for contracts older than op-succinct 2, which do not have it."""

    def abi_encode(self) -> bytes:
        """Return the ABI form: 192 bytes, 224 with a prover address."""
        words = [
            self.l1_head,
            self.l2_pre_root,
            self.l2_post_root,
            self.l2_block_number.to_bytes(32, "big"),
            self.rollup_config_hash,
            self.range_vkey_commitment,
        ]
        if self.prover_address is not None:
            words.append(bytes(12) + self.prover_address)
        return b"".join(words)

    @classmethod
    def abi_decode(cls, data: bytes) -> Self:
        """Parse the ABI form; InputError for another size or dirty padding."""
        if len(data) not in (_AGGREGATION_SIZE, _AGGREGATION_SIZE + 32):
            raise InputError(
                "aggregation outputs", expected="192 or 224 bytes", actual=f"{len(data)} bytes"
            )
        number = int.from_bytes(data[96:128], "big")
        if number >= 2**64:
            raise InputError("aggregation outputs: block", expected="below 2^64", actual=number)
        prover = data[_AGGREGATION_SIZE:]
        if any(prover[:12]):
            raise InputError("aggregation outputs: prover", expected="an address", actual=prover)
        return cls(
            l1_head=Hash32(data[:32]),
            l2_pre_root=Hash32(data[32:64]),
            l2_post_root=Hash32(data[64:96]),
            l2_block_number=number,
            rollup_config_hash=Hash32(data[128:160]),
            range_vkey_commitment=Hash32(data[160:192]),
            prover_address=Address(prover[12:]) if prover else None,
        )
