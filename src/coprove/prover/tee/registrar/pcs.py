"""Collateral from Intel's provisioning certification service, or a PCCS that caches it.

Version 4 of the API. Nothing is verified here: whoever uses the collateral does that, so a service
that lies can only make a verification fail.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import aiohttp

from coprove.attestation import EvidenceFormatError
from coprove.attestation.dcap import DcapCollateral, parse_pck, parse_quote, signed_part
from coprove.attestation.dcap.certificates import parse_pem_chain
from coprove.closing import AsyncClosing
from coprove.errors import InputError
from coprove.prover.tee.registrar.errors import CollateralUnavailableError
from coprove.telemetry import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["INTEL_PCS", "INTEL_ROOT_CRL", "PcsClient", "PcsOptions"]

INTEL_PCS: Final = "https://api.trustedservices.intel.com"
"""Intel's own service."""
INTEL_ROOT_CRL: Final = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
"""Where Intel publishes what its root has revoked; a PCCS has it beside the rest."""
_CAS: Final = {
    "Intel SGX PCK Platform CA": "platform",
    "Intel SGX PCK Processor CA": "processor",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PcsOptions:
    """How collateral is fetched. Times are in seconds."""

    url: str = INTEL_PCS
    """Base URL of Intel's service or of a PCCS."""
    root_crl_url: str | None = None
    """URL of the root's CRL; None: Intel's for Intel's service, the PCCS's own otherwise."""
    timeout: float = 20.0
    """For each answer."""
    keep: float = 3600.0
    """How long what was fetched is used again."""
    max_answer_bytes: int = 4 << 20
    """Longest answer; PCK CRLs are the longest, some hundred thousand bytes."""

    def __post_init__(self) -> None:
        """Refuse URLs of no use; InputError without their secrets."""
        for url in (self.url, self.root_crl_url or self.url):
            if urlsplit(url).scheme not in ("http", "https"):
                actual = redact_url(url)
                raise InputError("PCS URL", expected="http:// or https://", actual=actual)

    def __repr__(self) -> str:
        """Show nothing that may be secret."""
        return f"PcsOptions({redact_url(self.url)})"


class PcsClient(AsyncClosing):
    """Fetches collateral for quotes, once for each kind of platform and while it is fresh."""

    def __init__(self, options: PcsOptions | None = None) -> None:
        """Nothing is opened yet."""
        self._options = options or PcsOptions()
        self._base = self._options.url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._kept: dict[tuple[str, str, str], tuple[float, DcapCollateral]] = {}

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def collateral(self, quote: bytes) -> DcapCollateral:
        """Return what belongs to a quote's platform.

        EvidenceFormatError when quote or answers do not parse, CollateralUnavailableError when the
        service does not answer.
        """
        parsed = parse_quote(quote)
        chain = parse_pem_chain(parsed.certification, "PCK chain")
        if len(chain) < 2:
            raise EvidenceFormatError("PCK chain", expected="a CA", actual=f"{len(chain)} of them")
        ca = _CAS.get(chain[1].common_name)
        if ca is None:
            expected, actual = " or ".join(_CAS), chain[1].common_name
            raise EvidenceFormatError("PCK CA", expected=expected, actual=actual)
        tee = "tdx" if parsed.is_tdx else "sgx"
        key = tee, parse_pck(chain[0]).fmspc.hex(), ca
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() - kept[0] < self._options.keep:
            return kept[1]
        found = await self._fetch(*key)
        self._kept[key] = time.monotonic(), found
        return found

    async def _fetch(self, tee: str, fmspc: str, ca: str) -> DcapCollateral:
        sgx, own = f"{self._base}/sgx/certification/v4", f"{self._base}/{tee}/certification/v4"
        root_crl = self._options.root_crl_url
        if root_crl is None:
            root_crl = INTEL_ROOT_CRL if self._base == INTEL_PCS else f"{sgx}/rootcacrl"
        (pck_crl, crl_heads), (tcb, tcb_heads), (qe, qe_heads), (root, _) = await asyncio.gather(
            self._get(f"{sgx}/pckcrl?ca={ca}&encoding=der"),
            self._get(f"{own}/tcb?fmspc={fmspc}"),
            self._get(f"{own}/qe/identity"),
            self._get(root_crl),
        )
        tcb_info, tcb_signature = signed_part(_text(tcb, "TCB info"), "tcbInfo")
        identity, qe_signature = signed_part(_text(qe, "QE identity"), "enclaveIdentity")
        return DcapCollateral(
            pck_crl_issuer_chain=_chain(crl_heads, "SGX-PCK-CRL-Issuer-Chain"),
            root_ca_crl=_der(root, "root CRL"),
            pck_crl=_der(pck_crl, "PCK CRL"),
            tcb_info_issuer_chain=_chain(tcb_heads, "TCB-Info-Issuer-Chain"),
            tcb_info=tcb_info,
            tcb_info_signature=tcb_signature,
            qe_identity_issuer_chain=_chain(qe_heads, "SGX-Enclave-Identity-Issuer-Chain"),
            qe_identity=identity,
            qe_identity_signature=qe_signature,
        )

    async def _get(self, url: str) -> tuple[bytes, Mapping[str, str]]:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        timeout, name = aiohttp.ClientTimeout(total=self._options.timeout), redact_url(url)
        try:
            async with self._session.get(url, timeout=timeout) as answer:
                limit = self._options.max_answer_bytes
                body = await answer.content.read(limit + 1)
                while len(body) <= limit and not answer.content.at_eof():
                    body += await answer.content.read(limit + 1 - len(body))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise CollateralUnavailableError(f"{name}: {type(error).__name__}") from None
        if answer.status != 200:
            raise CollateralUnavailableError(f"{name}: HTTP {answer.status}")
        if len(body) > limit:
            raise EvidenceFormatError(name, expected=f"at most {limit} bytes", actual="more")
        return body, answer.headers


def _chain(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if value is None:
        raise EvidenceFormatError(f"header {name}", expected="a PEM chain", actual="none")
    return unquote(value)


def _text(body: bytes, what: str) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise EvidenceFormatError(what, expected="UTF-8", actual=body[:40].hex()) from None


def _der(body: bytes, what: str) -> bytes:
    """Return DER; a PCCS gives it in hex."""
    if body[:1] == b"\x30" and not body.isalnum():
        return body
    try:
        return bytes.fromhex(body.decode().strip())
    except ValueError:
        raise EvidenceFormatError(what, expected="DER or hex", actual=body[:40].hex()) from None
