"""The attestation report of a SEV-SNP guest: 1,184 bytes, read strictly.

Layout: SEV Secure Nested Paging Firmware ABI Specification (AMD 56860), table ATTESTATION_REPORT,
for report versions 2, 3 and 5. Integers are little-endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from coprove.attestation.errors import EvidenceFormatError
from coprove.primitives import keccak256
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["REPORT_SIZE", "RULES", "Report", "SigningKey", "parse_report"]

REPORT_SIZE = 1184
"""Bytes of a report."""
_SIGNED_SIZE = 0x2A0
_COMPONENT_SIZE = 72
_KNOWN_VERSIONS = (2, 3, 5)
_ECDSA_P384_SHA384 = 1

_POLICY_BITS: Final = {
    "smt-allowed": 16,
    "migration-allowed": 18,
    "debug-allowed": 19,
    "single-socket": 20,
    "cxl-allowed": 21,
    "aes-256-xts": 22,
    "rapl-must-be-off": 23,
    "ciphertext-hiding-required": 24,
    "page-swap-disabled": 25,
}
_POLICY_ALWAYS_ONE = 17
_POLICY_BITS_USED = 26
_PLATFORM_BITS: Final = {
    "smt": 0,
    "tsme": 1,
    "ecc": 2,
    "rapl-off": 3,
    "ciphertext-hiding": 4,
    "alias-check": 5,
    "tio": 7,
}


class SigningKey(IntEnum):
    """Which key signed a report: KEY_INFO bits 2 to 4."""

    VCEK = 0
    """The chip's own, one for each TCB version."""
    VLEK = 1
    """One that AMD lent to a cloud provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Fields of a report, in the order of its bytes."""

    raw: bytes
    """All 1,184 bytes."""
    version: int
    """u32 at 0x00: 2, 3 or 5."""
    guest_svn: int
    """u32 at 0x04: security version of the guest, from its ID block."""
    policy: int
    """u64 at 0x08: what the guest's owner allows."""
    family_id: bytes
    """16 bytes at 0x10, from the ID block."""
    image_id: bytes
    """16 bytes at 0x20, from the ID block."""
    vmpl: int
    """u32 at 0x30: privilege level that asked for the report, 0 the highest."""
    signature_algorithm: int
    """u32 at 0x34: 1 for ECDSA on P-384 with SHA-384."""
    current_tcb: bytes
    """8 bytes at 0x38: what runs."""
    platform_info: int
    """u64 at 0x40: settings of the host."""
    key_info: int
    """u32 at 0x48: bit 0 author key, bit 1 chip key masked, bits 2 to 4 signing key."""
    report_data: bytes
    """64 bytes at 0x50, the guest's own."""
    measurement: bytes
    """48 bytes at 0x90: launch digest."""
    host_data: bytes
    """32 bytes at 0xC0, the hypervisor's."""
    id_key_digest: bytes
    """48 bytes at 0xE0: SHA-384 of the key that signed the ID block."""
    author_key_digest: bytes
    """48 bytes at 0x110: SHA-384 of the key that certified the ID key."""
    report_id: bytes
    """32 bytes at 0x140: this guest until it stops."""
    report_id_ma: bytes
    """32 bytes at 0x160: its migration agent, or ones."""
    reported_tcb: bytes
    """8 bytes at 0x180: the TCB version whose VCEK signed."""
    cpuid: tuple[int, int, int] | None
    """Bytes at 0x188 from version 3 on: combined family, combined model, stepping."""
    chip_id: bytes
    """64 bytes at 0x1A0, zero when masked; Turin uses the first 8."""
    committed_tcb: bytes
    """8 bytes at 0x1E0: what the platform cannot go below any more."""
    current_version: tuple[int, int, int]
    """Bytes at 0x1E8: major, minor and build of the firmware that runs."""
    committed_version: tuple[int, int, int]
    """Bytes at 0x1EC: the same for the committed firmware."""
    launch_tcb: bytes
    """8 bytes at 0x1F0: what ran when the guest was launched."""
    mitigations: tuple[int, int] | None
    """u64 at 0x1F8 and 0x200 from version 5 on: mitigation vectors at launch and now."""
    r: int
    """72 bytes at 0x2A0."""
    s: int
    """72 bytes at 0x2E8."""

    @property
    def signed(self) -> bytes:
        """The region that the signature covers."""
        return self.raw[:_SIGNED_SIZE]

    @property
    def replay_key(self) -> Hash32:
        """keccak256 of `signed`: the same for copies with another signature."""
        return Hash32(keccak256(self.signed))

    @property
    def debug(self) -> bool:
        """Whether the policy lets the host decrypt the guest."""
        return self.policy_settings["debug-allowed"]

    @property
    def policy_settings(self) -> dict[str, bool]:
        """Bits of `policy` by name."""
        return {name: bool(self.policy >> bit & 1) for name, bit in _POLICY_BITS.items()}

    @property
    def platform_settings(self) -> dict[str, bool]:
        """Bits of `platform_info` by name."""
        return {name: bool(self.platform_info >> bit & 1) for name, bit in _PLATFORM_BITS.items()}

    @property
    def has_author_key(self) -> bool:
        """Whether `author_key_digest` is one."""
        return bool(self.key_info & 1)

    @property
    def masks_chip_key(self) -> bool:
        """Whether the host masks the chip's key: then nothing is signed."""
        return bool(self.key_info & 2)

    @property
    def signing_key(self) -> int:
        """A `SigningKey` once the rules hold; 7 means that nothing is signed."""
        return self.key_info >> 2 & 7


