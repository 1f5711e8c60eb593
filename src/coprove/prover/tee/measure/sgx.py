"""MRENCLAVE as the processor computes it while an enclave is built (Intel SDM 3D, 40.1 and 42)."""

from __future__ import annotations

import hashlib
from enum import IntEnum
from struct import pack
from typing import Final

from coprove.errors import InputError
from coprove.types import Hash32

__all__ = ["CHUNK_SIZE", "PAGE_SIZE", "EnclaveMeasurement", "PageType", "page_flags"]

PAGE_SIZE: Final = 4096
"""Bytes of an enclave page."""
CHUNK_SIZE: Final = 256
"""Bytes that one EEXTEND measures."""
_ECREATE: Final = b"ECREATE\x00"
_EADD: Final = b"EADD\x00\x00\x00\x00"
_EEXTEND: Final = b"EEXTEND\x00"
_RWX: Final = 0b111
_BATCH: Final = 4096


class PageType(IntEnum):
    """SECINFO.FLAGS.PAGE_TYPE of pages that are added."""

    TCS = 1
    """A thread's control structure; it has no access rights."""
    REGULAR = 2
    """Code or data."""


def page_flags(
    kind: PageType, *, read: bool = False, write: bool = False, execute: bool = False
) -> int:
    """Return SECINFO.FLAGS: the rights in bits 0 to 2, the type from bit 8."""
    return kind << 8 | read | write << 1 | execute << 2


class EnclaveMeasurement:
    """One SHA-256 over records of 64 bytes and the contents of measured pages, in build order."""

    def __init__(self, *, size: int, ssa_frame_pages: int) -> None:
        """Begin as ECREATE does: `size` of the enclave in bytes, pages of one SSA frame.

        InputError for a size that is no power of two of at least two pages.
        """
        if size < 2 * PAGE_SIZE or size & (size - 1):
            raise InputError("enclave size", expected="a power of two from 8192 on", actual=size)
        if ssa_frame_pages < 1:
            raise InputError("SSA frame", expected="at least a page", actual=ssa_frame_pages)
        self._size = size
        self._sha256 = hashlib.sha256(pack("<8sIQ44x", _ECREATE, ssa_frame_pages, size))

    def add_page(self, offset: int, flags: int, content: bytes | None) -> None:
        """Add a page as EADD does, and measure all of it as 16 times EEXTEND does.

        `content` None leaves the content unmeasured. InputError for a page that is no page, lies
        outside or has other flags than a page may have.
        """
        if content is not None and len(content) != PAGE_SIZE:
            raise InputError("page", expected="4096 bytes", actual=f"{len(content)} bytes")
        if content is None:
            self.add_pages(offset, 1, flags)
        else:
            self._add(offset, flags, content)

    def add_pages(self, offset: int, count: int, flags: int) -> None:
        """Add so many unmeasured pages, one after the other."""
        self._check(offset, count, flags)
        for start in range(0, count, _BATCH):
            indices = range(start, min(start + _BATCH, count))
            offsets = (offset + index * PAGE_SIZE for index in indices)
            self._sha256.update(b"".join(pack("<8sQQ40x", _EADD, at, flags) for at in offsets))

    def value(self) -> Hash32:
        """Return MRENCLAVE as EINIT would have it now."""
        return Hash32(self._sha256.digest())

    def _add(self, offset: int, flags: int, content: bytes) -> None:
        self._check(offset, 1, flags)
        parts = [pack("<8sQQ40x", _EADD, offset, flags)]
        for at in range(0, PAGE_SIZE, CHUNK_SIZE):
            parts += (pack("<8sQ48x", _EEXTEND, offset + at), content[at : at + CHUNK_SIZE])
        self._sha256.update(b"".join(parts))

    def _check(self, offset: int, count: int, flags: int) -> None:
        if offset % PAGE_SIZE or offset < 0 or offset + count * PAGE_SIZE > self._size:
            expected = f"whole pages below {self._size}"
            raise InputError("page offset", expected=expected, actual=offset)
        kind, rights = flags >> 8, flags & 0xFF
        if kind == PageType.TCS and rights:
            raise InputError("TCS page", expected="no rights", actual=rights)
        if kind not in (PageType.TCS, PageType.REGULAR) or rights & ~_RWX:
            raise InputError("SECINFO flags", expected="a TCS or regular page", actual=hex(flags))
