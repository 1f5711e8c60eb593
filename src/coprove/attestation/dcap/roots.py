"""The root certificates at which DCAP chains may end."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.attestation.dcap.certificates import Certificate, is_signed_by, parse_certificate
from coprove.attestation.errors import EvidenceFormatError

if TYPE_CHECKING:
    from typing import Self

__all__ = ["INTEL_ROOT", "INTEL_ROOT_SHA256", "RootCertificate"]

INTEL_ROOT_SHA256: Final = "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"
"""SHA-256 of Intel's SGX Root CA certificate (DER), valid from 2018 to 2049."""
_INTEL_ROOT_DER: Final = base64.b64decode(
    b"MIICjzCCAjSgAwIBAgIUImUM1lqdNInzg7SVUr9QGzknBqwwCgYIKoZIzj0EAwIwaDEaMBgGA1UEAwwRSW50ZWwg"
    b"U0dYIFJvb3QgQ0ExGjAYBgNVBAoMEUludGVsIENvcnBvcmF0aW9uMRQwEgYDVQQHDAtTYW50YSBDbGFyYTELMAkG"
    b"A1UECAwCQ0ExCzAJBgNVBAYTAlVTMB4XDTE4MDUyMTEwNDUxMFoXDTQ5MTIzMTIzNTk1OVowaDEaMBgGA1UEAwwR"
    b"SW50ZWwgU0dYIFJvb3QgQ0ExGjAYBgNVBAoMEUludGVsIENvcnBvcmF0aW9uMRQwEgYDVQQHDAtTYW50YSBDbGFy"
    b"YTELMAkGA1UECAwCQ0ExCzAJBgNVBAYTAlVTMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEC6nEwMDIYZOj/iPW"
    b"sCzaEKi71OiOSLRFhWGjbnBVJfVnkY4u3IjkDYYL0MxO4mqsyYjlBalTVYxFP2sJBK5zlKOBuzCBuDAfBgNVHSME"
    b"GDAWgBQiZQzWWp00ifODtJVSv1AbOScGrDBSBgNVHR8ESzBJMEegRaBDhkFodHRwczovL2NlcnRpZmljYXRlcy50"
    b"cnVzdGVkc2VydmljZXMuaW50ZWwuY29tL0ludGVsU0dYUm9vdENBLmRlcjAdBgNVHQ4EFgQUImUM1lqdNInzg7SV"
    b"Ur9QGzknBqwwDgYDVR0PAQH/BAQDAgEGMBIGA1UdEwEB/wQIMAYBAf8CAQEwCgYIKoZIzj0EAwIDSQAwRgIhAOW/"
    b"5QkR+S9CiSDcNoowLuPRLsWGf/Yi7GSX94BgwTwgAiEA4J0lrHoMs+Xo5o/sX6O9QWxHRAvZUGOdRQ7cvqRXaqI="
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootCertificate:
    """A trust anchor; any but Intel's own is one of a simulation, by construction."""

    certificate: Certificate
    """Self-signed, in Intel's profile."""

    @classmethod
    def from_der(cls, der: bytes) -> Self:
        """Parse a root certificate; EvidenceFormatError when it is none."""
        certificate = parse_certificate(der, "root certificate")
        if not is_signed_by(certificate.signature, certificate.tbs, certificate):
            raise EvidenceFormatError("root certificate", expected="self-signed", actual="not so")
        return cls(certificate=certificate)

    @property
    def der(self) -> bytes:
        """The certificate's bytes."""
        return self.certificate.der

    @property
    def sha256(self) -> str:
        """SHA-256 of the certificate, hex."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def simulated(self) -> bool:
        """Whether it is another root than Intel's."""
        return self.sha256 != INTEL_ROOT_SHA256


INTEL_ROOT: Final = RootCertificate.from_der(_INTEL_ROOT_DER)
"""Intel's SGX Root CA."""
