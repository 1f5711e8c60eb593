"""The signed bodies of DCAP quotes: header, SGX report, TD reports.

Sources: Intel SGX ECDSA Quote Library Reference (quote versions 3 and 4), Intel TDX DCAP Quoting
Library API (versions 4 and 5), Intel SDM volume 3D (REPORT), Intel TDX Module ABI (TDREPORT).
All integers are little-endian; offsets are from the start of each structure.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from struct import Struct
from typing import Any, ClassVar, Self

from coprove.attestation.errors import EvidenceFormatError

__all__ = [
    "INTEL_QE_VENDOR_ID",
    "TEE_SGX",
    "TEE_TDX",
    "QuoteHeader",
    "SgxReport",
    "TdReport10",
    "TdReport15",
]

TEE_SGX = 0x00
"""`tee_type` of quotes over enclaves."""
TEE_TDX = 0x81
"""`tee_type` of quotes over trust domains."""
INTEL_QE_VENDOR_ID = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
"""UUID of Intel's quoting enclaves."""


class _Packed:
    """A structure whose dataclass fields stand in the order of their bytes."""

    __slots__ = ()

    LAYOUT: ClassVar[Struct]
    NAME: ClassVar[str]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the structure of exactly its size; EvidenceFormatError otherwise."""
        if len(data) != cls.LAYOUT.size:
            expected, actual = f"{cls.LAYOUT.size} bytes", f"{len(data)} bytes"
            raise EvidenceFormatError(cls.NAME, expected=expected, actual=actual)
        names = _field_names(cls)  # type: ignore[arg-type]
        return cls(**dict(zip(names, cls.LAYOUT.unpack(data), strict=True)))

    def encode(self) -> bytes:
        """Return the bytes; the inverse of `parse`."""
        names = _field_names(type(self))  # type: ignore[arg-type]
        return self.LAYOUT.pack(*(getattr(self, name) for name in names))


@cache
def _field_names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteHeader(_Packed):
    """The first 48 bytes of every quote."""

    LAYOUT: ClassVar[Struct] = Struct("<HHIHH16s20s")
    NAME: ClassVar[str] = "quote header"

    version: int
    """u16 at 0: 3, 4 or 5."""
    attestation_key_type: int
    """u16 at 2: 2 is ECDSA on P-256 with SHA-256, the only one in use."""
    tee_type: int
    """u32 at 4: 0 SGX, 0x81 TDX; in version 3 reserved and zero."""
    qe_svn: int
    """u16 at 8: security version of the quoting enclave; zero in versions 4 and 5."""
    pce_svn: int
    """u16 at 10: security version of the provisioning certification enclave; as above."""
    qe_vendor_id: bytes
    """16 bytes at 12: UUID of who made the quoting enclave."""
    user_data: bytes
    """20 bytes at 28: the platform's QE id in the first 16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SgxReport(_Packed):
    """An enclave's report, 384 bytes: the body of an SGX quote, and that of the QE itself."""

    LAYOUT: ClassVar[Struct] = Struct("<16sI28s16s32s32s32s96sHH60s64s")
    NAME: ClassVar[str] = "SGX report"

    cpu_svn: bytes
    """16 bytes at 0: raw security version of the processor."""
    misc_select: int
    """u32 at 16: extended SSA features."""
    reserved1: bytes
    """28 bytes at 20: zero (ISVEXTPRODID of key separation and sharing lies in it, unused)."""
    attributes: bytes
    """16 bytes at 48: flags u64 (INIT 1, DEBUG 2, MODE64 4, …), then XFRM u64."""
    mr_enclave: bytes
    """32 bytes at 64: SHA-256 of the enclave's construction."""
    reserved2: bytes
    """32 bytes at 96: zero."""
    mr_signer: bytes
    """32 bytes at 128: SHA-256 of the signing key's modulus."""
    reserved3: bytes
    """96 bytes at 160: zero (CONFIGID lies in it, unused)."""
    isv_prod_id: int
    """u16 at 256: product id that the signer gave."""
    isv_svn: int
    """u16 at 258: security version that the signer gave."""
    reserved4: bytes
    """60 bytes at 260: zero (CONFIGSVN and ISVFAMILYID lie in it, unused)."""
    report_data: bytes
    """64 bytes at 320: chosen by the enclave."""

    FLAG_INIT: ClassVar[int] = 0x01
    FLAG_DEBUG: ClassVar[int] = 0x02

    @property
    def flags(self) -> int:
        """The flags of `attributes`."""
        return int.from_bytes(self.attributes[:8], "little")

    @property
    def debug(self) -> bool:
        """Whether a debugger may read the enclave."""
        return bool(self.flags & self.FLAG_DEBUG)

    @property
    def initialised(self) -> bool:
        """Whether EINIT has finished."""
        return bool(self.flags & self.FLAG_INIT)

    @property
    def reserved(self) -> bytes:
        """All reserved bytes, which must be zero."""
        return self.reserved1 + self.reserved2 + self.reserved3 + self.reserved4


