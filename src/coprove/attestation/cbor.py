"""CBOR as signed evidence may have it: nothing twice, nothing left over, nothing unbounded.

`cbor2` reads what this has walked over. Maps have no key twice and only integers and text as keys,
floats and unknown tags do not occur, lengths are definite and in their shortest form. What known
producers do against that (RFC 9783 lets devices use longer forms, AWS writes a map of indefinite
length) a caller must allow by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import cbor2

from coprove.attestation.errors import EvidenceFormatError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["MAX_CBOR_SIZE", "decode", "encode", "member"]

MAX_CBOR_SIZE: Final = 1 << 17
"""Most bytes that are read."""
_MAX_DEPTH = 8
_MAX_ITEMS = 4096
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_FALSE, _NULL = 20, 22
_BREAK = 0xFF
_INDEFINITE = 31
_Kind = TypeVar("_Kind")


def decode(
    data: bytes,
    what: str,
    *,
    tags: Collection[int] = (),
    indefinite_maps: bool = False,
    long_forms: bool = False,
) -> Any:
    """Return the value that `data` encodes; EvidenceFormatError says what is wrong with it.

    `tags` are those that may occur; they come as `cbor2.CBORTag`. `long_forms` allows integers and
    lengths in more bytes than they need.
    """
    if len(data) > MAX_CBOR_SIZE:
        raise EvidenceFormatError(what, expected=f"at most {MAX_CBOR_SIZE} bytes", actual=len(data))
    walk = _Walk(data, what, frozenset(tags))
    walk.indefinite_maps, walk.long_forms = indefinite_maps, long_forms
    walk.item(0)
    if walk.at != len(data):
        raise EvidenceFormatError(
            what, expected=f"{walk.at} bytes of CBOR", actual=f"{len(data)} bytes"
        )
    try:
        return cbor2.loads(data)
    except (cbor2.CBORDecodeError, ValueError) as error:
        raise EvidenceFormatError(what, expected="CBOR", actual=error) from error


def encode(value: object) -> bytes:
    """Return the shortest encoding of a value, map members in their order."""
    return cbor2.dumps(value)


def member(
    members: Mapping[Any, Any],
    key: int | str,
    kind: type[_Kind],
    what: str,
    *,
    sizes: Collection[int] | None = None,
) -> _Kind:
    """Return a map's member of a type, perhaps of one of some sizes; EvidenceFormatError if not."""
    value = members.get(key)
    # In Python a truth value is an integer, in CBOR it is none.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        actual = "nothing" if key not in members else type(value).__name__
        raise EvidenceFormatError(what, expected=kind.__name__, actual=actual)
    if sizes is not None and len(value) not in sizes:  # type: ignore[arg-type]
        expected = _sizes(sizes)
        raise EvidenceFormatError(what, expected=expected, actual=f"{len(value)}")  # type: ignore[arg-type]
    return value


def _sizes(sizes: Collection[int]) -> str:
    if isinstance(sizes, range):
        return f"a length of {sizes.start} to {sizes.stop - 1}"
    return "a length of " + " or ".join(str(size) for size in sizes)


class _Walk:
    """Goes over encoded items once, from front to back."""

    __slots__ = ("at", "data", "indefinite_maps", "items", "long_forms", "tags", "what")

    def __init__(self, data: bytes, what: str, tags: frozenset[int]) -> None:
        self.data, self.what, self.tags = data, what, tags
        self.indefinite_maps = self.long_forms = False
        self.at, self.items = 0, 0

    def refuse(self, expected: str, actual: object) -> EvidenceFormatError:
        return EvidenceFormatError(f"{self.what}, byte {self.at}", expected=expected, actual=actual)

    def item(self, depth: int) -> None:
        """Pass one item with all that it holds."""
        self.count(depth)
        start = self.at
        major, value = self.head()
        if major == _MAP:
            self.members(value, depth)
        elif value is None:
            raise self.refuse("a definite length", "an indefinite one")
        elif major in (_BYTES, _TEXT):
            self.skip(value)
        elif major == _ARRAY:
            self.limit(value)
            for _ in range(value):
                self.item(depth + 1)
        elif major == _TAG:
            if value not in self.tags:
                self.at = start
                raise self.refuse("no such tag", f"tag {value}")
            self.item(depth + 1)
        elif major == _SIMPLE and not _FALSE <= value <= _NULL:
            self.at = start
            raise self.refuse("false, true or null", f"simple value {value}")

    def members(self, count: int | None, depth: int) -> None:
        seen: set[tuple[int, int | bytes]] = set()
        if count is not None:
            self.limit(count)
        while len(seen) != count:
            if count is None and self.data[self.at : self.at + 1] == bytes([_BREAK]):
                self.at += 1
                return
            start = self.at
            key = self.key(depth + 1)
            if key in seen:
                self.at = start
                raise self.refuse("each key once", f"{key[1]!r} again")
            seen.add(key)
            self.item(depth + 1)

    def key(self, depth: int) -> tuple[int, int | bytes]:
        """Pass a key of a map and return what makes it one."""
        self.count(depth)
        start = self.at
        major, value = self.head()
        if value is None or major not in (_UNSIGNED, _NEGATIVE, _TEXT):
            self.at = start
            raise self.refuse("an integer or text as key", f"major type {major}")
        if major != _TEXT:
            return major, value
        self.skip(value)
        return major, self.data[self.at - value : self.at]

    def count(self, depth: int) -> None:
        self.items += 1
        if depth > _MAX_DEPTH or self.items > _MAX_ITEMS:
            raise self.refuse(f"depth {_MAX_DEPTH} and {_MAX_ITEMS} items at most", "more")

    def head(self) -> tuple[int, int | None]:
        """Pass an item's head: its major type and argument, None for an indefinite map."""
        start = self.at
        self.skip(1)
        major, value = self.data[start] >> 5, self.data[start] & 0x1F
        if value < 24:
            return major, value
        if value == _INDEFINITE and major == _MAP and self.indefinite_maps:
            return major, None
        if value > 27 or major == _SIMPLE:
            self.at = start
            raise self.refuse("a definite item, no float", f"0x{self.data[start]:02x}")
        size = 1 << (value - 24)
        self.skip(size)
        value = int.from_bytes(self.data[self.at - size : self.at], "big")
        if not self.long_forms and value < (24 if size == 1 else 1 << 4 * size):
            self.at = start
            raise self.refuse("the shortest form", f"{value} in {size} bytes")
        return major, value

    def limit(self, count: int) -> None:
        if count > len(self.data) - self.at:
            raise self.refuse(f"{count} members", f"{len(self.data) - self.at} bytes")

    def skip(self, size: int) -> None:
        if size > len(self.data) - self.at:
            raise self.refuse(f"{size} bytes", f"{len(self.data) - self.at} bytes")
        self.at += size
