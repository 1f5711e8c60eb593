"""A certificate table from what AMD's key distribution service serves, file by file."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

from coprove.attestation.errors import EvidenceFormatError
from coprove.attestation.snp.endorsements import Endorsements, encode_endorsements
from coprove.attestation.x509 import parse_certificate, parse_revocation_list

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["collect_endorsements", "read_certificates"]

_PEM: Final = re.compile(
    rb"-----BEGIN (?:CERTIFICATE|X509 CRL)-----\s([A-Za-z0-9+/=\s]+)-----END [A-Z0-9 ]+-----"
)
_DER_SEQUENCE = b"\x30"


def collect_endorsements(files: Iterable[bytes]) -> bytes:
    """Return the certificate table of some files: certificates and CRLs, PEM or DER.

    What each is, its subject says: SEV-VCEK, SEV-VLEK, SEV-… and ARK-…. A file that is neither is
    taken for a table and must be the only one. EvidenceFormatError for what is none of these.
    """
    contents = list(files)
    if len(contents) == 1 and not read_certificates(contents[0]):
        return contents[0]
    found: dict[str, bytes] = {}
    for content in contents:
        certificates = read_certificates(content)
        if not certificates:
            raise EvidenceFormatError(
                "endorsements", expected="certificates or one table", actual="other bytes"
            )
        for der in certificates:
            kind = _kind(der)
            if found.get(kind, der) != der:
                raise EvidenceFormatError("endorsements", expected=f"one {kind}", actual="two")
            found[kind] = der
    return encode_endorsements(Endorsements(**found))


def read_certificates(content: bytes) -> list[bytes]:
    """Return the DER of what a file in PEM or DER holds, nothing when it is neither."""
    if content.startswith(_DER_SEQUENCE):
        return [content]
    try:
        return [base64.b64decode(b"".join(body.split())) for body in _PEM.findall(content)]
    except binascii.Error as error:
        raise EvidenceFormatError("PEM", expected="base64", actual=error) from error


def _kind(der: bytes) -> str:
    try:
        name = parse_certificate(der).name
    except EvidenceFormatError:
        parse_revocation_list(der)
        return "crl"
    if name in ("SEV-VCEK", "SEV-VLEK"):
        return name.removeprefix("SEV-").lower()
    if name.startswith("SEV-"):
        return "ask"
    if name.startswith("ARK-"):
        return "ark"
    raise EvidenceFormatError("endorsements", expected="a certificate of AMD's", actual=name)