@dataclass(frozen=True, slots=True, kw_only=True)
class TdReport10(_Packed):
    """A trust domain's report as TDX module 1.0 has it, 584 bytes."""

    LAYOUT: ClassVar[Struct] = Struct("<16s48s48s8s8s8s48s48s48s48s48s48s48s48s64s")
    NAME: ClassVar[str] = "TD report 1.0"

    tee_tcb_svn: bytes
    """16 bytes at 0: security versions; 0 is the module's, 1 its major version."""
    mr_seam: bytes
    """48 bytes at 16: measurement of the TDX module."""
    mr_signer_seam: bytes
    """48 bytes at 64: its signer; zero for Intel's."""
    seam_attributes: bytes
    """8 bytes at 112: attributes of the module; zero."""
    td_attributes: bytes
    """8 bytes at 120: bits 0 to 7 TUD (0 DEBUG), 28 SEPT_VE_DISABLE, 30 PKS, 31 KL, 63 PERFMON."""
    xfam: bytes
    """8 bytes at 128: extended features available to the TD."""
    mr_td: bytes
    """48 bytes at 136: measurement of the initial contents."""
    mr_config_id: bytes
    """48 bytes at 184: chosen by the TD's owner, not measured."""
    mr_owner: bytes
    """48 bytes at 232: id of the owner."""
    mr_owner_config: bytes
    """48 bytes at 280: configuration by the owner."""
    rtmr0: bytes
    """48 bytes at 328: run-time measurement, by convention the virtual firmware's."""
    rtmr1: bytes
    """48 bytes at 376: run-time measurement, by convention the kernel's."""
    rtmr2: bytes
    """48 bytes at 424: run-time measurement, by convention the application's."""
    rtmr3: bytes
    """48 bytes at 472: run-time measurement, free."""
    report_data: bytes
    """64 bytes at 520: chosen by the TD."""

    ATTRIBUTES_TUD: ClassVar[int] = 0xFF
    ATTRIBUTE_SEPT_VE_DISABLE: ClassVar[int] = 1 << 28
    ATTRIBUTES_KNOWN: ClassVar[int] = 0xFF | 1 << 28 | 1 << 30 | 1 << 31 | 1 << 63

    @property
    def attributes(self) -> int:
        """`td_attributes` as one number."""
        return int.from_bytes(self.td_attributes, "little")

    @property
    def debug(self) -> bool:
        """Whether any of the bits is set that make a TD untrusted."""
        return bool(self.attributes & self.ATTRIBUTES_TUD)

    @property
    def measurement(self) -> bytes:
        """MRTD and the four RTMRs, as `Platform.INTEL_TDX` has it."""
        return self.mr_td + self.rtmr0 + self.rtmr1 + self.rtmr2 + self.rtmr3


@dataclass(frozen=True, slots=True, kw_only=True)
class TdReport15(TdReport10):
    """A trust domain's report as TDX module 1.5 has it, 648 bytes."""

    LAYOUT: ClassVar[Struct] = Struct("<16s48s48s8s8s8s48s48s48s48s48s48s48s48s64s16s48s")
    NAME: ClassVar[str] = "TD report 1.5"

    tee_tcb_svn2: bytes
    """16 bytes at 584: security versions of the module that runs now, after an update."""
    mr_service_td: bytes
    """48 bytes at 600: measurement of a bound service TD (migration); zero when there is none."""
