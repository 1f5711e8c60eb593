"""The few ASN.1 types of Intel's certificate extension, in strict DER (X.690 section 10)."""

from __future__ import annotations

from dataclasses import dataclass

from coprove.attestation.errors import EvidenceFormatError

__all__ = [
    "BOOLEAN",
    "ENUMERATED",
    "INTEGER",
    "OBJECT_IDENTIFIER",
    "OCTET_STRING",
    "SEQUENCE",
    "Element",
    "read_all",
    "read_element",
]

BOOLEAN = 0x01
INTEGER = 0x02
OCTET_STRING = 0x04
OBJECT_IDENTIFIER = 0x06
ENUMERATED = 0x0A
SEQUENCE = 0x30


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One value with its tag."""

    tag: int
    """Identifier octet."""
    content: bytes
    """Contents octets."""

    def expect(self, tag: int, what: str) -> bytes:
        """Return the contents, or say that the tag is another one."""
        if self.tag != tag:
            raise EvidenceFormatError(what, expected=f"tag {tag:#04x}", actual=f"{self.tag:#04x}")
        return self.content

    def unsigned(self, what: str, *, tag: int = INTEGER) -> int:
        """Return a non-negative INTEGER or ENUMERATED in its shortest form."""
        content = self.expect(tag, what)
        value = int.from_bytes(content, "big", signed=True)
        shortest = (value.bit_length() + 8) // 8
        if not content or value < 0 or len(content) != shortest:
            expected = "a non-negative integer in its shortest form"
            raise EvidenceFormatError(what, expected=expected, actual=f"0x{content.hex()}")
        return value

    def octets(self, what: str, size: int) -> bytes:
        """Return an OCTET STRING of exactly `size` bytes."""
        content = self.expect(OCTET_STRING, what)
        if len(content) != size:
            actual = f"{len(content)} bytes"
            raise EvidenceFormatError(what, expected=f"{size} bytes", actual=actual)
        return content

    def boolean(self, what: str) -> bool:
        """Return a BOOLEAN: 0x00 or 0xFF."""
        content = self.expect(BOOLEAN, what)
        if content not in (b"\x00", b"\xff"):
            raise EvidenceFormatError(what, expected="00 or FF", actual=content.hex())
        return content == b"\xff"


def read_element(data: bytes, at: int, what: str) -> tuple[Element, int]:
    """Return the element at an offset and the offset behind it; low tag numbers only."""
    if at + 2 > len(data):
        raise EvidenceFormatError(what, expected="a DER element", actual="the end of the data")
    tag, length = data[at], data[at + 1]
    start = at + 2
    if tag & 0x1F == 0x1F:
        raise EvidenceFormatError(what, expected="a low tag number", actual=f"{tag:#04x}")
    if length >= 0x80:
        octets = length - 0x80
        length = int.from_bytes(data[start : start + octets], "big")
        if octets not in (1, 2) or length < (0x80 if octets == 1 else 0x100):
            expected = "a length of at most two octets in its shortest form"
            raise EvidenceFormatError(what, expected=expected, actual=f"{octets} octets")
        start += octets
    end = start + length
    if end > len(data):
        actual = f"{len(data) - start} bytes"
        raise EvidenceFormatError(what, expected=f"{length} bytes of contents", actual=actual)
    return Element(tag=tag, content=data[start:end]), end


def read_all(data: bytes, what: str) -> list[Element]:
    """Return the elements that follow each other and fill `data`."""
    elements, at = [], 0
    while at < len(data):
        element, at = read_element(data, at, what)
        elements.append(element)
    return elements
