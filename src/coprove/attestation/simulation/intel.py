"""A simulated Intel: root, PCK CAs, platforms, collateral, SGX and TDX quotes.

Everything follows from a seed and a time. What is to be wrong is said in a specification (another
value, or a function that edits what is then signed), so that a fake is signed as well as what it
stands for.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from struct import pack
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.serialization import Encoding

from coprove.attestation.dcap.collateral import DcapCollateral
from coprove.attestation.dcap.reports import (
    INTEL_QE_VENDOR_ID,
    TEE_SGX,
    TEE_TDX,
    QuoteHeader,
    SgxReport,
    TdReport10,
    TdReport15,
)
from coprove.attestation.dcap.roots import RootCertificate
from coprove.attestation.simulation.collateral import (
    DAY,
    DEFAULT_START,
    QE_SIGNER,
    TD_QE_SIGNER,
    CollateralSpec,
    qe_identity_json,
    tcb_info_json,
)
from coprove.attestation.simulation.pck import PlatformSpec, sgx_extension
from coprove.attestation.simulation.pki import (
    SimulatedAuthority,
    derive_key,
    issue_crl,
    pem,
    raw_public_key,
    raw_signature,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509

__all__ = ["AUTH_DATA", "QuoteSpec", "SimulatedIntel", "sgx_report", "td_report"]

AUTH_DATA: Final = bytes(range(32))
"""The quoting enclave's authentication data, as Intel's has it."""
_CERTIFICATES_LAST: Final = 20 * 365 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteSpec:
    """What a quote is to say; all of it is signed as it stands."""

    body: SgxReport | TdReport10
    """Report of the enclave or trust domain."""
    version: int = 3
    """3, 4 or 5."""
    platform: PlatformSpec = field(default_factory=PlatformSpec)
    """Where it is made."""
    edit_header: Callable[[QuoteHeader], QuoteHeader] | None = None
    """Changes the header before it is signed."""
    edit_qe_report: Callable[[SgxReport], SgxReport] | None = None
    """Changes the quoting enclave's report before the PCK signs it."""
    chain: str | None = None
    """PEM text in place of the platform's own chain."""
    certification_type: int = 5
    """Type of the certification data."""
    attestation_key: str = "attestation key"
    """Label of the quoting enclave's key."""
    pck_key: str | None = None
    """Label of a key that signs the QE report in place of the platform's."""
    auth_data: bytes = AUTH_DATA
    """The quoting enclave's authentication data."""
    body_size: int | None = None
    """Version 5: the size that is stated, when it is not to be the body's."""
    padding: int = 0
    """Zero bytes behind the quote, as some quote providers leave them."""


class SimulatedIntel:
    """The vendor: everything it signs follows from a seed and a start."""

    def __init__(self, seed: str = "coprove", *, start: int = DEFAULT_START) -> None:
        """Make root and CAs; `start` is when collateral is issued, in Unix seconds."""
        self.seed, self.start = seed, start
        self.lifetime = start - 365 * DAY, start + _CERTIFICATES_LAST
        """Validity of all certificates, Unix seconds."""
        self.root_authority = SimulatedAuthority.self_signed(
            seed, "root", "Intel SGX Root CA", self.lifetime
        )
        """Key and certificate of the root."""
        self.platform_ca = self._ca("Platform")
        """Issues PCK certificates of multi-package platforms."""
        self.processor_ca = self._ca("Processor")
        """Issues PCK certificates of single processors."""
        self.tcb_signer = self.root_authority.issue(
            "TCB signing", "Intel SGX TCB Signing", self.lifetime
        )
        """Signs TCB info and QE identity."""
        self.root = RootCertificate.from_der(
            self.root_authority.certificate.public_bytes(Encoding.DER)
        )
        """What to give to verifiers as their root."""

    def pck_ca(self, platform: PlatformSpec) -> SimulatedAuthority:
        """Return the CA that issues a platform's certificate."""
        return self.processor_ca if platform.processor_ca else self.platform_ca

    def pck(self, platform: PlatformSpec) -> SimulatedAuthority:
        """Return a platform's provisioning certification key with its certificate."""
        return self.pck_ca(platform).issue(
            f"pck {platform.label}",
            "Intel SGX PCK Certificate",
            self.lifetime,
            extensions=self.pck_extensions(platform),
        )

    def pck_extensions(self, platform: PlatformSpec) -> list[x509.UnrecognizedExtension]:
        """Return what a platform's certificate says of it."""
        return [sgx_extension(platform)]

    def pck_chain(self, platform: PlatformSpec) -> str:
        """Return PEM text: the platform's certificate, its CA, the root."""
        chain = self.pck(platform), self.pck_ca(platform), self.root_authority
        return pem(item.certificate for item in chain)

    def collateral(
        self, spec: CollateralSpec | None = None, *, issued: int | None = None
    ) -> DcapCollateral:
        """Return signed collateral; by default good for SGX quotes of the default platform.

        `issued` is when documents and lists are made, Unix seconds; None: with the certificates.
        """
        spec = spec or CollateralSpec()
        issued = self.start if issued is None else issued
        ca = self.pck_ca(spec.platform)
        period = issued, issued + spec.valid_for
        signing = pem((self.tcb_signer.certificate, self.root_authority.certificate))
        tcb_info = _compact(tcb_info_json(spec, issued))
        qe_identity = _compact(qe_identity_json(spec, issued))
        return DcapCollateral(
            pck_crl_issuer_chain=pem((ca.certificate, self.root_authority.certificate)),
            root_ca_crl=issue_crl(self.root_authority, period, spec.revoked_authorities),
            pck_crl=issue_crl(ca, period, spec.revoked_platforms),
            tcb_info_issuer_chain=signing,
            tcb_info=tcb_info,
            tcb_info_signature=raw_signature(self.tcb_signer.key, tcb_info.encode()),
            qe_identity_issuer_chain=signing,
            qe_identity=qe_identity,
            qe_identity_signature=raw_signature(self.tcb_signer.key, qe_identity.encode()),
        )

    def quote(self, spec: QuoteSpec) -> bytes:
        """Return a signed quote."""
        tdx = isinstance(spec.body, TdReport10)
        header = QuoteHeader(
            version=spec.version,
            attestation_key_type=2,
            tee_type=TEE_TDX if tdx else TEE_SGX,
            qe_svn=8 if spec.version == 3 else 0,
            pce_svn=spec.platform.pce_svn if spec.version == 3 else 0,
            qe_vendor_id=INTEL_QE_VENDOR_ID,
            user_data=hashlib.sha256(f"qe {spec.platform.label}".encode()).digest()[:16] + bytes(4),
        )
        header = spec.edit_header(header) if spec.edit_header else header
        signed = header.encode() + _body_header(spec) + spec.body.encode()
        key = derive_key(self.seed, spec.attestation_key)
        report = _qe_report(raw_public_key(key) + spec.auth_data, tdx=tdx)
        report = spec.edit_qe_report(report) if spec.edit_qe_report else report
        pck_key = derive_key(self.seed, spec.pck_key or f"pck {spec.platform.label}")
        chain = spec.chain if spec.chain is not None else self.pck_chain(spec.platform)
        text = chain.encode() + b"\x00"
        quoting = (
            report.encode()
            + raw_signature(pck_key, report.encode())
            + pack("<H", len(spec.auth_data))
            + spec.auth_data
            + pack("<HI", spec.certification_type, len(text))
            + text
        )
        if spec.version > 3:
            quoting = pack("<HI", 6, len(quoting)) + quoting
        data = raw_signature(key, signed) + raw_public_key(key) + quoting
        return signed + pack("<I", len(data)) + data + bytes(spec.padding)

    def _ca(self, kind: str) -> SimulatedAuthority:
        common_name = f"Intel SGX PCK {kind} CA"
        return self.root_authority.issue(
            f"{kind} CA", common_name, self.lifetime, authority=True, path_length=0
        )


