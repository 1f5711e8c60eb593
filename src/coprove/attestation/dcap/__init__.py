"""Intel DCAP: SGX quotes of versions 3, 4 and 5, TDX quotes of versions 4 and 5."""

from coprove.attestation.dcap.certificates import Certificate
from coprove.attestation.dcap.collateral import DcapCollateral, signed_part
from coprove.attestation.dcap.pck import PckExtension, parse_pck
from coprove.attestation.dcap.qe_identity import QeIdentity, parse_qe_identity
from coprove.attestation.dcap.quote import Quote, parse_quote
from coprove.attestation.dcap.reports import QuoteHeader, SgxReport, TdReport10, TdReport15
from coprove.attestation.dcap.revocation import RevocationList, parse_crl
from coprove.attestation.dcap.roots import INTEL_ROOT, INTEL_ROOT_SHA256, RootCertificate
from coprove.attestation.dcap.tcb_info import TcbInfo, parse_tcb_info
from coprove.attestation.dcap.verified_collateral import VerifiedCollateral, verify_collateral
from coprove.attestation.dcap.verify import verify_quote

__all__ = [
    "INTEL_ROOT",
    "INTEL_ROOT_SHA256",
    "Certificate",
    "DcapCollateral",
    "PckExtension",
    "QeIdentity",
    "Quote",
    "QuoteHeader",
    "RevocationList",
    "RootCertificate",
    "SgxReport",
    "TcbInfo",
    "TdReport10",
    "TdReport15",
    "VerifiedCollateral",
    "parse_crl",
    "parse_pck",
    "parse_qe_identity",
    "parse_quote",
    "parse_tcb_info",
    "signed_part",
    "verify_collateral",
    "verify_quote",
]
