"""Certificates on P-384 with SHA-384, as AMD's and AWS's simulations issue them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from coprove.attestation.simulation.pki import derive_key, name

__all__ = ["FOREVER", "Authority", "Subject", "derive_p384"]

FOREVER: Final = (1_577_836_800, 2_524_607_999)
"""2020 to 2049, Unix seconds: validity of what does not expire in practice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who a certificate is for."""

    name: str
    """Common name."""
    is_authority: bool = False
    """Whether it may issue certificates and CRLs."""
    path_length: int | None = None
    """Authorities allowed below it."""
    valid: tuple[int, int] = FOREVER
    """First and last second of validity, Unix seconds."""
    serial: int = 1
    """Serial number."""
    extensions: tuple[tuple[str, bytes], ...] = ()
    """Further extensions: dotted OID and value."""
    critical: bool = False
    """Whether those further extensions are critical."""
    usage: frozenset[str] | None = None
    """Key usages as `cryptography` calls them, in place of what the role needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A key with its certificate, which may issue others."""

    key: ec.EllipticCurvePrivateKey
    """P-384."""
    certificate: bytes
    """DER."""

    @classmethod
    def root(cls, subject: Subject, key: ec.EllipticCurvePrivateKey) -> Authority:
        """Return a root, which certifies itself."""
        certificate = _issue(subject, key.public_key(), name(subject.name), key)
        return cls(key=key, certificate=certificate)

    def issue(self, subject: Subject, key: ec.EllipticCurvePublicKey) -> bytes:
        """Return a certificate of this authority, DER."""
        return _issue(subject, key, self._name(), self.key)

    def delegate(self, subject: Subject, key: ec.EllipticCurvePrivateKey) -> Authority:
        """Return an intermediate authority under this one."""
        return Authority(key=key, certificate=self.issue(subject, key.public_key()))

    def revoke(self, serials: tuple[int, ...], *, valid: tuple[int, int] = FOREVER) -> bytes:
        """Return a CRL of this authority, DER, that lists serial numbers."""
        start, end = (_moment(seconds) for seconds in valid)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name())
            .last_update(start)
            .next_update(end)
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(start)
            builder = builder.add_revoked_certificate(entry.build())
        crl = builder.sign(self.key, hashes.SHA384(), ecdsa_deterministic=True)
        return crl.public_bytes(serialization.Encoding.DER)

    def _name(self) -> x509.Name:
        return x509.load_der_x509_certificate(self.certificate).subject


def derive_p384(seed: str, label: str) -> ec.EllipticCurvePrivateKey:
    """Return a seed's key of a label on P-384."""
    return derive_key(seed, label, ec.SECP384R1())


def _issue(
    subject: Subject,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> bytes:
    constraints = x509.BasicConstraints(ca=subject.is_authority, path_length=subject.path_length)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject.name))
        .issuer_name(issuer)
        .serial_number(subject.serial)
        .public_key(key)
        .not_valid_before(_moment(subject.valid[0]))
        .not_valid_after(_moment(subject.valid[1]))
        .add_extension(constraints, critical=True)
        .add_extension(_usage(subject), critical=True)
    )
    for oid, value in subject.extensions:
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
        builder = builder.add_extension(extension, critical=subject.critical)
    certificate = builder.sign(issuer_key, hashes.SHA384(), ecdsa_deterministic=True)
    return certificate.public_bytes(serialization.Encoding.DER)


def _usage(subject: Subject) -> x509.KeyUsage:
    role = {"key_cert_sign", "crl_sign"} if subject.is_authority else {"digital_signature"}
    usages = role if subject.usage is None else subject.usage
    return x509.KeyUsage(
        digital_signature="digital_signature" in usages,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign="key_cert_sign" in usages,
        crl_sign="crl_sign" in usages,
        encipher_only=False,
        decipher_only=False,
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
