"""Commitments to batch data that lies elsewhere (OP alt-DA: specs, experimental/alt-da.md).

A batcher transaction begins with version 1 then, and a commitment follows: its type, and either the
keccak256 of the input or bytes that only the DA layer understands. The input itself is what would
stand in the transaction otherwise, its own version 0 included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from coprove.da.errors import CommitmentError
from coprove.primitives import keccak256
from coprove.rpc.errors import WrongDataError

__all__ = [
    "MAX_INPUT_SIZE",
    "Commitment",
    "GenericCommitment",
    "KeccakCommitment",
    "commitment_of",
    "read_commitment",
]

MAX_INPUT_SIZE = 130_672
"""Longest input under a keccak commitment, in bytes: the challenge contract takes no longer one."""

_COMMITMENT_VERSION = 1
_KECCAK = 0
_GENERIC = 1
_LONGEST = 1 << 17


class Commitment(Protocol):
    """Names an input."""

    def encode(self) -> bytes:
        """Return the bytes that DA servers know it by, its type first."""

    def check(self, data: bytes, where: str) -> None:
        """Raise WrongDataError when it can be told that `data` is another input."""


@dataclass(frozen=True, slots=True)
class KeccakCommitment:
    """The hash of the input: it proves itself."""

    hash: bytes
    """keccak256 of the input, 32 bytes."""

    def encode(self) -> bytes:
        """See Commitment."""
        return bytes([_KECCAK]) + self.hash

    def check(self, data: bytes, where: str) -> None:
        """See Commitment."""
        found = keccak256(data)
        if found != self.hash:
            raise WrongDataError(
                f"input from {where}",
                expected=f"hash 0x{self.hash.hex()}",
                actual=f"hash 0x{found.hex()}",
            )


@dataclass(frozen=True, slots=True)
class GenericCommitment:
    """Bytes of a DA layer: only its server can tell whether an input belongs to them."""

    layer: int
    """The DA layer: 0 for EigenDA, 255 for the test server of op-alt-da."""
    payload: bytes
    """What the layer commits with; a certificate for EigenDA."""

    def encode(self) -> bytes:
        """See Commitment."""
        return bytes([_GENERIC, self.layer]) + self.payload

    def check(self, data: bytes, where: str) -> None:
        """See Commitment; nothing can be told here."""


def commitment_of(data: bytes) -> Commitment | None:
    """Return the commitment in a batcher transaction's data; None when it holds the input itself.

    Raises CommitmentError for version 1 without a commitment.
    """
    if data[:1] != bytes([_COMMITMENT_VERSION]):
        return None
    return read_commitment(data[1:])


def read_commitment(encoded: bytes) -> Commitment:
    """Return the commitment of these bytes; CommitmentError when they are none."""
    kind, rest = encoded[:1], encoded[1:]
    if kind == bytes([_KECCAK]):
        if len(rest) != 32:
            raise CommitmentError("keccak commitment", expected="32 bytes", actual=len(rest))
        return KeccakCommitment(rest)
    if kind == bytes([_GENERIC]):
        if not 1 <= len(rest) <= _LONGEST:
            raise CommitmentError(
                "generic commitment", expected=f"1 to {_LONGEST} bytes", actual=len(rest)
            )
        return GenericCommitment(rest[0], rest[1:])
    raise CommitmentError("commitment", expected="type 0 or 1", actual=encoded[:8].hex())
