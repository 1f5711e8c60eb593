"""X.509 certificates in the profile of Intel's SGX PKI, eagerly and strictly parsed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID, NameOID, SignatureAlgorithmOID

from coprove.attestation.errors import EvidenceFormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MAX_CERTIFICATE_SIZE",
    "PARSING_ERRORS",
    "SGX_EXTENSION",
    "Certificate",
    "common_name",
    "is_signed_by",
    "parse_certificate",
    "parse_pem_chain",
    "raw_signature_holds",
]

MAX_CERTIFICATE_SIZE = 4096
"""Bytes of DER; Intel's have about 700 to 1,300."""
SGX_EXTENSION = x509.ObjectIdentifier("1.2.840.113741.1.13.1")
"""Intel's extension of PCK certificates."""
PARSING_ERRORS = (
    ValueError,
    TypeError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
    CryptographyDeprecationWarning,
)
"""All that the X.509 library raises on bytes that are no sound certificate or CRL."""
_ECDSA = ec.ECDSA(hashes.SHA256())
_KNOWN_EXTENSIONS = frozenset(
    {
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        SGX_EXTENSION,
    }
)
_PEM = re.compile(
    rb"-----BEGIN CERTIFICATE-----\r?\n((?:[A-Za-z0-9+/=]{1,76}\r?\n)+)-----END CERTIFICATE-----"
)
_MAX_CHAIN = 4
_E = TypeVar("_E", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What the verifier looks at in a certificate."""

    der: bytes
    """The exact bytes."""
    tbs: bytes
    """The part that the issuer signs."""
    signature: bytes
    """ECDSA-Sig-Value in DER."""
    subject: bytes
    """Name, DER."""
    issuer: bytes
    """Name, DER."""
    common_name: str
    """CN of the subject."""
    serial: int
    """Positive."""
    not_before: int
    """Unix seconds."""
    not_after: int
    """Unix seconds, inclusive."""
    public_key: ec.EllipticCurvePublicKey
    """On P-256."""
    subject_key_id: bytes | None
    """Subject key identifier."""
    authority_key_id: bytes | None
    """Key identifier of the issuer."""
    is_ca: bool
    """BasicConstraints cA; the extension is there and critical."""
    path_length: int | None
    """BasicConstraints pathLenConstraint."""
    signs_certificates: bool
    """KeyUsage keyCertSign; the extension is there and critical."""
    signs_crls: bool
    """KeyUsage cRLSign."""
    signs_data: bool
    """KeyUsage digitalSignature."""
    sgx_extension: bytes | None
    """Contents of Intel's extension, DER."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the exact bytes, hex."""
        return hashlib.sha256(self.der).hexdigest()

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether r ‖ s of 64 bytes is this key's ECDSA-SHA256 signature over `data`."""
        return raw_signature_holds(self.public_key, signature, data)


def raw_signature_holds(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
    """Whether r ‖ s of 64 bytes is an ECDSA-SHA256 signature over `data`.

    Intel's quoting enclaves do not normalise s: about half of all genuine signatures have it in
    the upper half, so both forms hold and nothing may be keyed by a signature's bytes.
    """
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), data, _ECDSA)
    except InvalidSignature:
        return False
    return True


def is_signed_by(signature: bytes, tbs: bytes, issuer: Certificate) -> bool:
    """Whether a certificate's or CRL's DER signature is by the issuer's key."""
    try:
        issuer.public_key.verify(signature, tbs, _ECDSA)
    except InvalidSignature:
        return False
    return True


def parse_pem_chain(text: bytes, what: str) -> tuple[Certificate, ...]:
    """Return the certificates of PEM text, in order; one zero byte may end it.

    Blocks follow each other with nothing but line ends between; EvidenceFormatError otherwise.
    """
    certificates: list[Certificate] = []
    at, end = 0, len(text.removesuffix(b"\x00"))
    while at < end:
        block = _PEM.match(text, at, end)
        if block is None or len(certificates) == _MAX_CHAIN:
            expected = f"at most {_MAX_CHAIN} PEM certificates and nothing else"
            raise EvidenceFormatError(what, expected=expected, actual=text[at : at + 40])
        try:
            der = base64.b64decode(re.sub(rb"[\r\n]", b"", block[1]), validate=True)
        except binascii.Error as error:
            raise EvidenceFormatError(what, expected="base64", actual=error) from error
        certificates.append(parse_certificate(der, f"{what} [{len(certificates)}]"))
        at = block.end()
        while at < end and text[at] in b"\r\n":
            at += 1
    return tuple(certificates)


