"""AWS Nitro enclaves: attestation documents and their verification."""

from coprove.attestation.nitro.document import Document, parse_document
from coprove.attestation.nitro.roots import NITRO_ROOT, NITRO_ROOT_SHA256
from coprove.attestation.nitro.verify import DEFAULT_MAX_AGE, verify_document

__all__ = [
    "DEFAULT_MAX_AGE",
    "NITRO_ROOT",
    "NITRO_ROOT_SHA256",
    "Document",
    "parse_document",
    "verify_document",
]
