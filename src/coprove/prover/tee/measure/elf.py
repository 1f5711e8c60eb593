"""The loadable segments of a 64-bit ELF file (System V ABI, chapter 5)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from coprove.errors import InputError

__all__ = ["ElfImage", "Segment", "parse_elf"]

_IDENTITY: Final = b"\x7fELF\x02\x01\x01"
_HEADER: Final = struct.Struct("<16xHHIQQQIHHH6x")
_PROGRAM_HEADER: Final = struct.Struct("<IIQQQQQQ")
_LOAD: Final = 1
_DYNAMIC: Final = 3
_X86_64: Final = 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A PT_LOAD segment."""

    offset: int
    """Where it lies in the file."""
    address: int
    """Where it is to lie in memory, relative to the image."""
    data: bytes
    """Its bytes in the file."""
    size: int
    """Bytes in memory; what the file has not is zero."""
    read: bool
    """Right to read."""
    write: bool
    """Right to write."""
    execute: bool
    """Right to execute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfImage:
    """A shared object for x86-64 that may be loaded anywhere."""

    entry: int
    """Address of its entry point, relative to the image."""
    segments: tuple[Segment, ...]
    """PT_LOAD segments in their order."""


def parse_elf(data: bytes) -> ElfImage:
    """Read an ELF file; InputError for anything but a shared object for x86-64."""
    if data[:7] != _IDENTITY or len(data) < _HEADER.size:
        raise InputError("ELF", expected="a 64-bit little-endian file", actual=data[:7].hex())
    kind, machine, _, entry, table, _, _, _, entry_size, count = _HEADER.unpack_from(data)
    if kind != _DYNAMIC or machine != _X86_64:
        actual = f"type {kind}, machine {machine}"
        raise InputError("ELF", expected="a shared object for x86-64", actual=actual)
    if entry_size != _PROGRAM_HEADER.size or table + count * entry_size > len(data):
        raise InputError("ELF program headers", expected="inside the file", actual=table)
    segments = []
    for index in range(count):
        fields = _PROGRAM_HEADER.unpack_from(data, table + index * entry_size)
        program_type, flags, offset, address, _, file_size, size, _ = fields
        if program_type != _LOAD:
            continue
        if offset + file_size > len(data) or file_size > size:
            raise InputError("ELF segment", expected="inside the file", actual=hex(offset))
        segments.append(
            Segment(
                offset=offset,
                address=address,
                data=data[offset : offset + file_size],
                size=size,
                read=bool(flags & 4),
                write=bool(flags & 2),
                execute=bool(flags & 1),
            )
        )
    if not segments:
        raise InputError("ELF", expected="a loadable segment", actual="none")
    return ElfImage(entry=entry, segments=tuple(segments))