def parse_certificate(der: bytes, what: str) -> Certificate:
    """Return a certificate's parts; EvidenceFormatError says what is not as Intel's profile has it.

    Source: Intel SGX PCK Certificate and Certificate Revocation List Profile Specification.
    """
    if len(der) > MAX_CERTIFICATE_SIZE:
        expected = f"at most {MAX_CERTIFICATE_SIZE} bytes"
        raise EvidenceFormatError(what, expected=expected, actual=f"{len(der)} bytes")
    try:
        return _parsed(x509.load_der_x509_certificate(der), der, what)
    except PARSING_ERRORS as error:
        raise EvidenceFormatError(what, expected="an X.509 certificate", actual=error) from error


def _parsed(certificate: x509.Certificate, der: bytes, what: str) -> Certificate:
    if certificate.version is not x509.Version.v3:
        raise EvidenceFormatError(f"{what}: version", expected="v3", actual=certificate.version)
    if certificate.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
        actual = certificate.signature_algorithm_oid.dotted_string
        expected = "ecdsa-with-SHA256"
        raise EvidenceFormatError(f"{what}: algorithm", expected=expected, actual=actual)
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise EvidenceFormatError(f"{what}: key", expected="P-256", actual=type(key).__name__)
    extensions = certificate.extensions
    for extension in extensions:
        if extension.critical and extension.oid not in _KNOWN_EXTENSIONS:
            actual = extension.oid.dotted_string
            expected = "no unknown critical extension"
            raise EvidenceFormatError(what, expected=expected, actual=actual)
    constraints = _extension(extensions, x509.BasicConstraints, what)
    usage = _extension(extensions, x509.KeyUsage, what)
    if certificate.serial_number <= 0:
        serial = certificate.serial_number
        raise EvidenceFormatError(f"{what}: serial", expected="above zero", actual=serial)
    return Certificate(
        der=der,
        tbs=certificate.tbs_certificate_bytes,
        signature=certificate.signature,
        subject=certificate.subject.public_bytes(),
        issuer=certificate.issuer.public_bytes(),
        common_name=common_name(certificate.subject, what),
        serial=certificate.serial_number,
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
        public_key=key,
        subject_key_id=_subject_key_id(extensions),
        authority_key_id=_authority_key_id(extensions),
        is_ca=constraints.ca,
        path_length=constraints.path_length,
        signs_certificates=usage.key_cert_sign,
        signs_crls=usage.crl_sign,
        signs_data=usage.digital_signature,
        sgx_extension=_sgx_extension(extensions),
    )


def common_name(name: x509.Name, what: str) -> str:
    """Return the one CN of a name; EvidenceFormatError when there is none or more than one."""
    values: Sequence[x509.NameAttribute[str | bytes]] = name.get_attributes_for_oid(
        NameOID.COMMON_NAME
    )
    if len(values) != 1 or not isinstance(values[0].value, str):
        raise EvidenceFormatError(f"{what}: subject", expected="one CN", actual=len(values))
    return values[0].value


def _extension(extensions: x509.Extensions, kind: type[_E], what: str) -> _E:
    try:
        found = extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound as error:
        raise EvidenceFormatError(what, expected=kind.__name__, actual="no such") from error
    if not found.critical:
        raise EvidenceFormatError(what, expected=f"critical {kind.__name__}", actual="not critical")
    return found.value


def _subject_key_id(extensions: x509.Extensions) -> bytes | None:
    try:
        return extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return None


def _authority_key_id(extensions: x509.Extensions) -> bytes | None:
    try:
        found = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return None
    return found.value.key_identifier


def _sgx_extension(extensions: x509.Extensions) -> bytes | None:
    try:
        value = extensions.get_extension_for_oid(SGX_EXTENSION).value
    except x509.ExtensionNotFound:
        return None
    assert isinstance(value, x509.UnrecognizedExtension)  # noqa: S101 - the library has no such type
    return value.value
