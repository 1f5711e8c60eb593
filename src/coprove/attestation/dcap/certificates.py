"""X.509 certificates in the profile of Intel's SGX PKI, eagerly and strictly parsed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID

from coprove.attestation.der import Tag, Value, read_one
from coprove.attestation.errors import EvidenceFormatError

__all__ = [
    "MAX_CERTIFICATE_SIZE",
    "PARSING_ERRORS",
    "SGX_EXTENSION",
    "Certificate",
    "is_signed_by",
    "parse_certificate",
    "parse_pem_chain",
    "parsed",
    "raw_signature_holds",
    "signed",
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
_ECDSA_OF_DIGEST = ec.ECDSA(Prehashed(hashes.SHA256()))
_MAX_SIGNATURE = 72
"""Bytes of an ECDSA-Sig-Value in DER, on P-256, at most."""
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
_MAX_PEM = 32_768
"""Bytes of a chain's text: `_MAX_CHAIN` certificates of the largest size fit."""
_CN = bytes.fromhex("550403")
_E = TypeVar("_E", bound=x509.ExtensionType)
_Extensions: TypeAlias = "dict[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]]"


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
    if len(signature) > _MAX_SIGNATURE:
        return False
    return signed(signature, hashlib.sha256(tbs).digest(), issuer.der)


@lru_cache(maxsize=256)
def signed(signature: bytes, digest: bytes, issuer: bytes) -> bool:
    """Whether a DER signature is by the key of the certificate `issuer` (DER).

    `digest` is SHA-256 of what is signed: this remembers its arguments, and a CRL may be large.
    """
    try:
        parsed(issuer).public_key.verify(signature, digest, _ECDSA_OF_DIGEST)
    except InvalidSignature:
        return False
    return True


def parse_pem_chain(text: bytes, what: str) -> tuple[Certificate, ...]:
    """Return the certificates of PEM text, in order; one zero byte may end it.

    Blocks follow each other with nothing but line ends between; EvidenceFormatError otherwise.
    """
    if len(text) > _MAX_PEM:
        expected = f"at most {_MAX_PEM} bytes"
        raise EvidenceFormatError(what, expected=expected, actual=f"{len(text)} bytes")
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
        return parsed(der)
    except EvidenceFormatError as error:
        where = f"{what}: {error.what}"
        raise EvidenceFormatError(where, expected=error.expected, actual=error.actual) from error
    except PARSING_ERRORS as error:
        raise EvidenceFormatError(what, expected="an X.509 certificate", actual=error) from error


@lru_cache(maxsize=256)
def parsed(der: bytes) -> Certificate:
    """Parse a certificate; the CAs' and signers' come with every quote and are the same ones."""
    certificate = x509.load_der_x509_certificate(der)
    if certificate.version is not x509.Version.v3:
        raise EvidenceFormatError("version", expected="v3", actual=certificate.version)
    if certificate.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
        actual = certificate.signature_algorithm_oid.dotted_string
        raise EvidenceFormatError("algorithm", expected="ecdsa-with-SHA256", actual=actual)
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise EvidenceFormatError("key", expected="P-256", actual=type(key).__name__)
    if certificate.serial_number <= 0:
        serial = certificate.serial_number
        raise EvidenceFormatError("serial", expected="above zero", actual=serial)
    extensions = {extension.oid: extension for extension in certificate.extensions}
    for oid, extension in extensions.items():
        if extension.critical and oid not in _KNOWN_EXTENSIONS:
            expected = "no unknown critical one"
            raise EvidenceFormatError("extensions", expected=expected, actual=oid.dotted_string)
    constraints = _critical(extensions, x509.BasicConstraints)
    usage = _critical(extensions, x509.KeyUsage)
    subject_key = _optional(extensions, x509.SubjectKeyIdentifier)
    authority_key = _optional(extensions, x509.AuthorityKeyIdentifier)
    sgx = extensions.get(SGX_EXTENSION)
    # version, serial, algorithm, issuer, validity, subject: as they are signed, not written again
    members = read_one(certificate.tbs_certificate_bytes, "certificate").members()
    issuer, subject = members[3], members[5]
    return Certificate(
        der=der,
        tbs=certificate.tbs_certificate_bytes,
        signature=certificate.signature,
        subject=subject.encoded,
        issuer=issuer.encoded,
        common_name=_common_name(subject),
        serial=certificate.serial_number,
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
        public_key=key,
        subject_key_id=subject_key.digest if subject_key else None,
        authority_key_id=authority_key.key_identifier if authority_key else None,
        is_ca=constraints.ca,
        path_length=constraints.path_length,
        signs_certificates=usage.key_cert_sign,
        signs_crls=usage.crl_sign,
        signs_data=usage.digital_signature,
        sgx_extension=sgx.value.public_bytes() if sgx else None,
    )


def _common_name(name: Value) -> str:
    pairs = [pair.members() for part in name.members() for pair in part.members(Tag.SET)]
    values = [pair[1] for pair in pairs if len(pair) == 2 and pair[0].content == _CN]
    if len(values) != 1 or values[0].tag not in (Tag.UTF8_STRING, Tag.PRINTABLE_STRING):
        raise EvidenceFormatError("subject", expected="one CN", actual=len(values))
    return values[0].content.decode()


def _critical(extensions: _Extensions, kind: type[_E]) -> _E:
    value = _optional(extensions, kind)
    if value is None or not extensions[kind.oid].critical:
        actual = "no such" if value is None else "not critical"
        raise EvidenceFormatError(kind.__name__, expected="critical", actual=actual)
    return value


def _optional(extensions: _Extensions, kind: type[_E]) -> _E | None:
    extension = extensions.get(kind.oid)
    return extension.value if extension and isinstance(extension.value, kind) else None
