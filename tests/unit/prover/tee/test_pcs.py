"""Collateral over the API of Intel's service, from a server that answers as it does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote as url_quote

import pytest
from aiohttp import web

from coprove.attestation import EvidenceFormatError
from coprove.attestation.dcap import DcapCollateral, verify_quote
from coprove.attestation.simulation.collateral import CollateralSpec
from coprove.attestation.simulation.intel import QuoteSpec, SimulatedIntel, sgx_report, td_report
from coprove.attestation.simulation.pck import PlatformSpec
from coprove.cli import main
from coprove.errors import InputError
from coprove.prover.tee.registrar import CollateralUnavailableError, PcsClient, PcsOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

INTEL = SimulatedIntel("pcs")
AT = INTEL.start + 3600
PROCESSOR = PlatformSpec(label="single", processor_ca=True, settings=None)


class Service:
    """Answers as Intel's service, or as a PCCS, which gives CRLs in hex."""

    def __init__(self) -> None:
        """Begin as Intel's."""
        self.hex = False
        self.status = 200
        self.drop: str | None = None
        self.asked: list[str] = []
        self.url = ""

    def collateral(self, *, tdx: bool, processor: bool = False) -> DcapCollateral:
        platform = PROCESSOR if processor else PlatformSpec()
        return INTEL.collateral(CollateralSpec(tdx=tdx, platform=platform))

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        if self.status != 200:
            return web.Response(status=self.status)
        tee = request.path.split("/")[1]
        found = self.collateral(tdx=tee == "tdx", processor=request.query.get("ca") == "processor")
        tail = request.path.rpartition("/v4/")[2]
        if tail == "tcb":
            assert request.query["fmspc"] == PlatformSpec().fmspc.hex()
            return self._signed("tcbInfo", found.tcb_info, found.tcb_info_signature)
        if tail == "qe/identity":
            return self._signed("enclaveIdentity", found.qe_identity, found.qe_identity_signature)
        if tail == "pckcrl":
            chain = found.pck_crl_issuer_chain
            return self._crl(found.pck_crl, {"SGX-PCK-CRL-Issuer-Chain": url_quote(chain)})
        assert tail == "rootcacrl"
        return self._crl(found.root_ca_crl, {})

    def _signed(self, member: str, text: str, signature: bytes) -> web.Response:
        chain = url_quote(self.collateral(tdx=False).tcb_info_issuer_chain)
        name = {"tcbInfo": "TCB-Info", "enclaveIdentity": "SGX-Enclave-Identity"}[member]
        headers = {f"{name}-Issuer-Chain": chain}
        body = f'{{"{member}":{text},"signature":"{signature.hex()}"}}'
        return web.Response(text=body, headers=self._kept(headers))

    def _crl(self, der: bytes, headers: dict[str, str]) -> web.Response:
        return web.Response(
            body=der.hex().encode() if self.hex else der, headers=self._kept(headers)
        )

    def _kept(self, headers: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in headers.items() if name != self.drop}


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    found = Service()
    app = web.Application()
    app.router.add_get("/{rest:.*}", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


QUOTES = {
    "SGX": QuoteSpec(body=sgx_report()),
    "TDX": QuoteSpec(body=td_report(), version=4),
    "single processor": QuoteSpec(body=sgx_report(), platform=PROCESSOR),
}


@pytest.mark.parametrize("as_hex", [False, True])
@pytest.mark.parametrize("kind", QUOTES)
async def test_what_is_fetched_verifies_the_quote(
    service: Service, kind: str, *, as_hex: bool
) -> None:
    """The exact signed bytes arrive, with their chains; a PCCS gives CRLs in hex."""
    service.hex = as_hex
    quote = INTEL.quote(QUOTES[kind])
    async with PcsClient(PcsOptions(url=service.url)) as client:
        collateral = await client.collateral(quote)
        assert verify_quote(quote, collateral, at=AT, root=INTEL.root).simulated
        before = len(service.asked)
        assert await client.collateral(quote) is collateral
        assert len(service.asked) == before == 4


async def test_the_command_writes_what_verify_reads(service: Service, tmp_path: Path) -> None:
    """`coprove quote collateral`; what cannot be had ends with exit code 2."""
    quote, out = tmp_path / "quote.bin", tmp_path / "collateral.json"
    quote.write_bytes(INTEL.quote(QUOTES["TDX"]))

    def run(*arguments: object) -> object:
        with pytest.raises(SystemExit) as ended:
            main(["quote", "collateral", *map(str, arguments)])
        return ended.value.code

    given = (quote, "--pcs", service.url, "--out", out)
    assert await asyncio.to_thread(run, *given) == 0
    collateral = DcapCollateral.from_json(out.read_text())
    assert verify_quote(quote.read_bytes(), collateral, at=AT, root=INTEL.root).simulated
    service.status = 503
    assert await asyncio.to_thread(run, *given) == 2
    quote.write_bytes(b"no quote")
    assert await asyncio.to_thread(run, *given) == 2


async def test_what_is_kept_gets_old(service: Service) -> None:
    """Fetched again when the time is over."""
    quote = INTEL.quote(QUOTES["SGX"])
    async with PcsClient(PcsOptions(url=service.url, keep=0.0)) as client:
        await client.collateral(quote)
        await client.collateral(quote)
    assert len(service.asked) == 8


@pytest.mark.parametrize("status", [404, 429, 500])
async def test_a_service_that_has_nothing(service: Service, status: int) -> None:
    """Temporary: the registration goes on later."""
    service.status = status
    async with PcsClient(PcsOptions(url=service.url)) as client:
        with pytest.raises(CollateralUnavailableError, match=str(status)):
            await client.collateral(INTEL.quote(QUOTES["SGX"]))


@pytest.mark.parametrize(
    "header",
    ["TCB-Info-Issuer-Chain", "SGX-PCK-CRL-Issuer-Chain", "SGX-Enclave-Identity-Issuer-Chain"],
)
async def test_an_answer_without_its_chain(service: Service, header: str) -> None:
    """The error names the header."""
    service.drop = header
    async with PcsClient(PcsOptions(url=service.url)) as client:
        with pytest.raises(EvidenceFormatError, match=header):
            await client.collateral(INTEL.quote(QUOTES["SGX"]))


async def test_answers_are_bounded_and_quotes_checked_first(service: Service) -> None:
    """Nothing is asked for bytes that are no quote; a long answer is not kept."""
    async with PcsClient(PcsOptions(url=service.url, max_answer_bytes=100)) as client:
        with pytest.raises(EvidenceFormatError):
            await client.collateral(b"no quote")
        assert service.asked == []
        with pytest.raises(EvidenceFormatError, match="at most 100 bytes"):
            await client.collateral(INTEL.quote(QUOTES["SGX"]))


async def test_nobody_listens_and_no_secret_is_shown() -> None:
    """Temporary; URLs of another kind are refused."""
    options = PcsOptions(url="http://user:secret@127.0.0.1:9")
    assert "secret" not in repr(options)
    async with PcsClient(options) as client:
        with pytest.raises(CollateralUnavailableError) as failed:
            await client.collateral(INTEL.quote(QUOTES["SGX"]))
    assert "secret" not in str(failed.value)
    with pytest.raises(InputError, match="PCS URL"):
        PcsOptions(url="file:///etc/passwd")
    with pytest.raises(InputError, match="PCS URL"):
        replace(PcsOptions(), root_crl_url="gopher://somewhere")
