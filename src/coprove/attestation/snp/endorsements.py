"""What comes beside a report: the certificate table that the hypervisor hands to its guest.

The format of the GHCB specification (AMD 56421, MSG_REPORT_REQ), which Linux gives out as the
`auxblob` of configfs-tsm: entries of a GUID, an offset and a length, ended by a zero entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Final
from uuid import UUID

from coprove.attestation.errors import EvidenceFormatError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_TABLE_SIZE", "Endorsements", "encode_endorsements", "parse_endorsements"]

MAX_TABLE_SIZE = 1 << 18
"""Most bytes of a table that is read."""
_ENTRY = Struct("<16sII")
_MAX_ENTRIES = 16
_GUIDS: Final = {
    "vcek": UUID("63da758d-e664-4564-adc5-f4b93be8accd").bytes,
    "vlek": UUID("a8074bc2-a25a-483e-aae6-39c045a0b8a1").bytes,
    "ask": UUID("4ab7b379-bbac-4fe4-a02f-05aef327c782").bytes,
    "ark": UUID("c0b406a4-a803-4952-9743-3fb6014cd0ae").bytes,
    "crl": UUID("92f81bc3-5811-4d3d-97ff-d19f88dc67ea").bytes,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsements:
    """Certificates of a table, DER; other entries are of no concern here."""

    vcek: bytes | None = None
    """The chip's key for the reported TCB."""
    vlek: bytes | None = None
    """The key that AMD lent to the cloud provider, in the VCEK's place."""
    ask: bytes | None = None
    """AMD's intermediate: ASK over VCEKs, ASVK over VLEKs. AMD's own are known without it."""
    ark: bytes | None = None
    """AMD's root; says nothing that is not compared with the pinned one."""
    crl: bytes | None = None
    """The root's revocation list."""


def parse_endorsements(data: bytes) -> Endorsements:
    """Read a certificate table; EvidenceFormatError says what is wrong with it.

    Entries must lie behind the table without overlap, and known ones appear once; zeros may follow.
    """
    if len(data) > MAX_TABLE_SIZE:
        raise EvidenceFormatError(
            "SNP certificate table", expected=f"at most {MAX_TABLE_SIZE} bytes", actual=len(data)
        )
    entries = _entries(data)
    names = {guid: name for name, guid in _GUIDS.items()}
    found: dict[str, bytes] = {}
    free = _ENTRY.size * (len(entries) + 1)
    for guid, offset, length in sorted(entries, key=lambda entry: entry[1]):
        if offset < free or length == 0 or offset + length > len(data):
            raise EvidenceFormatError(
                "SNP certificate table",
                expected=f"an entry between {free} and {len(data)}",
                actual=f"{length} bytes at {offset}",
            )
        free = offset + length
        name = names.get(guid)
        if name in found:
            raise EvidenceFormatError("SNP certificate table", expected=f"one {name}", actual="two")
        if name is not None:
            found[name] = data[offset:free]
    if any(data[free:]):
        raise EvidenceFormatError(
            "behind the SNP certificate table", expected="zeros or nothing", actual="other bytes"
        )
    return Endorsements(**found)


def encode_endorsements(endorsements: Endorsements) -> bytes:
    """Return the certificate table; `parse_endorsements` is its inverse."""
    given: Mapping[str, bytes | None] = {name: getattr(endorsements, name) for name in _GUIDS}
    present = {name: value for name, value in given.items() if value}
    offset = _ENTRY.size * (len(present) + 1)
    head, body = b"", b""
    for name, value in present.items():
        head += _ENTRY.pack(_GUIDS[name], offset + len(body), len(value))
        body += value
    return head + bytes(_ENTRY.size) + body


def _entries(data: bytes) -> list[tuple[bytes, int, int]]:
    entries: list[tuple[bytes, int, int]] = []
    for start in range(0, _ENTRY.size * (_MAX_ENTRIES + 1), _ENTRY.size):
        part = data[start : start + _ENTRY.size]
        if len(part) != _ENTRY.size:
            raise EvidenceFormatError(
                "SNP certificate table", expected="a zero entry at its end", actual="none"
            )
        if not any(part):
            return entries
        entries.append(_ENTRY.unpack(part))
    raise EvidenceFormatError(
        "SNP certificate table", expected=f"at most {_MAX_ENTRIES} entries", actual="more"
    )