def sgx_report(
    *,
    mr_enclave: bytes = hashlib.sha256(b"simulated enclave").digest(),
    mr_signer: bytes = hashlib.sha256(b"simulated signer").digest(),
    product_id: int = 1,
    security_version: int = 1,
    report_data: bytes = bytes(64),
    flags: int = 0x05,
) -> SgxReport:
    """Return an enclave's report; flags INIT and MODE64 unless others are given."""
    return SgxReport(
        cpu_svn=bytes.fromhex("0e0e100fffff01000000000000000000"),
        misc_select=0,
        reserved1=bytes(28),
        attributes=pack("<QQ", flags, 0xE7),
        mr_enclave=mr_enclave,
        reserved2=bytes(32),
        mr_signer=mr_signer,
        reserved3=bytes(96),
        isv_prod_id=product_id,
        isv_svn=security_version,
        reserved4=bytes(60),
        report_data=report_data,
    )


def td_report(
    *,
    mr_td: bytes = hashlib.sha384(b"simulated TD").digest(),
    rtmrs: tuple[bytes, bytes, bytes, bytes] = (bytes(48),) * 4,
    report_data: bytes = bytes(64),
    attributes: int = 1 << 28,
    tee_tcb_svn: bytes = bytes((5, 1, 2, *(0,) * 13)),
    service_td: bytes | None = None,
) -> TdReport10:
    """Return a trust domain's report, of TD 1.5 when a service TD's measurement is given."""
    report = TdReport10(
        tee_tcb_svn=tee_tcb_svn,
        mr_seam=hashlib.sha384(b"simulated TDX module").digest(),
        mr_signer_seam=bytes(48),
        seam_attributes=bytes(8),
        td_attributes=attributes.to_bytes(8, "little"),
        xfam=bytes.fromhex("e702060000000000"),
        mr_td=mr_td,
        mr_config_id=bytes(48),
        mr_owner=bytes(48),
        mr_owner_config=bytes(48),
        rtmr0=rtmrs[0],
        rtmr1=rtmrs[1],
        rtmr2=rtmrs[2],
        rtmr3=rtmrs[3],
        report_data=report_data,
    )
    if service_td is None:
        return report
    data = report.encode() + tee_tcb_svn + service_td
    return TdReport15.parse(data)


def _qe_report(bound: bytes, *, tdx: bool) -> SgxReport:
    binding = hashlib.sha256(bound).digest() + bytes(32)
    return sgx_report(
        mr_enclave=hashlib.sha256(b"simulated QE").digest(),
        mr_signer=TD_QE_SIGNER if tdx else QE_SIGNER,
        product_id=2 if tdx else 1,
        security_version=8,
        report_data=binding,
        flags=0x15,
    )


def _body_header(spec: QuoteSpec) -> bytes:
    if spec.version < 5:
        return b""
    body_type = 3 if isinstance(spec.body, TdReport15) else 2
    if isinstance(spec.body, SgxReport):
        body_type = 1
    size = spec.body.LAYOUT.size if spec.body_size is None else spec.body_size
    return pack("<HI", body_type, size)


def _compact(document: dict[str, object]) -> str:
    return json.dumps(document, separators=(",", ":"))
