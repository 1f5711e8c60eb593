"""AMD SEV-SNP: attestation reports, the certificates beside them, and their verification."""

from coprove.attestation.snp.collecting import collect_endorsements, read_certificates
from coprove.attestation.snp.endorsements import (
    Endorsements,
    encode_endorsements,
    parse_endorsements,
)
from coprove.attestation.snp.product import Product, TcbVersion
from coprove.attestation.snp.report import REPORT_SIZE, Report, SigningKey, parse_report
from coprove.attestation.snp.roots import AMD_ROOT_SHA256, AMD_ROOTS
from coprove.attestation.snp.verify import verify_report

__all__ = [
    "AMD_ROOTS",
    "AMD_ROOT_SHA256",
    "REPORT_SIZE",
    "Endorsements",
    "Product",
    "Report",
    "SigningKey",
    "TcbVersion",
    "collect_endorsements",
    "encode_endorsements",
    "parse_endorsements",
    "parse_report",
    "read_certificates",
    "verify_report",
]