def parse_report(data: bytes) -> Report:
    """Return a report's fields when all `RULES` hold; EvidenceFormatError names the broken one."""
    if len(data) != REPORT_SIZE:
        raise EvidenceFormatError(
            "SNP report", expected=f"{REPORT_SIZE} bytes", actual=f"{len(data)} bytes"
        )
    report = _read(bytes(data))
    for rule in RULES.values():
        rule(report)
    return report


def _read(data: bytes) -> Report:
    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], "little")

    version = number(0, 4)
    return Report(
        raw=data,
        version=version,
        guest_svn=number(0x04, 4),
        policy=number(0x08, 8),
        family_id=data[0x10:0x20],
        image_id=data[0x20:0x30],
        vmpl=number(0x30, 4),
        signature_algorithm=number(0x34, 4),
        current_tcb=data[0x38:0x40],
        platform_info=number(0x40, 8),
        key_info=number(0x48, 4),
        report_data=data[0x50:0x90],
        measurement=data[0x90:0xC0],
        host_data=data[0xC0:0xE0],
        id_key_digest=data[0xE0:0x110],
        author_key_digest=data[0x110:0x140],
        report_id=data[0x140:0x160],
        report_id_ma=data[0x160:0x180],
        reported_tcb=data[0x180:0x188],
        cpuid=(data[0x188], data[0x189], data[0x18A]) if version >= 3 else None,
        chip_id=data[0x1A0:0x1E0],
        committed_tcb=data[0x1E0:0x1E8],
        current_version=(data[0x1EA], data[0x1E9], data[0x1E8]),
        committed_version=(data[0x1EE], data[0x1ED], data[0x1EC]),
        launch_tcb=data[0x1F0:0x1F8],
        mitigations=(number(0x1F8, 8), number(0x200, 8)) if version >= 5 else None,
        r=number(_SIGNED_SIZE, _COMPONENT_SIZE),
        s=number(_SIGNED_SIZE + _COMPONENT_SIZE, _COMPONENT_SIZE),
    )


def _rule_version(report: Report) -> None:
    if report.version not in _KNOWN_VERSIONS:
        raise EvidenceFormatError("SNP report version", expected="2, 3 or 5", actual=report.version)


def _rule_algorithm(report: Report) -> None:
    if report.signature_algorithm != _ECDSA_P384_SHA384:
        raise EvidenceFormatError(
            "SNP signature algorithm",
            expected="1 (ECDSA P-384 with SHA-384)",
            actual=report.signature_algorithm,
        )


def _rule_policy(report: Report) -> None:
    if report.policy >> _POLICY_BITS_USED or not report.policy >> _POLICY_ALWAYS_ONE & 1:
        raise EvidenceFormatError(
            "SNP policy", expected="bit 17 set, bits 26 to 63 clear", actual=hex(report.policy)
        )


def _rule_platform_info(report: Report) -> None:
    if report.platform_info & ~sum(1 << bit for bit in _PLATFORM_BITS.values()):
        raise EvidenceFormatError(
            "SNP platform info",
            expected="bits 6 and 8 to 63 clear",
            actual=hex(report.platform_info),
        )


def _rule_key_info(report: Report) -> None:
    if report.key_info >> 5:
        raise EvidenceFormatError(
            "SNP key info", expected="bits 5 to 31 clear", actual=hex(report.key_info)
        )


def _rule_vmpl(report: Report) -> None:
    if report.vmpl > 3:
        raise EvidenceFormatError("SNP VMPL", expected="0 to 3", actual=report.vmpl)


def _rule_reserved(report: Report) -> None:
    areas = [
        (0x4C, 0x50),
        (0x188 if report.cpuid is None else 0x18B, 0x1A0),
        (0x1EB, 0x1EC),
        (0x1EF, 0x1F0),
        (0x1F8 if report.mitigations is None else 0x208, _SIGNED_SIZE),
    ]
    for start, end in areas:
        _check_zeros(report, start, end)


def _rule_signature_tail(report: Report) -> None:
    _check_zeros(report, _SIGNED_SIZE + 2 * _COMPONENT_SIZE, REPORT_SIZE)


def _check_zeros(report: Report, start: int, end: int) -> None:
    found = report.raw[start:end]
    if any(found):
        raise EvidenceFormatError(
            f"SNP report, reserved 0x{start:x}", expected="zeros", actual=found.hex()
        )


RULES: Final[dict[str, Callable[[Report], None]]] = {
    "version": _rule_version,
    "algorithm": _rule_algorithm,
    "policy": _rule_policy,
    "platform-info": _rule_platform_info,
    "key-info": _rule_key_info,
    "vmpl": _rule_vmpl,
    "reserved": _rule_reserved,
    "signature-tail": _rule_signature_tail,
}
"""What the fields of a report must be, by a short name."""
