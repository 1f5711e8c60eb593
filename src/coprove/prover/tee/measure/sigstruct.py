"""SIGSTRUCT: what an enclave's signer signs and EINIT compares (Intel SDM 3D, 38.13)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from coprove.errors import InputError
from coprove.types import Hash32

__all__ = ["SIGSTRUCT_SIZE", "Sigstruct", "parse_sigstruct", "verify_sigstruct"]

SIGSTRUCT_SIZE: Final = 1808
"""Bytes."""
_HEADER: Final = bytes.fromhex("06000000e10000000000010000000000")
_HEADER2: Final = bytes.fromhex("01010000600000006000000001000000")
_VENDORS: Final = (0, 0x8086)
_EXPONENT: Final = 3
_RESERVED: Final = ((44, 128), (910, 912), (992, 1008), (1028, 1040))
_DEBUG: Final = 1 << 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sigstruct:
    """The fields, with their offsets; numbers are little-endian."""

    vendor: int
    """u32 at 16: 0, or 0x8086 for Intel's own."""
    date: str
    """u32 at 20, BCD: year, month and day of the signature, as 2026-11-24."""
    software: int
    """u32 at 40: SWDEFINED."""
    modulus: int
    """384 bytes at 128: the signer's RSA modulus."""
    signature: int
    """384 bytes at 516."""
    misc_select: int
    """u32 at 900."""
    misc_mask: int
    """u32 at 904."""
    attributes: bytes
    """16 bytes at 928: flags, then XFRM."""
    attributes_mask: bytes
    """16 bytes at 944: which of them EINIT compares."""
    enclave_hash: Hash32
    """32 bytes at 960: MRENCLAVE."""
    product_id: int
    """u16 at 1024: ISVPRODID."""
    security_version: int
    """u16 at 1026: ISVSVN."""
    q1: int
    """384 bytes at 1040: floor(signature^2 / modulus)."""
    q2: int
    """384 bytes at 1424: floor((signature^3 - q1 * signature * modulus) / modulus)."""
    signed: bytes
    """What the signature covers: bytes 0 to 127 and 900 to 1027."""
    mr_signer: Hash32
    """SHA-256 of the modulus' 384 bytes: MRSIGNER."""

    @property
    def allows_debug(self) -> bool:
        """Whether an enclave in debug mode may be started with it."""
        flags = int.from_bytes(self.attributes[:8], "little")
        mask = int.from_bytes(self.attributes_mask[:8], "little")
        return bool(flags & _DEBUG or not mask & _DEBUG)


def parse_sigstruct(data: bytes) -> Sigstruct:
    """Read a SIGSTRUCT; InputError for another size, header, exponent or reserved bytes."""
    if len(data) != SIGSTRUCT_SIZE:
        raise InputError("SIGSTRUCT", expected="1808 bytes", actual=f"{len(data)} bytes")
    for at, expected in ((0, _HEADER), (24, _HEADER2)):
        if data[at : at + 16] != expected:
            raise InputError(
                f"SIGSTRUCT header at {at}", expected=expected.hex(), actual=data[at:][:16].hex()
            )
    for start, end in _RESERVED:
        if any(data[start:end]):
            what = f"SIGSTRUCT bytes {start} to {end - 1}"
            raise InputError(what, expected="zeros", actual=data[start:end].hex())

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], "little")

    if (vendor := number(16, 4)) not in _VENDORS:
        raise InputError("SIGSTRUCT vendor", expected="0 or 0x8086", actual=hex(vendor))
    if (exponent := number(512, 4)) != _EXPONENT:
        raise InputError("SIGSTRUCT exponent", expected=3, actual=exponent)
    digits = f"{number(20, 4):08x}"
    if not digits.isdecimal():
        raise InputError("SIGSTRUCT date", expected="decimal digits", actual=digits)
    return Sigstruct(
        vendor=vendor,
        date=f"{digits[:4]}-{digits[4:6]}-{digits[6:]}",
        software=number(40, 4),
        modulus=number(128, 384),
        signature=number(516, 384),
        misc_select=number(900, 4),
        misc_mask=number(904, 4),
        attributes=data[928:944],
        attributes_mask=data[944:960],
        enclave_hash=Hash32(data[960:992]),
        product_id=number(1024, 2),
        security_version=number(1026, 2),
        q1=number(1040, 384),
        q2=number(1424, 384),
        signed=data[:128] + data[900:1028],
        mr_signer=Hash32(hashlib.sha256(data[128:512]).digest()),
    )


def verify_sigstruct(data: bytes) -> Sigstruct:
    """Read a SIGSTRUCT and check its signature as EINIT does; InputError when it does not hold."""
    found = parse_sigstruct(data)
    signature, modulus = found.signature, found.modulus
    if modulus.bit_length() != 3072 or not modulus % 2 or signature >= modulus:
        actual = f"{modulus.bit_length()} bits"
        raise InputError(
            "SIGSTRUCT modulus", expected="3072 bits, above the signature", actual=actual
        )
    q1, remainder = divmod(signature * signature, modulus)
    if found.q1 != q1:
        raise InputError("SIGSTRUCT Q1", expected="floor(signature^2 / modulus)", actual="another")
    if found.q2 != remainder * signature // modulus:
        raise InputError("SIGSTRUCT Q2", expected="its quotient", actual="another")
    key = RSAPublicNumbers(_EXPONENT, modulus).public_key()
    try:
        key.verify(
            signature.to_bytes(384, "big"), found.signed, padding.PKCS1v15(), hashes.SHA256()
        )
    except InvalidSignature:
        raise InputError(
            "SIGSTRUCT signature", expected="RSA-3072, PKCS 1.5, SHA-256", actual="another"
        ) from None
    return found
