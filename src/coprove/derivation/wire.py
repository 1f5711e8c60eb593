"""Small codecs of the span batch format: base-128 integers and bitlists.

Source: https://specs.optimism.io/protocol/delta/span-batches.html#span-batch-format
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Reader", "encode_bits", "encode_uvarint"]

_MAX_UVARINT = 10
_U64 = 0xFFFFFFFFFFFFFFFF


class Reader:
    """Reads `data` from front to back; InputError where it ends too early."""

    __slots__ = ("data", "end", "offset")

    def __init__(self, data: bytes, offset: int = 0) -> None:
        """Start at `offset`."""
        self.data = data
        self.offset = offset
        self.end = len(data)

    def peek(self, at: int) -> int:
        """Return the byte at an absolute offset."""
        if at >= self.end:
            raise InputError("span batch", expected=f"a byte at {at}", actual="the end")
        return self.data[at]

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        stop = self.offset + size
        if stop > self.end:
            raise InputError("span batch", expected=f"{size} bytes", actual=self.end - self.offset)
        taken = self.data[self.offset : stop]
        self.offset = stop
        return taken

    def uvarint(self) -> int:
        """Read a base-128 integer, least significant group first, that fits u64.

        Longer spellings of a number are allowed, as in the reference implementation.
        """
        value = shift = 0
        for _ in range(_MAX_UVARINT):
            byte = self.peek(self.offset)
            self.offset += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value > _U64:
                    break
                return value
            shift += 7
        raise InputError("span batch", expected="a 64-bit uvarint", actual=value)

    def uvarints(self, count: int) -> tuple[int, ...]:
        """Read `count` integers."""
        block = self.data[self.offset : self.offset + count]
        if len(block) < count:
            raise InputError("span batch", expected=f"{count} uvarints", actual=len(block))
        if block.isascii():  # every byte below 0x80: each is an integer
            self.offset += count
            return tuple(block)
        return tuple([self.uvarint() for _ in range(count)])

    def bits(self, count: int) -> str:
        """Read a bitlist of `count` bits; return "0" or "1" for each, the first bit first."""
        value = int.from_bytes(self.take((count + 7) // 8), "big")
        if value >> count:
            raise InputError("span batch", expected=f"{count} bits", actual=value.bit_length())
        return bin(value | 1 << count)[:2:-1]


def encode_uvarint(value: int) -> bytes:
    """Return the shortest base-128 spelling of `value`."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_bits(bits: Sequence[bool]) -> bytes:
    """Return the bitlist: a big-endian integer whose lowest bit is the first, zero-padded."""
    text = "".join("1" if bit else "0" for bit in reversed(bits))
    return int(text or "0", 2).to_bytes((len(bits) + 7) // 8, "big")
