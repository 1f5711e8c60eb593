"""X.509 certificates and revocation lists as the vendors' attestation chains have them.

A narrow profile of RFC 5280: version 3, DER to the letter, ECDSA on P-256 or P-384 and RSASSA-PSS
with SHA-384. Names, signatures, constraints and validity are checked one by one, so that each rule
stands in the list of checks that a verifier prints.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from coprove.attestation.der import Tag, Value, read_one
from coprove.attestation.errors import EvidenceFormatError, EvidenceRejectedError, Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "MAX_CERTIFICATE_SIZE",
    "Certificate",
    "Extension",
    "RevocationList",
    "check_authorities",
    "check_names",
    "check_revocation",
    "check_signatures",
    "check_validity",
    "parse_certificate",
    "parse_revocation_list",
]

MAX_CERTIFICATE_SIZE = 8192
"""Largest certificate that is read, in bytes; the vendors' have up to 1,700."""
_MAX_CRL_SIZE = 1 << 20

_BASIC_CONSTRAINTS = "2.5.29.19"
_KEY_USAGE = "2.5.29.15"
_UNDERSTOOD = frozenset({_BASIC_CONSTRAINTS, _KEY_USAGE})
_KEY_CERT_SIGN, _CRL_SIGN, _DIGITAL_SIGNATURE = 5, 6, 0

