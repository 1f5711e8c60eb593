"""The certificate at which chains of Nitro enclaves end: AWS's root G1, of the `aws` partition."""

from __future__ import annotations

import base64
from typing import Final

from coprove.attestation.x509 import Certificate, parse_certificate

__all__ = ["NITRO_ROOT", "NITRO_ROOT_SHA256", "is_simulated"]

NITRO_ROOT_SHA256: Final = "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
"""SHA-256 of the root certificate (DER), as AWS publishes it; valid from 2019 to 2049."""
_NITRO_ROOT_DER: Final = base64.b64decode(
    b"MIICETCCAZagAwIBAgIRAPkxdWgbkK/hHUbMtOTn+FYwCgYIKoZIzj0EAwMwSTELMAkGA1UEBhMCVVMxDzANBgNV"
    b"BAoMBkFtYXpvbjEMMAoGA1UECwwDQVdTMRswGQYDVQQDDBJhd3Mubml0cm8tZW5jbGF2ZXMwHhcNMTkxMDI4MTMy"
    b"ODA1WhcNNDkxMDI4MTQyODA1WjBJMQswCQYDVQQGEwJVUzEPMA0GA1UECgwGQW1hem9uMQwwCgYDVQQLDANBV1Mx"
    b"GzAZBgNVBAMMEmF3cy5uaXRyby1lbmNsYXZlczB2MBAGByqGSM49AgEGBSuBBAAiA2IABPwCVOumCMHzaHDimtqQ"
    b"vkY4MpJzbolL//Zy2YlES1BR5TSksfbb48C8WBoyt7F2Bw7eEtaaP+ohG2bnUs990d0JX28TcPQXCEPZ3BABIeTP"
    b"YwEoCWZEh8l5YoQwTcU/9KNCMEAwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUkCW1DdkFR+eWw5b6cp3Pmanf"
    b"S5YwDgYDVR0PAQH/BAQDAgGGMAoGCCqGSM49BAMDA2kAMGYCMQCjfy+Rocm9Xue4YnwWmNJVA44fA0P5W2OpYow9"
    b"OYCVRaEevL8uO1XYru5xtMPWrfMCMQCi85sWBbJwKKXdS6BptQFuZbT73o/gBh1qUxl/nNr12UO8Yfwr6wPLb+6N"
    b"IwLz3/Y="
)
NITRO_ROOT: Final = parse_certificate(_NITRO_ROOT_DER, "AWS Nitro root")
"""AWS's root G1."""


def is_simulated(root: Certificate) -> bool:
    """Whether a root is another than AWS's: then it is one of a simulation, by construction."""
    return root.sha256 != NITRO_ROOT_SHA256
