"""AMD's product lines, and how each lays out a TCB version (SEV-SNP ABI, chapter 2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from coprove.attestation.errors import EvidenceFormatError, EvidenceRejectedError, Rejection

__all__ = ["Product", "TcbVersion"]


class Product(StrEnum):
    """A line of EPYC processors with keys of its own; Bergamo and Siena belong to Genoa."""

    MILAN = "Milan"
    GENOA = "Genoa"
    TURIN = "Turin"

    @classmethod
    def from_name(cls, name: str) -> Product:
        """Return the line of a certificate's product name, such as `Milan-B0`."""
        line = name.partition("-")[0]
        for product in cls:
            if product.value == line:
                return product
        expected = ", ".join(product.value for product in cls)
        raise EvidenceFormatError("product name", expected=expected, actual=name)

    @classmethod
    def from_cpuid(cls, family: int, model: int) -> Product:
        """Return the line of a combined family and model; EvidenceRejectedError if unknown."""
        if family == 0x19 and model <= 0x0F:
            return cls.MILAN
        if family == 0x19 and (0x10 <= model <= 0x1F or 0xA0 <= model <= 0xAF):
            return cls.GENOA
        if family == 0x1A and model <= 0x11:
            return cls.TURIN
        detail = f"processor family 0x{family:x} model 0x{model:x} has no known product line"
        raise EvidenceRejectedError(Rejection.PLATFORM, detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class TcbVersion:
    """Security versions of the firmware that a guest relies on; greater is newer."""

    bootloader: int
    """Of the secure processor's boot loader."""
    tee: int
    """Of the secure processor's operating system."""
    snp: int
    """Of the SNP firmware."""
    microcode: int
    """Lowest patch level of all cores."""
    fmc: int | None = None
    """Of the FMC firmware; Turin only."""

    @classmethod
    def parse(cls, data: bytes, product: Product, what: str) -> TcbVersion:
        """Read the 8 bytes of a TCB_VERSION; EvidenceFormatError when reserved bytes are set."""
        turin = product is Product.TURIN
        reserved = data[4:7] if turin else data[2:6]
        if any(reserved):
            raise EvidenceFormatError(f"{what}, reserved", expected="zeros", actual=reserved.hex())
        if turin:
            return cls(fmc=data[0], bootloader=data[1], tee=data[2], snp=data[3], microcode=data[7])
        return cls(bootloader=data[0], tee=data[1], snp=data[6], microcode=data[7])

    def components(self) -> dict[str, int]:
        """Return the components by name, those that the product line has."""
        parts = {
            "bootloader": self.bootloader,
            "tee": self.tee,
            "snp": self.snp,
            "microcode": self.microcode,
        }
        return parts if self.fmc is None else {"fmc": self.fmc, **parts}

    def reaches(self, floor: TcbVersion) -> bool:
        """Whether no component is below that of `floor`."""
        mine = self.components()
        return all(mine[name] >= value for name, value in floor.components().items())

    def __str__(self) -> str:
        """Name the components in words."""
        return " ".join(f"{name} {value}" for name, value in self.components().items())
