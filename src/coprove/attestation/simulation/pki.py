"""Keys, certificates and CRLs that a seed determines, byte for byte."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

__all__ = [
    "ORGANISATION",
    "SimulatedAuthority",
    "derive_key",
    "issue_crl",
    "name",
    "pem",
    "raw_public_key",
    "raw_signature",
    "serial_of",
]

ORGANISATION = "coprove simulation, no vendor"
"""O of every simulated certificate: what it is, where its CN must be as the vendor's."""


def derive_key(
    seed: str, label: str, curve: ec.EllipticCurve | None = None
) -> ec.EllipticCurvePrivateKey:
    """Return the private key of a label: P-256 unless another curve is given."""
    curve = curve or ec.SECP256R1()
    size = (curve.key_size + 7) // 8
    digest = hashlib.shake_256(f"coprove simulation\0{seed}\0{label}".encode()).digest(size + 16)
    # Orders of the curves in use are above 2^(size - 1), so this never reaches them.
    scalar = int.from_bytes(digest, "big") % (1 << (curve.key_size - 1))
    return ec.derive_private_key(scalar or 1, curve)


def raw_public_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return x ‖ y."""
    numbers = key.public_key().public_numbers()
    size = (key.key_size + 7) // 8
    return numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")


def raw_signature(
    key: ec.EllipticCurvePrivateKey, data: bytes, algorithm: hashes.HashAlgorithm | None = None
) -> bytes:
    """Return r ‖ s over data, deterministic (RFC 6979); SHA-256 unless another hash is given."""
    scheme = ec.ECDSA(algorithm or hashes.SHA256(), deterministic_signing=True)
    r, s = decode_dss_signature(key.sign(data, scheme))
    size = (key.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def serial_of(seed: str, label: str) -> int:
    """Return the serial of a label: 19 bytes, positive."""
    digest = hashlib.sha256(f"coprove serial\0{seed}\0{label}".encode()).digest()
    return int.from_bytes(digest[:19], "big") | 1 << 144


def name(common_name: str, organisation: str = ORGANISATION) -> x509.Name:
    """Return a distinguished name."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
        ]
    )


def pem(certificates: Iterable[x509.Certificate]) -> str:
    """Return PEM text of certificates in their order."""
    return "".join(item.public_bytes(Encoding.PEM).decode() for item in certificates)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedAuthority:
    """A key with its certificate, which may issue others."""

    seed: str
    """What the key comes from."""
    label: str
    """Which of the seed's keys it is."""
    key: ec.EllipticCurvePrivateKey
    """The private key."""
    certificate: x509.Certificate
    """Its certificate."""

    @classmethod
    def self_signed(
        cls,
        seed: str,
        label: str,
        common_name: str,
        validity: tuple[int, int],
        *,
        path_length: int | None = 1,
    ) -> SimulatedAuthority:
        """Return a root CA, valid from and until the given Unix seconds."""
        key = derive_key(seed, label)
        subject = name(common_name)
        certificate = _build(
            subject=subject,
            issuer=subject,
            key=key.public_key(),
            issuer_key=key,
            serial=serial_of(seed, label),
            validity=validity,
            authority=True,
            path_length=path_length,
            extensions=(),
            key_identifiers=True,
        )
        return cls(seed=seed, label=label, key=key, certificate=certificate)

    def issue(
        self,
        label: str,
        common_name: str,
        validity: tuple[int, int],
        *,
        authority: bool = False,
        path_length: int | None = None,
        extensions: Sequence[x509.UnrecognizedExtension] = (),
        key_identifiers: bool = True,
    ) -> SimulatedAuthority:
        """Return a certificate for the key of a label; `authority` makes it a CA's."""
        key = derive_key(self.seed, label)
        certificate = _build(
            subject=name(common_name),
            issuer=self.certificate.subject,
            key=key.public_key(),
            issuer_key=self.key,
            serial=serial_of(self.seed, label),
            validity=validity,
            authority=authority,
            path_length=path_length,
            extensions=extensions,
            key_identifiers=key_identifiers,
        )
        return SimulatedAuthority(seed=self.seed, label=label, key=key, certificate=certificate)


def issue_crl(
    issuer: SimulatedAuthority, validity: tuple[int, int], revoked: Iterable[int] = ()
) -> bytes:
    """Return an issuer's CRL in DER: thisUpdate and nextUpdate in Unix seconds, revoked serials."""
    start, end = (_time(seconds) for seconds in validity)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(start)
        .next_update(end)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(_authority_key_id(issuer.certificate.public_key()), critical=False)
    )
    for serial in sorted(revoked):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(start)
        builder = builder.add_revoked_certificate(entry.build())
    crl = builder.sign(issuer.key, hashes.SHA256(), ecdsa_deterministic=True)
    return crl.public_bytes(Encoding.DER)


def _build(
    *,
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    serial: int,
    validity: tuple[int, int],
    authority: bool,
    path_length: int | None,
    extensions: Sequence[x509.UnrecognizedExtension],
    key_identifiers: bool,
) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(_time(validity[0]))
        .not_valid_after(_time(validity[1]))
        .add_extension(usage, critical=True)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
    )
    if key_identifiers:
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key), critical=False
        ).add_extension(_authority_key_id(issuer_key.public_key()), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, hashes.SHA256(), ecdsa_deterministic=True)


def _authority_key_id(key: CertificatePublicKeyTypes) -> x509.AuthorityKeyIdentifier:
    assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 - no other keys are made here
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
