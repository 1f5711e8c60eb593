"""Block headers of L1 and L2, as consensus hashes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from coprove.primitives import keccak256
from coprove.primitives.rlp import (
    Item,
    RlpError,
    decode_int,
    decode_list,
    encode,
    encode_int,
    expect_bytes,
)
from coprove.types.hashes import Address, Hash32

__all__ = ["BlockHeader"]

_REQUIRED = 15
_ALL = 21
_BLOOM_SIZE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockHeader:
    """An Ethereum header through Prague's requests hash (EIP-7685).

    The optional fields came fork by fork: each is there only when all before it are.
    """

    parent_hash: Hash32
    """Hash of the parent's header."""
    ommers_hash: Hash32
    """Hash of the list of ommers; after the merge that of the empty list."""
    beneficiary: Address
    """Fee recipient (coinbase)."""
    state_root: Hash32
    """Root of the state trie after the block."""
    transactions_root: Hash32
    """Root of the trie of the block's transactions."""
    receipts_root: Hash32
    """Root of the trie of the block's receipts."""
    logs_bloom: bytes
    """Bloom filter over the block's logs, 256 bytes."""
    difficulty: int
    """Difficulty; 0 after the merge."""
    number: int
    """Height."""
    gas_limit: int
    """Gas that the block may use."""
    gas_used: int
    """Gas that the block used."""
    timestamp: int
    """Seconds since the epoch."""
    extra_data: bytes
    """Free bytes; on L2 the EIP-1559 parameters from Holocene on."""
    mix_hash: Hash32
    """After the merge the beacon chain's randomness (prevRandao)."""
    nonce: bytes
    """8 bytes, zero after the merge."""
    base_fee_per_gas: int | None = None
    """Base fee in wei (EIP-1559)."""
    withdrawals_root: Hash32 | None = None
    """Root of the withdrawals (EIP-4895); on L2 from Isthmus on the message passer's storage."""
    blob_gas_used: int | None = None
    """Blob gas of the block (EIP-4844); on L2 from Jovian on the DA footprint."""
    excess_blob_gas: int | None = None
    """Running excess of blob gas (EIP-4844)."""
    parent_beacon_block_root: Hash32 | None = None
    """Root of the parent beacon block (EIP-4788)."""
    requests_hash: Hash32 | None = None
    """Commitment to the execution requests (EIP-7685)."""

    @classmethod
    def decode_rlp(cls, data: bytes) -> Self:
        """Decode a header's RLP; RlpError unless it is canonical and every field fits."""
        return cls.from_items(decode_list(data, "header"))

    @classmethod
    def from_items(cls, items: list[Item]) -> Self:
        """Make a header from its decoded RLP list (15 to 21 items)."""
        if not _REQUIRED <= len(items) <= _ALL:
            expected = f"{_REQUIRED} to {_ALL} items"
            raise RlpError("header", expected=expected, actual=f"{len(items)} items")
        rest = [*items[_REQUIRED:], *[None] * (_ALL - len(items))]
        return cls(
            parent_hash=_hash(items[0], "header.parent_hash"),
            ommers_hash=_hash(items[1], "header.ommers_hash"),
            beneficiary=Address(expect_bytes(items[2], "header.beneficiary", 20)),
            state_root=_hash(items[3], "header.state_root"),
            transactions_root=_hash(items[4], "header.transactions_root"),
            receipts_root=_hash(items[5], "header.receipts_root"),
            logs_bloom=expect_bytes(items[6], "header.logs_bloom", _BLOOM_SIZE),
            difficulty=decode_int(items[7], "header.difficulty"),
            number=decode_int(items[8], "header.number", 8),
            gas_limit=decode_int(items[9], "header.gas_limit", 8),
            gas_used=decode_int(items[10], "header.gas_used", 8),
            timestamp=decode_int(items[11], "header.timestamp", 8),
            extra_data=expect_bytes(items[12], "header.extra_data"),
            mix_hash=_hash(items[13], "header.mix_hash"),
            nonce=expect_bytes(items[14], "header.nonce", 8),
            base_fee_per_gas=_optional_int(rest[0], "header.base_fee_per_gas", 32),
            withdrawals_root=_optional_hash(rest[1], "header.withdrawals_root"),
            blob_gas_used=_optional_int(rest[2], "header.blob_gas_used", 8),
            excess_blob_gas=_optional_int(rest[3], "header.excess_blob_gas", 8),
            parent_beacon_block_root=_optional_hash(rest[4], "header.parent_beacon_block_root"),
            requests_hash=_optional_hash(rest[5], "header.requests_hash"),
        )

    def encode_rlp(self) -> bytes:
        """Return the RLP; RlpError when an optional field is there without those before it."""
        items: list[bytes] = [
            self.parent_hash,
            self.ommers_hash,
            self.beneficiary,
            self.state_root,
            self.transactions_root,
            self.receipts_root,
            self.logs_bloom,
            encode_int(self.difficulty),
            encode_int(self.number),
            encode_int(self.gas_limit),
            encode_int(self.gas_used),
            encode_int(self.timestamp),
            self.extra_data,
            self.mix_hash,
            self.nonce,
        ]
        optional = (
            self.base_fee_per_gas,
            self.withdrawals_root,
            self.blob_gas_used,
            self.excess_blob_gas,
            self.parent_beacon_block_root,
            self.requests_hash,
        )
        present = [value for value in optional if value is not None]
        if any(value is None for value in optional[: len(present)]):
            raise RlpError("header", expected="optional fields without a gap", actual=optional)
        items.extend(v if isinstance(v, bytes) else encode_int(v) for v in present)
        return encode(items)

    def hash(self) -> Hash32:
        """Return keccak256 of the RLP, which identifies the block."""
        return Hash32(keccak256(self.encode_rlp()))


def _hash(item: Item, what: str) -> Hash32:
    return Hash32(expect_bytes(item, what, 32))


def _optional_hash(item: Item | None, what: str) -> Hash32 | None:
    return None if item is None else Hash32(expect_bytes(item, what, 32))


def _optional_int(item: Item | None, what: str, size: int) -> int | None:
    return None if item is None else decode_int(item, what, size)
