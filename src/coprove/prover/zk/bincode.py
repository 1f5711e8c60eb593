"""bincode 1's fixed-size little-endian encoding, as far as SP1's types need it.

Integers have their full width, a sequence or string has its length before it as u64, a fixed array
and a tuple have none, an enum's variant is a u32, an option one byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.prover.errors import ProofFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Reader", "pack_bytes", "pack_string", "pack_u32", "pack_u64", "pack_vectors"]


def pack_u32(value: int) -> bytes:
    """Return a u32, or the number of an enum's variant."""
    return value.to_bytes(4, "little")


def pack_u64(value: int) -> bytes:
    """Return a u64, or the length of a sequence."""
    return value.to_bytes(8, "little")


def pack_bytes(value: bytes) -> bytes:
    """Return a `Vec<u8>`."""
    return pack_u64(len(value)) + value


def pack_string(value: str) -> bytes:
    """Return a `String`."""
    return pack_bytes(value.encode())


def pack_vectors(values: Iterable[bytes]) -> bytes:
    """Return a `Vec<Vec<u8>>`."""
    items = [pack_bytes(value) for value in values]
    return pack_u64(len(items)) + b"".join(items)


class Reader:
    """Reads values in order; every failure is a ProofFormatError that names the value."""

    def __init__(self, data: bytes) -> None:
        """Start at the first byte."""
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Number of bytes not read yet."""
        return len(self._data) - self._at

    def take(self, size: int, what: str) -> bytes:
        """Return the next `size` bytes."""
        if size > self.left:
            raise ProofFormatError(what, expected=f"{size} bytes", actual=f"{self.left} left")
        self._at += size
        return self._data[self._at - size : self._at]

    def u32(self, what: str) -> int:
        """Return a u32."""
        return int.from_bytes(self.take(4, what), "little")

    def u64(self, what: str) -> int:
        """Return a u64."""
        return int.from_bytes(self.take(8, what), "little")

    def vector(self, what: str) -> bytes:
        """Return a `Vec<u8>`."""
        return self.take(self.u64(what), what)

    def string(self, what: str) -> str:
        """Return a `String`."""
        raw = self.vector(what)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise ProofFormatError(what, expected="UTF-8", actual=raw[:16].hex()) from None

    def vectors(self, what: str) -> tuple[bytes, ...]:
        """Return a `Vec<Vec<u8>>`."""
        count = self.u64(what)
        if count > self.left // 8:
            raise ProofFormatError(what, expected=f"{count} items", actual=f"{self.left} bytes")
        return tuple(self.vector(f"{what}[{index}]") for index in range(count))

    def finish(self, what: str) -> None:
        """Check that nothing is left."""
        if self.left:
            raise ProofFormatError(f"end of {what}", expected="0 bytes left", actual=self.left)
