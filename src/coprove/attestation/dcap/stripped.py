"""Quotes as the contract `DcapVerifier` takes them: without certificates, in one encoding each.

The platform's certificate is registered on chain beforehand, so that what remains of a quote is
short and at fixed offsets. Both signatures get the lower s: on chain there is no second form.
"""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, Final

from coprove.attestation.dcap.certificates import parse_pem_chain
from coprove.attestation.dcap.quote import parse_quote
from coprove.attestation.errors import EvidenceFormatError
from coprove.primitives import keccak256
from coprove.types import Hash32

if TYPE_CHECKING:
    from coprove.attestation.dcap.quote import Quote

__all__ = ["encode_evidence", "on_chain_evidence", "platform_id", "strip_quote"]

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of P-256."""


def strip_quote(quote: Quote) -> bytes:
    """Return header, body, size, signature, key, QE report, its signature, authentication data.

    1,046 bytes for an SGX quote of version 3. The size (u32 behind the body) is that of what
    follows it here; the outer certification header of versions 4 and 5 is left out.
    """
    data = (
        _lower(quote.signature)
        + quote.attestation_key
        + quote.qe_report_bytes
        + _lower(quote.qe_report_signature)
        + pack("<H", len(quote.qe_auth_data))
        + quote.qe_auth_data
    )
    return quote.signed + pack("<I", len(data)) + data


def platform_id(certificate: bytes) -> Hash32:
    """Return the name of a platform on chain: keccak256 of its PCK certificate (DER)."""
    return Hash32(keccak256(certificate))


def encode_evidence(platform: Hash32, stripped: bytes) -> bytes:
    """Return abi.encode(bytes32 platform, bytes quote), what `DcapVerifier.verify` takes."""
    padding = bytes(-len(stripped) % 32)
    words = (0x40).to_bytes(32, "big") + len(stripped).to_bytes(32, "big")
    return platform + words + stripped + padding


def on_chain_evidence(quote: bytes) -> bytes:
    """Return the evidence of a quote with its certificates; EvidenceFormatError when it is none.

    Nothing is verified: the contract does that.
    """
    parsed = parse_quote(quote)
    chain = parse_pem_chain(parsed.certification, "PCK chain")
    if not chain:
        raise EvidenceFormatError("PCK chain", expected="certificates", actual="none")
    return encode_evidence(platform_id(chain[0].der), strip_quote(parsed))


def _lower(signature: bytes) -> bytes:
    s = int.from_bytes(signature[32:], "big")
    if _ORDER // 2 < s < _ORDER:
        s = _ORDER - s
    return signature[:32] + s.to_bytes(32, "big")
