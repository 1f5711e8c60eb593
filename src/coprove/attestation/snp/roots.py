"""The certificates at which chains of SEV-SNP may end: AMD's root of each product line."""

from __future__ import annotations

import base64
from typing import Final

from coprove.attestation.snp.amd_certificates import CERTIFICATES
from coprove.attestation.snp.product import Product
from coprove.attestation.x509 import Certificate, parse_certificate

__all__ = ["AMD_INTERMEDIATES", "AMD_ROOTS", "AMD_ROOT_SHA256", "is_simulated"]

AMD_ROOT_SHA256: Final = {
    Product.MILAN: "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
    Product.GENOA: "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
    Product.TURIN: "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
}
"""SHA-256 of the ARK certificates (DER)."""
_SHIPPED: Final = {
    name: parse_certificate(base64.b64decode(text), name) for name, text in CERTIFICATES.items()
}
AMD_ROOTS: Final = tuple(_SHIPPED[f"{product.value.lower()}-ark"] for product in Product)
"""The ARKs of Milan, Genoa and Turin."""
AMD_INTERMEDIATES: Final = tuple(
    certificate for name, certificate in _SHIPPED.items() if not name.endswith("-ark")
)
"""Their ASKs and ASVKs: used where the endorsements name none."""


def is_simulated(root: Certificate) -> bool:
    """Whether a root is another than AMD's: then it is one of a simulation, by construction."""
    return root.sha256 not in AMD_ROOT_SHA256.values()
