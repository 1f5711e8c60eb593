"""A reader of DER, as strict as the encoding is: one way to write each value, no byte left over.

Only what X.509 certificates and revocation lists need, and independent of what a library tolerates:
AMD's VCEK certificates have serial number 0, which libraries begin to refuse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from coprove.attestation.errors import EvidenceFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Tag", "Value", "read_all", "read_one"]

_MAX_LENGTH_BYTES = 3
_MAX_OID_LENGTH = 64
_ARC = re.compile(rb"(?:[\x81-\xff][\x80-\xff]*)?[\x00-\x7f]")


class Tag:
    """Identifier octets that X.509 uses."""

    BOOLEAN = 0x01
    INTEGER = 0x02
    BIT_STRING = 0x03
    OCTET_STRING = 0x04
    NULL = 0x05
    OBJECT_IDENTIFIER = 0x06
    UTF8_STRING = 0x0C
    PRINTABLE_STRING = 0x13
    IA5_STRING = 0x16
    UTC_TIME = 0x17
    GENERALIZED_TIME = 0x18
    SEQUENCE = 0x30
    SET = 0x31
    CONTEXT_0 = 0xA0
    CONTEXT_3 = 0xA3


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One element: its identifier octet, its content, and its whole encoding."""

    what: str
    """What it is, for errors."""
    tag: int
    """Identifier octet."""
    content: bytes
    """Content octets."""
    encoded: bytes
    """Identifier, length and content."""

    def expect(self, tag: int) -> Value:
        """Return self; EvidenceFormatError when the identifier octet is another."""
        if self.tag != tag:
            raise EvidenceFormatError(
                self.what, expected=f"DER tag 0x{tag:02x}", actual=f"0x{self.tag:02x}"
            )
        return self

    def members(self, tag: int = Tag.SEQUENCE) -> list[Value]:
        """Return the elements of a SEQUENCE, SET or explicit tag."""
        return list(read_all(self.expect(tag).content, self.what))

    def integer(self) -> int:
        """Return a non-negative INTEGER written in the fewest octets."""
        content = self.expect(Tag.INTEGER).content
        minimal = len(content) == 1 or content[:1] != b"\0" or content[1] >= 0x80
        if not content or not minimal or content[0] >= 0x80:
            raise EvidenceFormatError(
                self.what, expected="a non-negative DER INTEGER", actual=content.hex()
            )
        return int.from_bytes(content, "big")

    def boolean(self) -> bool:
        """Return a BOOLEAN, whose only DER contents are 00 and ff."""
        content = self.expect(Tag.BOOLEAN).content
        if content not in (b"\x00", b"\xff"):
            raise EvidenceFormatError(self.what, expected="a DER BOOLEAN", actual=content.hex())
        return content == b"\xff"

    def bits(self) -> bytes:
        """Return the octets of a BIT STRING that has no unused bits."""
        content = self.expect(Tag.BIT_STRING).content
        if content[:1] != b"\0":
            raise EvidenceFormatError(
                self.what, expected="a BIT STRING of whole octets", actual=content[:1].hex()
            )
        return content[1:]

    def oid(self) -> str:
        """Return an OBJECT IDENTIFIER in dotted form."""
        content = self.expect(Tag.OBJECT_IDENTIFIER).content
        groups = _ARC.findall(content)
        if not groups or b"".join(groups) != content or len(content) > _MAX_OID_LENGTH:
            raise EvidenceFormatError(
                self.what, expected="an OBJECT IDENTIFIER", actual=content[:64].hex()
            )
        arcs = [sum((octet & 0x7F) << 7 * i for i, octet in enumerate(g[::-1])) for g in groups]
        first = min(arcs[0] // 40, 2)
        return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))

    def time(self) -> int:
        """Return a UTCTime or GeneralizedTime of RFC 5280 (seconds, Z) as Unix seconds."""
        text = self.content.decode("ascii", "replace")
        if self.tag == Tag.UTC_TIME and re.fullmatch(r"[0-9]{12}Z", text):
            text = ("20" if text < "50" else "19") + text
        elif self.tag != Tag.GENERALIZED_TIME or not re.fullmatch(r"[0-9]{14}Z", text):
            raise EvidenceFormatError(self.what, expected="a time to the second, UTC", actual=text)
        try:
            moment = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
        except ValueError as error:
            raise EvidenceFormatError(self.what, expected="a time", actual=text) from error
        return int(moment.timestamp())


def read_all(data: bytes, what: str) -> Iterator[Value]:
    """Yield the elements that `data` consists of; EvidenceFormatError when it is not DER."""
    at = 0
    while at < len(data):
        value = _read(data, at, what)
        at += len(value.encoded)
        yield value


def read_one(data: bytes, what: str) -> Value:
    """Return the one element that `data` is; EvidenceFormatError also when bytes follow it."""
    value = _read(data, 0, what)
    if len(value.encoded) != len(data):
        raise EvidenceFormatError(
            what, expected=f"{len(value.encoded)} bytes of DER", actual=f"{len(data)} bytes"
        )
    return value


def _read(data: bytes, at: int, what: str) -> Value:
    head = data[at : at + 2 + _MAX_LENGTH_BYTES]
    if len(head) < 2 or head[0] & 0x1F == 0x1F:
        raise EvidenceFormatError(what, expected="a DER element", actual=head.hex() or "nothing")
    length, start = head[1], at + 2
    if length >= 0x80:
        count = length & 0x7F
        octets = data[start : start + count]
        length, start = int.from_bytes(octets, "big"), start + count
        shortest = max(1, (length.bit_length() + 7) // 8)
        if not 1 <= count <= _MAX_LENGTH_BYTES or count != shortest or length < 0x80:
            raise EvidenceFormatError(what, expected="a DER length", actual=head.hex())
    if start + length > len(data):
        raise EvidenceFormatError(
            what, expected=f"{length} bytes of content", actual=f"{len(data) - start} bytes"
        )
    end = start + length
    return Value(what=what, tag=head[0], content=data[start:end], encoded=data[at:end])
