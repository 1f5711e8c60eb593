"""Recursive length prefix: a strict canonical decoder and its encoder.

The decoder takes one spelling for each value only: the shortest length prefix, no prefix for a
single byte below 0x80, no leading zeros in lengths, and not one byte left over. It allocates only
what the input holds, and nesting is bounded. Source: Yellow Paper, appendix B.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MAX_DEPTH",
    "Encodable",
    "Item",
    "RlpError",
    "decode",
    "decode_int",
    "decode_list",
    "decode_prefix",
    "encode",
    "encode_int",
    "expect_bytes",
    "expect_list",
]

Item: TypeAlias = "bytes | list[Item]"
"""A decoded item: a byte string, or a list of items."""

Encodable: TypeAlias = "bytes | Sequence[Encodable]"
"""What `encode` takes: a byte string, or a sequence of such."""

MAX_DEPTH = 16
"""Lists may nest this deep; transactions, receipts and headers need no more than five."""

_SINGLE = tuple(bytes((value,)) for value in range(256))


class RlpError(InputError):
    """The bytes are no canonical RLP, or an item has another shape than its field."""


def decode(data: bytes) -> Item:
    """Return the one item that `data` encodes; RlpError unless the whole input is that item."""
    item, end = _decode(data, 0, len(data), 0)
    if end != len(data):
        raise RlpError("RLP", expected="nothing after the item", actual=f"{len(data) - end} bytes")
    return item


def decode_list(data: bytes, what: str = "RLP", length: int | None = None) -> list[Item]:
    """Decode `data`, which must be a list (of `length` items, where given)."""
    return expect_list(decode(data), what, length)


def decode_prefix(data: bytes, offset: int = 0) -> tuple[Item, int]:
    """Return the item that starts at `offset`, and the offset just behind it."""
    if not 0 <= offset <= len(data):
        raise RlpError("RLP offset", expected=f"0 to {len(data)}", actual=offset)
    return _decode(data, offset, len(data), 0)


def encode(item: Encodable) -> bytes:
    """Return the canonical encoding of a byte string or of a (nested) sequence of them."""
    if isinstance(item, bytes):
        size = len(item)
        if size == 1 and item[0] < 0x80:
            return bytes(item)
        return (_SINGLE[0x80 + size] if size < 56 else _long_prefix(size, 0xB7)) + item
    payload = b"".join([encode(part) for part in item])
    size = len(payload)
    return (_SINGLE[0xC0 + size] if size < 56 else _long_prefix(size, 0xF7)) + payload


def encode_int(value: int) -> bytes:
    """Return the big-endian bytes of `value` without leading zeros (zero is the empty string).

    This is the byte string to put into an item, not its RLP encoding.
    """
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def decode_int(item: Item, what: str = "integer", size: int = 32) -> int:
    """Return the unsigned integer of at most `size` bytes that a decoded item holds."""
    if not isinstance(item, bytes):
        raise RlpError(what, expected="a byte string", actual="a list")
    if len(item) > size:
        raise RlpError(what, expected=f"at most {size} bytes", actual=f"{len(item)} bytes")
    if item and item[0] == 0:
        raise RlpError(what, expected="no leading zeros", actual=item.hex())
    return int.from_bytes(item, "big")


def expect_bytes(item: Item, what: str, size: int | None = None) -> bytes:
    """Return `item` if it is a byte string (of `size` bytes, where given)."""
    if not isinstance(item, bytes):
        raise RlpError(what, expected="a byte string", actual="a list")
    if size is not None and len(item) != size:
        raise RlpError(what, expected=f"{size} bytes", actual=f"{len(item)} bytes")
    return item


def expect_list(item: Item, what: str, length: int | None = None) -> list[Item]:
    """Return `item` if it is a list (of `length` items, where given)."""
    if isinstance(item, bytes):
        raise RlpError(what, expected="a list", actual="a byte string")
    if length is not None and len(item) != length:
        raise RlpError(what, expected=f"{length} items", actual=f"{len(item)} items")
    return item


def _long_prefix(size: int, base: int) -> bytes:
    length = (size.bit_length() + 7) // 8
    return _SINGLE[base + length] + size.to_bytes(length, "big")


def _long_length(data: bytes, start: int, width: int, limit: int) -> tuple[int, int]:
    """Read a length of `width` bytes at `start`; return (start of payload, its end)."""
    begin = start + width
    if begin > limit:
        raise RlpError("RLP length", expected=f"{width} bytes", actual=f"{limit - start} bytes")
    size = int.from_bytes(data[start:begin], "big")
    if size < 56 or data[start] == 0:
        raise RlpError("RLP length", expected="the shortest form", actual=data[start:begin].hex())
    return begin, begin + size


def _decode(data: bytes, pos: int, limit: int, depth: int) -> tuple[Item, int]:
    """Decode the item at `pos`, which must end at or before `limit`."""
    if pos >= limit:
        raise RlpError("RLP", expected="an item", actual="the end of the data")
    first = data[pos]
    if first < 0x80:
        return _SINGLE[first], pos + 1
    if first < 0xC0:
        if first <= 0xB7:
            begin, end = pos + 1, pos + first - 0x7F
        else:
            begin, end = _long_length(data, pos + 1, first - 0xB7, limit)
        if end > limit:
            raise RlpError("RLP string", expected=f"{end - begin} bytes", actual=limit - begin)
        if first == 0x81 and data[begin] < 0x80:
            raise RlpError("RLP byte", expected="no prefix below 0x80", actual=data[begin])
        return data[begin:end], end
    if first <= 0xF7:
        begin, end = pos + 1, pos + first - 0xBF
    else:
        begin, end = _long_length(data, pos + 1, first - 0xF7, limit)
    if end > limit:
        raise RlpError("RLP list", expected=f"{end - begin} bytes", actual=limit - begin)
    if depth >= MAX_DEPTH:
        raise RlpError("RLP", expected=f"at most {MAX_DEPTH} nested lists", actual="more")
    return _decode_items(data, begin, end, depth + 1), end


def _decode_items(data: bytes, pos: int, end: int, depth: int) -> list[Item]:
    """Decode the items that fill data[pos:end]; short strings are read in place for speed."""
    items: list[Item] = []
    append = items.append
    while pos < end:
        first = data[pos]
        if first < 0x80:
            append(_SINGLE[first])
            pos += 1
        elif first < 0xB8 and first != 0x81:
            stop = pos + first - 0x7F
            if stop > end:
                raise RlpError("RLP string", expected=f"{first - 0x80} bytes", actual=end - pos - 1)
            append(data[pos + 1 : stop])
            pos = stop
        else:
            item, pos = _decode(data, pos, end, depth)
            append(item)
    return items
