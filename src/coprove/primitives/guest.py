"""Inputs of op-succinct's guests in the archives that they read: rkyv and CBOR, by the kernel.

Sources: op-succinct, utils/client/src/witness and programs/aggregation; kona-preimage's keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove import _native
from coprove.primitives.hashing import input_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "KECCAK_KEY",
    "LOCAL_KEY",
    "GuestBlob",
    "RangeWitness",
    "decode_range_witness",
    "encode_range_witness",
    "headers_from_cbor",
    "headers_to_cbor",
]

LOCAL_KEY = 1
"""First byte of a preimage key that is a number of boot data."""
KECCAK_KEY = 2
"""First byte of a preimage key that is the rest of a Keccak-256 hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestBlob:
    """A blob with what the guest checks it by."""

    data: bytes
    """131,072 bytes."""
    commitment: bytes
    """KZG commitment, 48 bytes."""
    proof: bytes
    """KZG blob proof, 48 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeWitness:
    """What the range guest reads."""

    preimages: Mapping[bytes, bytes]
    """Values by 32-byte key: a type byte, then 31 bytes of a hash or a number."""
    blobs: tuple[GuestBlob, ...]
    """Blobs in the order in which derivation reads them."""


def encode_range_witness(
    local: Mapping[int, bytes], hashed: Sequence[bytes], blobs: Sequence[GuestBlob]
) -> bytes:
    """Return the rkyv archive of boot data by number, values under their Keccak-256, and blobs.

    Equal arguments give equal bytes. InputError for a blob or commitment of a wrong size.
    """
    try:
        return _native.encode_range_witness(
            sorted(local.items()),
            hashed,
            [(blob.data, blob.commitment, blob.proof) for blob in blobs],
        )
    except _native.NativeError as error:
        raise input_error(error) from None


def decode_range_witness(archive: bytes) -> RangeWitness:
    """Read an archive; InputError when it is damaged. Keys are not compared with values."""
    try:
        preimages, blobs = _native.decode_range_witness(archive)
    except _native.NativeError as error:
        raise input_error(error) from None
    return RangeWitness(
        preimages=dict(preimages),
        blobs=tuple(
            GuestBlob(data=data, commitment=commitment, proof=proof)
            for data, commitment, proof in blobs
        ),
    )


def headers_to_cbor(headers: Sequence[bytes]) -> bytes:
    """Return header RLPs in the CBOR of the aggregation guest; InputError for what is none."""
    try:
        return _native.headers_to_cbor(headers)
    except _native.NativeError as error:
        raise input_error(error) from None


def headers_from_cbor(cbor: bytes) -> list[bytes]:
    """Return the RLP of headers in that CBOR; InputError for anything else."""
    try:
        return _native.headers_from_cbor(cbor)
    except _native.NativeError as error:
        raise input_error(error) from None
