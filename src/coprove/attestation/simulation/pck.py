"""Simulated platforms and the extension that their PCK certificates carry."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography import x509

from coprove.attestation.dcap.certificates import SGX_EXTENSION

__all__ = ["PlatformSpec", "sgx_extension"]

_BASE = bytes.fromhex("2a864886f84d010d01")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSpec:
    """A simulated processor with SGX and TDX."""

    label: str = "platform 1"
    """Its name; key, serial and PPID come from it."""
    fmspc: bytes = bytes.fromhex("c09a51000000")
    """6 bytes: kind of platform."""
    pce_id: bytes = bytes(2)
    """2 bytes."""
    components: tuple[int, ...] = (5,) * 16
    """Security versions of the sixteen components."""
    pce_svn: int = 13
    """Security version of the PCE."""
    processor_ca: bool = False
    """Whether the Processor CA issues its certificate, not the Platform CA."""
    sgx_type: int = 1
    """0 standard, 1 scalable, 2 scalable with integrity."""
    settings: tuple[bool, bool, bool] | None = (False, False, True)
    """Dynamic platform, cached keys, hyper-threading; None leaves them out."""


def sgx_extension(platform: PlatformSpec) -> x509.UnrecognizedExtension:
    """Return Intel's extension of a platform's PCK certificate."""
    ppid = hashlib.sha256(f"ppid {platform.label}".encode()).digest()[:16]
    instance = hashlib.sha256(f"instance {platform.label}".encode()).digest()[:16]
    tcb = b"".join(
        _entry(b"\x02" + bytes([number]), _integer(svn))
        for number, svn in enumerate((*platform.components, platform.pce_svn), start=1)
    ) + _entry(b"\x02\x12", _tlv(0x04, bytes(platform.components)))
    fields = [
        _entry(b"\x01", _tlv(0x04, ppid)),
        _entry(b"\x02", _tlv(0x30, tcb)),
        _entry(b"\x03", _tlv(0x04, platform.pce_id)),
        _entry(b"\x04", _tlv(0x04, platform.fmspc)),
        _entry(b"\x05", _tlv(0x0A, bytes([platform.sgx_type]))),
        _entry(b"\x06", _tlv(0x04, instance)),
    ]
    if platform.settings is not None:
        flags = b"".join(
            _entry(b"\x07" + bytes([number]), _tlv(0x01, b"\xff" if flag else b"\x00"))
            for number, flag in enumerate(platform.settings, start=1)
        )
        fields.append(_entry(b"\x07", _tlv(0x30, flags)))
    return x509.UnrecognizedExtension(SGX_EXTENSION, _tlv(0x30, b"".join(fields)))


def _entry(arcs: bytes, value: bytes) -> bytes:
    return _tlv(0x30, _tlv(0x06, _BASE + arcs) + value)


def _integer(value: int) -> bytes:
    return _tlv(0x02, value.to_bytes((value.bit_length() + 8) // 8, "big"))


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = (size.bit_length() + 7) // 8
    return bytes([tag, 0x80 + octets]) + size.to_bytes(octets, "big") + content
