"""Small codecs of the batch formats: base-128 integers, bitlists, and where RLP items lie.

Source: https://specs.optimism.io/protocol/delta/span-batches.html#span-batch-format
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Reader", "encode_bits", "encode_uvarint", "item_bounds", "list_items"]

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


def item_bounds(data: bytes, pos: int, limit: int) -> tuple[int, int]:
    """Return where the payload of the RLP item at `pos` starts and ends; both within `limit`."""
    if pos >= limit:
        raise InputError("tx_data", expected="an RLP item", actual="the end")
    first = data[pos]
    if first < 0x80:
        return pos, pos + 1
    if first < 0xB8:
        start, end = pos + 1, pos + first - 0x7F
        if first == 0x81 and start < limit and data[start] < 0x80:
            raise InputError("tx_data", expected="no prefix below 0x80", actual=data[start])
    elif 0xC0 <= first < 0xF8:
        start, end = pos + 1, pos + first - 0xBF
    else:
        width = first - (0xB7 if first < 0xC0 else 0xF7)
        start = pos + 1 + width
        length = data[pos + 1 : min(start, limit)]
        if len(length) != width or length[0] == 0:
            raise InputError("tx_data", expected="a canonical length", actual=length.hex())
        size = int.from_bytes(length, "big")
        if size < 56:
            raise InputError("tx_data", expected="a canonical length", actual=size)
        end = start + size
    if end > limit:
        raise InputError("tx_data", expected=f"{end - start} bytes", actual=limit - start)
    return start, end


def list_items(
    data: bytes, pos: int, count: int | None = None, what: str = "tx_data"
) -> list[tuple[int, int]]:
    """Return where each item of the RLP list at `pos` starts and ends, its prefix included.

    Only the list's own items are looked at, not what is in them. Raises InputError when the item is
    no list, or has not `count` items where that is given; no more than `count` are then kept.
    """
    at, end = item_bounds(data, pos, len(data))
    if data[pos] < 0xC0:
        raise InputError(what, expected="an RLP list", actual="a byte string")
    items: list[tuple[int, int]] = []
    while at < end:
        _, after = item_bounds(data, at, end)
        if len(items) == count:
            raise InputError(what, expected=f"{count} items", actual="more")
        items.append((at, after))
        at = after
    if count is not None and len(items) != count:
        raise InputError(what, expected=f"{count} items", actual=len(items))
    return items
