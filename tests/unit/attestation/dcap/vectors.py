"""The shared DCAP vectors: real quotes with their collateral and what they must give."""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from coprove.attestation import Platform, TcbStatus
from coprove.attestation.dcap import DcapCollateral, signed_part
from coprove.attestation.simulation import pem
from tests.vectors import vectors_dir

__all__ = ["GENUINE", "Genuine", "collateral_of", "quote_of"]


@dataclass(frozen=True, kw_only=True)
class Genuine:
    """A real quote that verifies, and what it says."""

    name: str
    at: int
    platform: Platform
    status: TcbStatus
    advisories: tuple[str, ...]
    window: tuple[int, int] | None = None


GENUINE = (
    Genuine(
        name="sgx_v3_hardening",
        at=1_751_000_000,
        platform=Platform.INTEL_SGX,
        status=TcbStatus.CONFIGURATION_AND_SW_HARDENING_NEEDED,
        advisories=("INTEL-SA-00289", "INTEL-SA-00615"),
        window=(1_750_330_571, 1_752_919_278),
    ),
    Genuine(
        name="tdx_v4_uptodate",
        at=1_751_000_000,
        platform=Platform.INTEL_TDX,
        status=TcbStatus.OK,
        advisories=(),
        window=(1_750_329_147, 1_752_919_234),
    ),
    Genuine(
        name="sgx_v3_icelake",
        at=1_755_236_700,
        platform=Platform.INTEL_SGX,
        status=TcbStatus.SW_HARDENING_NEEDED,
        advisories=("INTEL-SA-00615",),
    ),
)


def quote_of(name: str) -> bytes:
    """Return a vector's quote; skips the test where the vectors are not there."""
    return (_folder(name) / "quote.bin").read_bytes()


def collateral_of(name: str) -> DcapCollateral:
    """Return a vector's collateral; the debug quote shares another's."""
    folder = _folder("sgx_v3_hardening" if name == "sgx_v3_debug" else name)
    if (folder / "collateral.json").exists():
        return DcapCollateral.from_json((folder / "collateral.json").read_text())
    tcb_info = (folder / "sgx_tcbinfov3_00606a000000.json").read_text()
    qe_identity = (folder / "sgx_qeidentity_v4.json").read_text()
    tcb_text, tcb_signature = signed_part(tcb_info, "tcbInfo")
    qe_text, qe_signature = signed_part(qe_identity, "enclaveIdentity")
    signing = _pem(folder, "signing", "root")
    return DcapCollateral(
        pck_crl_issuer_chain=_pem(folder, "platform", "root"),
        root_ca_crl=(folder / "root_ca_crl.der").read_bytes(),
        pck_crl=(folder / "platform_crl.der").read_bytes(),
        tcb_info_issuer_chain=signing,
        tcb_info=tcb_text,
        tcb_info_signature=tcb_signature,
        qe_identity_issuer_chain=signing,
        qe_identity=qe_text,
        qe_identity_signature=qe_signature,
    )


def _folder(name: str) -> Path:
    return vectors_dir(f"attestation/{name}")


def _pem(folder: Path, *names: str) -> str:
    certificates = ((folder / f"{name}.der").read_bytes() for name in names)
    return pem(x509.load_der_x509_certificate(der) for der in certificates)
