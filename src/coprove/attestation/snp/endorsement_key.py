"""VCEK and VLEK certificates: what AMD says in them of the chip (AMD 57230, KDS specification)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.attestation.der import Tag, read_one
from coprove.attestation.errors import EvidenceFormatError
from coprove.attestation.snp.product import Product, TcbVersion

if TYPE_CHECKING:
    from coprove.attestation.x509 import Certificate

__all__ = ["EndorsementKey", "parse_endorsement_key"]

_AMD = "1.3.6.1.4.1.3704.1."
_STRUCT_VERSION, _PRODUCT_NAME, _HARDWARE_ID, _CSP_ID = (_AMD + part for part in "1245")
_TCB = _AMD + "3."
_COMPONENTS = {"bootloader": "1", "tee": "2", "snp": "3", "microcode": "8"}
_FMC = "9"
_RESERVED = ("4", "5", "6", "7")
_HARDWARE_ID_SIZES = {Product.MILAN: 64, Product.GENOA: 64, Product.TURIN: 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndorsementKey:
    """AMD's extensions of a VCEK or VLEK certificate."""

    product_name: str
    """1.2: product line, for VCEKs with a stepping, such as `Milan-B0`."""
    product: Product
    """The line of `product_name`."""
    tcb: TcbVersion
    """1.3.1 to 1.3.9: the TCB version that the key is derived from."""
    hardware_id: bytes | None
    """1.4: id of the chip, 64 bytes (Turin: 8); VCEK only."""
    csp_id: str | None
    """1.5: the cloud provider that the key was lent to; VLEK only."""


def parse_endorsement_key(certificate: Certificate) -> EndorsementKey:
    """Read AMD's extensions; EvidenceFormatError names what is missing or malformed."""
    if _integer(certificate, _STRUCT_VERSION) > 1:
        raise EvidenceFormatError("VCEK structure version", expected="0 or 1", actual="a later one")
    product_name = _text(certificate, _PRODUCT_NAME)
    product = Product.from_name(product_name)
    for part in _RESERVED:
        if _TCB + part in certificate.extensions and _integer(certificate, _TCB + part):
            raise EvidenceFormatError(
                f"VCEK extension {_TCB + part}, reserved", expected=0, actual="another number"
            )
    components = {name: _integer(certificate, _TCB + part) for name, part in _COMPONENTS.items()}
    fmc = _integer(certificate, _TCB + _FMC) if product is Product.TURIN else None
    has_csp_id = _CSP_ID in certificate.extensions
    return EndorsementKey(
        product_name=product_name,
        product=product,
        tcb=TcbVersion(**components, fmc=fmc),
        hardware_id=_hardware_id(certificate, product),
        csp_id=_text(certificate, _CSP_ID) if has_csp_id else None,
    )


def _value(certificate: Certificate, oid: str) -> bytes:
    extension = certificate.extensions.get(oid)
    if extension is None:
        raise EvidenceFormatError(f"VCEK extension {oid}", expected="present", actual="missing")
    return extension.value


def _integer(certificate: Certificate, oid: str) -> int:
    value = read_one(_value(certificate, oid), f"VCEK extension {oid}").integer()
    if value > 255:
        raise EvidenceFormatError(f"VCEK extension {oid}", expected="0 to 255", actual=value)
    return value


def _text(certificate: Certificate, oid: str) -> str:
    what = f"VCEK extension {oid}"
    content = read_one(_value(certificate, oid), what).expect(Tag.IA5_STRING).content
    if not content.isascii() or not content.decode("ascii").isprintable():
        raise EvidenceFormatError(what, expected="printable ASCII", actual=content.hex())
    return content.decode("ascii")


def _hardware_id(certificate: Certificate, product: Product) -> bytes | None:
    if _HARDWARE_ID not in certificate.extensions:
        return None
    # AMD writes the bare bytes where an extension should hold a DER value.
    value, size = _value(certificate, _HARDWARE_ID), _HARDWARE_ID_SIZES[product]
    if len(value) != size:
        raise EvidenceFormatError(
            "VCEK hardware id", expected=f"{size} bytes", actual=f"{len(value)} bytes"
        )
    return value