_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_ECDSA_SHA384 = bytes.fromhex("300a06082a8648ce3d040303")
_SHA384 = "300d06096086480165030402020500"
_PSS = f"06092a864886f70d01010a{{}}a00f{_SHA384}a11c301a06092a864886f70d010108{_SHA384}a203020130"
_PSS_SHA384: Final = frozenset(
    # AMD writes the default trailer field out, against DER; others leave it away.
    bytes.fromhex(text)
    for text in ("3041" + _PSS.format("3034"), "3046" + _PSS.format("3039") + "a303020101")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """An extension of a certificate."""

    critical: bool
    """Whether who does not understand it must refuse the certificate."""
    value: bytes
    """Content of the octet string."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What attestation needs of a certificate; names are kept as their DER, compared exactly."""

    der: bytes
    """The whole certificate."""
    tbs: bytes
    """The signed part."""
    serial: int
    """Serial number; 0 in AMD's VCEK certificates."""
    issuer: bytes
    """DER of the issuer's name."""
    subject: bytes
    """DER of the subject's name."""
    not_before: int
    """Start of validity, Unix seconds."""
    not_after: int
    """End of validity, Unix seconds, inclusive."""
    key_info: bytes
    """SubjectPublicKeyInfo."""
    extensions: Mapping[str, Extension]
    """By dotted OID."""
    algorithm: bytes
    """AlgorithmIdentifier of the signature."""
    signature: bytes
    """The issuer's signature over `tbs`."""

    @property
    def sha256(self) -> str:
        """Fingerprint: hex SHA-256 of the DER."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def name(self) -> str:
        """Common name of the subject, or the name's hash where it has none; for people."""
        return _common_name(self.subject)

    def public_key(self) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
        """Return the subject's key; EvidenceFormatError when it is neither EC nor RSA."""
        try:
            key = serialization.load_der_public_key(self.key_info)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise EvidenceFormatError(
                f"key of {self.name}", expected="an EC or RSA key", actual=str(error)
            ) from error
        if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise EvidenceFormatError(
                f"key of {self.name}", expected="an EC or RSA key", actual=type(key).__name__
            )
        return key


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationList:
    """A certificate revocation list of version 2."""

    der: bytes
    """The whole list."""
    tbs: bytes
    """The signed part."""
    issuer: bytes
    """DER of the issuer's name."""
    this_update: int
    """When it was made, Unix seconds."""
    next_update: int
    """Until when it holds, Unix seconds."""
    serials: frozenset[int]
    """Serial numbers of the revoked certificates of this issuer."""
    algorithm: bytes
    """AlgorithmIdentifier of the signature."""
    signature: bytes
    """The issuer's signature over `tbs`."""

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the DER."""
        return hashlib.sha256(self.der).hexdigest()


def parse_certificate(der: bytes, what: str = "certificate") -> Certificate:
    """Read a certificate; EvidenceFormatError where it is not strict DER of version 3."""
    tbs, algorithm, signature = _signed(der, what, MAX_CERTIFICATE_SIZE)
    fields = tbs.members()
    if len(fields) != 8 or fields[0].encoded != b"\xa0\x03\x02\x01\x02":
        raise EvidenceFormatError(
            what, expected="version 3 with extensions", actual=f"{len(fields)} fields"
        )
    _, serial, inner, issuer, validity, subject, key_info, extensions = fields
    if inner.encoded != algorithm.encoded:
        raise EvidenceFormatError(
            what, expected="one signature algorithm", actual="two that differ"
        )
    bounds = validity.members()
    if len(bounds) != 2:
        raise EvidenceFormatError(what, expected="two dates", actual=f"{len(bounds)}")
    return Certificate(
        der=der,
        tbs=tbs.encoded,
        serial=serial.integer(),
        issuer=issuer.expect(Tag.SEQUENCE).encoded,
        subject=subject.expect(Tag.SEQUENCE).encoded,
        not_before=bounds[0].time(),
        not_after=bounds[1].time(),
        key_info=key_info.expect(Tag.SEQUENCE).encoded,
        extensions=_extensions(extensions.expect(Tag.CONTEXT_3).content, what),
        algorithm=algorithm.encoded,
        signature=signature.bits(),
    )


def parse_revocation_list(der: bytes, what: str = "CRL") -> RevocationList:
    """Read a revocation list; EvidenceFormatError where it is not strict DER of version 2."""
    tbs, algorithm, signature = _signed(der, what, _MAX_CRL_SIZE)
    fields = tbs.members()
    if len(fields) not in (6, 7) or fields[0].integer() != 1:
        raise EvidenceFormatError(
            what,
            expected="version 2 with nextUpdate and extensions",
            actual=f"{len(fields)} fields",
        )
    if fields[1].encoded != algorithm.encoded:
        raise EvidenceFormatError(
            what, expected="one signature algorithm", actual="two that differ"
        )
    revoked = fields[5].members() if len(fields) == 7 else []
    for extension in _extensions(fields[-1].expect(Tag.CONTEXT_0).content, what).values():
        if extension.critical:
            raise EvidenceFormatError(
                what, expected="a full CRL of its issuer", actual="a critical extension"
            )
    entries = [entry.members() for entry in revoked]
    if not all(2 <= len(entry) <= 3 for entry in entries):
        raise EvidenceFormatError(what, expected="entries of 2 or 3 fields", actual="others")
    return RevocationList(
        der=der,
        tbs=tbs.encoded,
        issuer=fields[2].expect(Tag.SEQUENCE).encoded,
        this_update=fields[3].time(),
        next_update=fields[4].time(),
        serials=frozenset(entry[0].integer() for entry in entries),
        algorithm=algorithm.encoded,
        signature=signature.bits(),
    )


def check_names(chain: Sequence[Certificate]) -> None:
    """Require that each issuer is the next subject, and that only the last issued itself."""
    for child, parent in zip(chain, [*chain[1:], chain[-1]], strict=True):
        if child.issuer != parent.subject:
            detail = f"{child.name} was issued by {_common_name(child.issuer)}, not {parent.name}"
            raise EvidenceRejectedError(Rejection.CHAIN, detail)
        if child is not chain[-1] and child.issuer == child.subject:
            _refuse(child, "issued itself before the end of the chain")


def check_signatures(chain: Sequence[Certificate]) -> None:
    """Require that each certificate is signed by the next and the last by itself; leaf first."""
    for child, parent in zip(chain, [*chain[1:], chain[-1]], strict=True):
        what = f"certificate {child.name}"
        _check_signature(parent, child.algorithm, child.signature, child.tbs, what)


def check_authorities(chain: Sequence[Certificate]) -> None:
    """Require CA rights of all but the leaf, none of the leaf, and no unknown critical extension.

    Path lengths hold; key usage must allow certSign above and, where the leaf has one,
    digitalSignature in the leaf.
    """
    for depth, certificate in enumerate(chain):
        unknown = [
            oid
            for oid, extension in certificate.extensions.items()
            if extension.critical and oid not in _UNDERSTOOD
        ]
        if unknown:
            _refuse(certificate, f"has the critical extension {unknown[0]}")
        is_authority, path_length = _constraints(certificate)
        usage = _usage(certificate)
        if depth == 0:
            if is_authority:
                _refuse(certificate, "is an authority in the place of the leaf")
            if usage is not None and _DIGITAL_SIGNATURE not in usage:
                _refuse(certificate, "may not sign")
            continue
        if not is_authority or usage is None or _KEY_CERT_SIGN not in usage:
            _refuse(certificate, "may not issue certificates")
        if path_length is not None and depth - 1 > path_length:
            _refuse(certificate, f"allows {path_length} authorities below it, not {depth - 1}")


def check_validity(chain: Sequence[Certificate], at: int) -> None:
    """Require that every certificate holds at `at`, Unix seconds."""
    for certificate in chain:
        _check_period(certificate.name, certificate.not_before, certificate.not_after, at)


def check_revocation(
    crl: RevocationList, issuer: Certificate, certificates: Sequence[Certificate], at: int
) -> None:
    """Require that `crl` is `issuer`'s, holds at `at` and lists none of its `certificates`."""
    if crl.issuer != issuer.subject:
        detail = f"CRL of {_common_name(crl.issuer)}, not of {issuer.name}"
        raise EvidenceRejectedError(Rejection.COLLATERAL, detail)
    usage = _usage(issuer)
    if usage is None or _CRL_SIGN not in usage:
        _refuse(issuer, "may not sign CRLs")
    _check_signature(issuer, crl.algorithm, crl.signature, crl.tbs, "CRL")
    _check_period("CRL", crl.this_update, crl.next_update, at)
    for certificate in certificates:
        if certificate.issuer == issuer.subject and certificate.serial in crl.serials:
            detail = f"certificate {certificate.name}, serial {certificate.serial:x}"
            raise EvidenceRejectedError(Rejection.REVOKED, detail)


def _signed(der: bytes, what: str, most: int) -> tuple[Value, Value, Value]:
    if len(der) > most:
        raise EvidenceFormatError(what, expected=f"at most {most} bytes", actual=len(der))
    parts = read_one(der, what).members()
    if len(parts) != 3:
        raise EvidenceFormatError(
            what, expected="signed part, algorithm, signature", actual=f"{len(parts)} parts"
        )
    return parts[0], parts[1].expect(Tag.SEQUENCE), parts[2]


def _extensions(content: bytes, what: str) -> dict[str, Extension]:
    found: dict[str, Extension] = {}
    for item in read_one(content, what).members():
        fields = item.members()
        if not 2 <= len(fields) <= 3:
            raise EvidenceFormatError(what, expected="an extension", actual=f"{len(fields)} fields")
        oid = fields[0].oid()
        if oid in found:
            raise EvidenceFormatError(what, expected="each extension once", actual=f"{oid} twice")
        critical = fields[1].boolean() if len(fields) == 3 else False
        if len(fields) == 3 and not critical:
            raise EvidenceFormatError(what, expected="no default written out", actual=oid)
        value = fields[-1].expect(Tag.OCTET_STRING).content
        found[oid] = Extension(critical=critical, value=value)
    return found


def _constraints(certificate: Certificate) -> tuple[bool, int | None]:
    extension = certificate.extensions.get(_BASIC_CONSTRAINTS)
    if extension is None:
        return False, None
    fields = read_one(extension.value, "basicConstraints").members()
    if not fields:
        return False, None
    length = fields[1].integer() if len(fields) == 2 else None
    return fields[0].boolean() and extension.critical and len(fields) <= 2, length


def _usage(certificate: Certificate) -> frozenset[int] | None:
    extension = certificate.extensions.get(_KEY_USAGE)
    if extension is None:
        return None
    content = read_one(extension.value, "keyUsage").expect(Tag.BIT_STRING).content
    return frozenset(
        8 * index + bit
        for index, octet in enumerate(content[1:])
        for bit in range(8)
        if octet & 0x80 >> bit
    )


def _check_signature(
    issuer: Certificate, algorithm: bytes, signature: bytes, signed: bytes, what: str
) -> None:
    key = issuer.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm in _PSS_SHA384:
            pss = padding.PSS(padding.MGF1(hashes.SHA384()), salt_length=48)
            key.verify(signature, signed, pss, hashes.SHA384())
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm == _ECDSA_SHA384:
            key.verify(signature, signed, ec.ECDSA(hashes.SHA384()))
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm == _ECDSA_SHA256:
            key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        else:
            detail = f"{what}: algorithm {algorithm.hex()} does not fit the key of {issuer.name}"
            raise EvidenceRejectedError(Rejection.CHAIN, detail)
    except InvalidSignature as error:
        detail = f"{what}: the signature is not by {issuer.name}"
        raise EvidenceRejectedError(Rejection.CHAIN, detail) from error


def _check_period(what: str, start: int, end: int, at: int) -> None:
    if not start <= at <= end:
        detail = f"{what} holds from {start} to {end}, not at {at}"
        raise EvidenceRejectedError(Rejection.VALIDITY, detail)


def _refuse(certificate: Certificate, why: str) -> None:
    raise EvidenceRejectedError(Rejection.CHAIN, f"certificate {certificate.name} {why}")


def _common_name(name: bytes) -> str:
    marker = b"\x06\x03\x55\x04\x03"
    _, found, rest = name.partition(marker)
    if found and len(rest) >= 2 and 0 < rest[1] < 0x80 and len(rest) >= 2 + rest[1]:
        text = rest[2 : 2 + rest[1]].decode("utf-8", "replace")
        return "".join(letter if letter.isprintable() else "?" for letter in text)
    return f"name sha256:{hashlib.sha256(name).hexdigest()[:16]}"
