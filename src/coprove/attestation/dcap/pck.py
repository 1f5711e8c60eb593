"""Intel's extension of PCK certificates: which platform, at which TCB.

Source: Intel SGX PCK Certificate and Certificate Revocation List Profile Specification, section
1.3.5; object identifiers below 1.2.840.113741.1.13.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.attestation.der import Tag, Value, read_one
from coprove.attestation.errors import EvidenceFormatError

if TYPE_CHECKING:
    from coprove.attestation.dcap.certificates import Certificate

__all__ = ["SGX_TYPES", "PckExtension", "parse_pck"]

_BASE = bytes.fromhex("2a864886f84d010d01")
_ENUMERATED = 0x0A
_WHAT = "PCK extension"
SGX_TYPES = ("standard", "scalable", "scalable-with-integrity")
"""Names of `sgx_type`'s values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PckExtension:
    """The platform that a PCK certificate is for."""

    ppid: bytes
    """.1: 16 bytes, id of the platform's provisioning."""
    components: tuple[int, ...]
    """.2.1 to .2.16: security versions of the sixteen components, 0 to 255."""
    pce_svn: int
    """.2.17: security version of the provisioning certification enclave, u16."""
    cpu_svn: bytes
    """.2.18: 16 bytes; the components, once more."""
    pce_id: bytes
    """.3: 2 bytes."""
    fmspc: bytes
    """.4: 6 bytes, kind of platform: family, model, stepping, platform type, custom SKU."""
    sgx_type: int
    """.5: 0 standard, 1 scalable, 2 scalable with integrity."""
    platform_instance_id: bytes | None
    """.6: 16 bytes; multi-package platforms only."""
    dynamic_platform: bool | None
    """.7.1: whether packages may be added; multi-package platforms only."""
    cached_keys: bool | None
    """.7.2: whether Intel keeps the platform's root keys; multi-package platforms only."""
    smt: bool | None
    """.7.3: whether hyper-threading is on; multi-package platforms only."""


def parse_pck(certificate: Certificate) -> PckExtension:
    """Return the extension of a PCK certificate; EvidenceFormatError when it is absent or wrong."""
    if certificate.sgx_extension is None:
        raise EvidenceFormatError(certificate.common_name, expected=_WHAT, actual="no such")
    fields = _entries(read_one(certificate.sgx_extension, _WHAT), _BASE)
    tcb = _entries(_required(fields, 2), _BASE + b"\x02")
    settings = _entries(fields[7], _BASE + b"\x07") if 7 in fields else {}
    components = tuple(
        _number(_required(tcb, number), f"TCB component {number}", 0xFF) for number in range(1, 17)
    )
    cpu_svn = _octets(_required(tcb, 18), "CPUSVN", 16)
    if cpu_svn != bytes(components):
        expected = bytes(components).hex()
        raise EvidenceFormatError(f"{_WHAT}: CPUSVN", expected=expected, actual=cpu_svn.hex())
    return PckExtension(
        ppid=_octets(_required(fields, 1), "PPID", 16),
        components=components,
        pce_svn=_number(_required(tcb, 17), "PCESVN", 0xFFFF),
        cpu_svn=cpu_svn,
        pce_id=_octets(_required(fields, 3), "PCEID", 2),
        fmspc=_octets(_required(fields, 4), "FMSPC", 6),
        sgx_type=_sgx_type(_required(fields, 5)),
        platform_instance_id=_octets(fields[6], "instance id", 16) if 6 in fields else None,
        dynamic_platform=_flag(settings, 1),
        cached_keys=_flag(settings, 2),
        smt=_flag(settings, 3),
    )


def _entries(sequence: Value, base: bytes) -> dict[int, Value]:
    """Return the values of a SEQUENCE of (OID, value), by the last arc below `base`."""
    found: dict[int, Value] = {}
    for entry in sequence.members():
        pair = entry.members()
        if len(pair) != 2:
            raise EvidenceFormatError(_WHAT, expected="an OID and a value", actual=len(pair))
        oid = pair[0].expect(Tag.OBJECT_IDENTIFIER).content
        number = oid[-1] if oid[:-1] == base else 0
        if number in found or not 0 < number < 0x80:
            expected = "object identifiers of this extension, each once"
            raise EvidenceFormatError(_WHAT, expected=expected, actual=oid.hex())
        found[number] = pair[1]
    return found


def _required(fields: dict[int, Value], number: int) -> Value:
    if number not in fields:
        raise EvidenceFormatError(_WHAT, expected=f"field .{number}", actual="no such")
    return fields[number]


def _octets(value: Value, name: str, size: int) -> bytes:
    content = value.expect(Tag.OCTET_STRING).content
    if len(content) != size:
        actual = f"{len(content)} bytes"
        raise EvidenceFormatError(f"{_WHAT}: {name}", expected=f"{size} bytes", actual=actual)
    return content


def _number(value: Value, name: str, most: int) -> int:
    number = value.integer()
    if number > most:
        raise EvidenceFormatError(f"{_WHAT}: {name}", expected=f"0 to {most}", actual=number)
    return number


def _sgx_type(value: Value) -> int:
    content = value.expect(_ENUMERATED).content
    if len(content) != 1 or content[0] >= len(SGX_TYPES):
        raise EvidenceFormatError(f"{_WHAT}: SGX type", expected="0, 1 or 2", actual=content.hex())
    return content[0]


def _flag(settings: dict[int, Value], number: int) -> bool | None:
    value = settings.get(number)
    return None if value is None else value.boolean()
