"""Length-prefixed bytes: the one encoding that program inputs are made of.

A part is `u64 little-endian length, bytes`; a list packs its items as `u32 little-endian length,
bytes` one after the other, which is also what the kernel's NodeStore loads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.program.errors import ProgramInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PartReader", "pack_list", "pack_part", "unpack_list"]


def pack_part(data: bytes) -> bytes:
    """Return `data` behind its length as u64 little-endian."""
    return len(data).to_bytes(8, "little") + data


def pack_list(items: Iterable[bytes]) -> bytes:
    """Return the items, each behind its length as u32 little-endian."""
    return b"".join(part for item in items for part in (len(item).to_bytes(4, "little"), item))


def unpack_list(data: bytes, what: str) -> tuple[bytes, ...]:
    """Return the items of a packed list; raise ProgramInputError when it is cut or overlong."""
    items: list[bytes] = []
    offset, end = 0, len(data)
    while offset < end:
        start = offset + 4
        size = int.from_bytes(data[offset:start], "little")
        offset = start + size
        if start > end or offset > end:
            raise ProgramInputError(
                f"{what}[{len(items)}]", expected=f"{size} bytes", actual=f"{end - start} left"
            )
        items.append(data[start:offset])
    return tuple(items)


class PartReader:
    """Reads the parts of an input in order; every failure names the part."""

    def __init__(self, data: bytes, *, schema: bytes) -> None:
        """Check that `data` begins with the schema id; raise ProgramInputError when not."""
        if data[: len(schema)] != schema:
            raise ProgramInputError(
                "schema id", expected=repr(schema), actual=repr(bytes(data[: len(schema)]))
            )
        self._data = data
        self._offset = len(schema)

    def part(self, what: str, *, size: int | None = None) -> bytes:
        """Return the next part; with `size` it must have just that many bytes."""
        start = self._offset + 8
        length = int.from_bytes(self._data[self._offset : start], "little")
        left = len(self._data) - start
        if left < 0 or length > left:
            raise ProgramInputError(what, expected=f"{length} bytes", actual=f"{left} bytes left")
        if size is not None and length != size:
            raise ProgramInputError(what, expected=f"{size} bytes", actual=f"{length} bytes")
        self._offset = start + length
        return self._data[start : self._offset]

    def number(self, what: str) -> int:
        """Return the next part as a u64, little-endian."""
        return int.from_bytes(self.part(what, size=8), "little")

    def items(self, what: str) -> tuple[bytes, ...]:
        """Return the next part as a packed list."""
        return unpack_list(self.part(what), what)

    def finish(self) -> None:
        """Check that nothing is left; raise ProgramInputError when something is."""
        if left := len(self._data) - self._offset:
            raise ProgramInputError("end of input", expected="0 bytes left", actual=left)
