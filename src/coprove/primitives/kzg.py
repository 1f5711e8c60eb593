"""KZG verification of EIP-4844 blobs, by c-kzg over the ceremony's trusted setup."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import ckzg

from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BLOB_BYTES", "KzgError", "blob_commitment", "verify_blobs", "versioned_hash"]

BLOB_BYTES = 131_072
"""Bytes of a blob: 4,096 field elements of 32 bytes (EIP-4844)."""

_VERSIONED_HASH_VERSION_KZG = b"\x01"


class KzgError(InputError):
    """A blob, commitment or proof is malformed or does not verify."""


_SETUP_LOCK = threading.Lock()


def _setup() -> object:
    # Loading takes seconds: threads that ask at the same time must not all do it.
    with _SETUP_LOCK:
        return _load_setup()


@functools.cache
def _load_setup() -> object:
    # eth-account ships the mainnet ceremony's setup as package data. It is found without importing
    # the package, whose import raises the interpreter's recursion limit.
    found = importlib.util.find_spec("eth_account")
    if found is None or found.origin is None:
        raise KzgError("trusted setup", expected="the package eth-account", actual="none")
    folder = Path(found.origin).parent / "typed_transactions" / "blob_transactions"
    return ckzg.load_trusted_setup(str(folder / "kzg_trusted_setup.txt"), 0)


def versioned_hash(commitment: bytes) -> bytes:
    """Return the 32-byte versioned hash of a 48-byte KZG commitment (EIP-4844)."""
    if len(commitment) != 48:
        raise KzgError("KZG commitment", expected="48 bytes", actual=f"{len(commitment)} bytes")
    return _VERSIONED_HASH_VERSION_KZG + hashlib.sha256(commitment).digest()[1:]


def blob_commitment(blob: bytes) -> tuple[bytes, bytes]:
    """Return the commitment of a 131,072-byte blob and the blob proof that belongs to it.

    Raises KzgError when a field element is not canonical or the length is wrong.
    """
    try:
        commitment = ckzg.blob_to_kzg_commitment(blob, _setup())
        return commitment, ckzg.compute_blob_kzg_proof(blob, commitment, _setup())
    except (RuntimeError, ValueError) as error:
        raise KzgError("blob", expected="canonical field elements", actual=error) from error


def verify_blobs(
    blobs: Sequence[bytes], commitments: Sequence[bytes], proofs: Sequence[bytes]
) -> None:
    """Check that each blob opens to its commitment, all in one batch.

    Raises KzgError when lengths are wrong, a point is not in the group or the batch fails.
    """
    if not len(blobs) == len(commitments) == len(proofs):
        raise KzgError(
            "blobs",
            expected="as many commitments and proofs as blobs",
            actual=f"{len(blobs)} blobs, {len(commitments)} commitments, {len(proofs)} proofs",
        )
    for what, values, size in (
        ("blob", blobs, BLOB_BYTES),
        ("KZG commitment", commitments, 48),
        ("KZG proof", proofs, 48),
    ):
        for index, value in enumerate(values):
            if len(value) != size:
                raise KzgError(f"{what} {index}", expected=f"{size} bytes", actual=len(value))
    if not blobs:
        return
    try:
        valid = ckzg.verify_blob_kzg_proof_batch(
            b"".join(blobs), b"".join(commitments), b"".join(proofs), _setup()
        )
    except (RuntimeError, ValueError) as error:
        raise KzgError("blob proofs", expected="well-formed points", actual=error) from error
    if not valid:
        raise KzgError("blob proofs", expected="proofs that verify", actual="a failing batch")
