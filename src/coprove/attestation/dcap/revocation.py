"""Certificate revocation lists of Intel's SGX PKI (X.509 v2 CRLs, complete and direct)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID

from coprove.attestation.dcap.certificates import PARSING_ERRORS
from coprove.attestation.der import Tag, read_one
from coprove.attestation.errors import EvidenceFormatError

__all__ = ["MAX_CRL_SIZE", "RevocationList", "parse_crl"]

MAX_CRL_SIZE = 1 << 20
"""Bytes; Intel's largest has about 3,000."""
_KNOWN_EXTENSIONS = frozenset({ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER})


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationList:
    """Which serials an issuer has revoked."""

    der: bytes
    """The exact bytes."""
    tbs: bytes
    """The part that the issuer signs."""
    signature: bytes
    """ECDSA-Sig-Value in DER."""
    issuer: bytes
    """Name, DER."""
    authority_key_id: bytes | None
    """Key identifier of the issuer."""
    this_update: int
    """Unix seconds."""
    next_update: int
    """Unix seconds, exclusive: from then on there is a newer list."""
    revoked: frozenset[int]
    """Serials."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the exact bytes, hex."""
        return hashlib.sha256(self.der).hexdigest()


def parse_crl(der: bytes, what: str) -> RevocationList:
    """Return a CRL's parts; EvidenceFormatError says what is not as Intel's profile has it.

    Delta and indirect CRLs are refused with their critical extensions.
    """
    if len(der) > MAX_CRL_SIZE:
        expected = f"at most {MAX_CRL_SIZE} bytes"
        raise EvidenceFormatError(what, expected=expected, actual=f"{len(der)} bytes")
    try:
        return _parsed(x509.load_der_x509_crl(der), der, what)
    except PARSING_ERRORS as error:
        raise EvidenceFormatError(what, expected="an X.509 CRL", actual=error) from error


def _parsed(crl: x509.CertificateRevocationList, der: bytes, what: str) -> RevocationList:
    if crl.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
        actual = crl.signature_algorithm_oid.dotted_string
        expected = "ecdsa-with-SHA256"
        raise EvidenceFormatError(f"{what}: algorithm", expected=expected, actual=actual)
    authority_key_id = None
    for extension in crl.extensions:
        if extension.oid not in _KNOWN_EXTENSIONS:
            expected = "no extension but AKI and CRL number"
            actual = extension.oid.dotted_string
            raise EvidenceFormatError(what, expected=expected, actual=actual)
        if isinstance(extension.value, x509.AuthorityKeyIdentifier):
            authority_key_id = extension.value.key_identifier
    members = read_one(crl.tbs_certlist_bytes, what).members()
    members[0].expect(Tag.INTEGER)
    if crl.next_update_utc is None:
        raise EvidenceFormatError(what, expected="nextUpdate", actual="none")
    return RevocationList(
        der=der,
        tbs=crl.tbs_certlist_bytes,
        signature=crl.signature,
        issuer=members[2].encoded,
        authority_key_id=authority_key_id,
        this_update=int(crl.last_update_utc.timestamp()),
        next_update=int(crl.next_update_utc.timestamp()),
        revoked=frozenset(entry.serial_number for entry in crl),
    )
