"""Evidence before the contracts: everything it needs in one `eth_call`, at any time."""

import http.client
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import decode, encode

from coprove.attestation import Claims
from coprove.attestation.dcap import DcapCollateral
from coprove.attestation.dcap.certificates import parse_pem_chain
from coprove.attestation.dcap.quote import _read as read_quote
from coprove.attestation.dcap.stripped import encode_evidence, platform_id, strip_quote
from coprove.contracts.foundry_tools import Anvil, start_anvil
from coprove.primitives import keccak256
from tests.integration.dcap_guards import Build, switch

__all__ = ["Chain", "Document", "OnChainClaims", "Presented", "presented", "running_chain"]

PRESENTER = "0x" + "77" * 20
DOCUMENT = "(bytes,uint256,uint256,bytes)"
PRESENTED = f"(bytes,bytes,bytes,bytes,{DOCUMENT}[],{DOCUMENT}[],bytes,bytes,(bytes,bytes)[],bytes)"
CLAIMS = "(uint8,bytes32,bytes32,uint32,bytes32,uint8,uint64,bytes32,bool)"
GAS = 900_000_000


@dataclass(frozen=True, kw_only=True)
class Document:
    """TCB info or a QE identity with who is said to have signed it."""

    text: bytes
    signature: bytes
    signer: bytes

    def words(self) -> tuple[bytes, int, int, bytes]:
        r, s = self.signature[:32], self.signature[32:]
        return self.text, int.from_bytes(r, "big"), int.from_bytes(s, "big"), self.signer


@dataclass(frozen=True, kw_only=True)
class Presented:
    """What is registered in this order, and the quote that is then verified."""

    root: bytes
    root_crl: bytes
    ca: bytes
    pck_crl: bytes
    tcb_infos: tuple[Document, ...]
    qe_identities: tuple[Document, ...]
    issuer: bytes
    platform: bytes
    quote: bytes
    """Stripped."""
    at: int
    """Unix seconds."""
    later: tuple[tuple[bytes, bytes], ...] = ()
    """Issuer and CRL, registered after the platform."""
    evidence: bytes | None = None
    """In place of what platform and quote make."""

    def calldata(self) -> bytes:
        evidence = self.evidence
        if evidence is None:
            evidence = encode_evidence(platform_id(self.platform), self.quote)
        values = (
            self.root,
            self.root_crl,
            self.ca,
            self.pck_crl,
            [document.words() for document in self.tcb_infos],
            [document.words() for document in self.qe_identities],
            self.issuer,
            self.platform,
            list(self.later),
            evidence,
        )
        selector = keccak256(f"present({PRESENTED})".encode())[:4]
        return selector + bytes(encode([PRESENTED], [values]))


@dataclass(frozen=True, kw_only=True)
class OnChainClaims:
    """`QuoteClaims`."""

    platform: int
    measurement: bytes
    signer: bytes
    security_version: int
    report_digest: bytes
    status: int
    valid_until: int
    replay_key: bytes
    simulated: bool

    def equal(self, claims: Claims) -> bool:
        """Whether they say what the Python verifier says."""
        signer = claims.signer if claims.platform.number == 1 else bytes(32)
        return self == OnChainClaims(
            platform=claims.platform.number,
            measurement=claims.measurement_id,
            signer=signer or b"",
            security_version=claims.security_version or 0,
            report_digest=claims.report_data[:32],
            status=claims.tcb_status,
            valid_until=claims.valid_until,
            replay_key=claims.replay_key,
            simulated=claims.simulated,
        )


def presented(quote: bytes, collateral: DcapCollateral, *, root: bytes, at: int) -> Presented:
    """Return what to present for a quote with certificates and collateral.

    No rule is applied to the quote. EvidenceFormatError when it or a chain cannot be taken apart.
    """
    parsed = read_quote(quote)
    chain = parse_pem_chain(parsed.certification, "PCK chain")
    tcb_info = Document(
        text=collateral.tcb_info.encode(),
        signature=collateral.tcb_info_signature,
        signer=_first(collateral.tcb_info_issuer_chain),
    )
    qe_identity = Document(
        text=collateral.qe_identity.encode(),
        signature=collateral.qe_identity_signature,
        signer=_first(collateral.qe_identity_issuer_chain),
    )
    return Presented(
        root=root,
        root_crl=collateral.root_ca_crl,
        ca=_first(collateral.pck_crl_issuer_chain),
        pck_crl=collateral.pck_crl,
        tcb_infos=(tcb_info,),
        qe_identities=(qe_identity,),
        issuer=chain[1].der,
        platform=chain[0].der,
        quote=strip_quote(parsed),
        at=at,
    )


def _first(chain: str) -> bytes:
    return parse_pem_chain(chain.encode(), "chain")[0].der


@dataclass(frozen=True, kw_only=True)
class Chain:
    """An anvil with the presenter."""

    anvil: Anvil
    build: Build
    names: Mapping[str, str] = field(default_factory=dict)

    def present(self, it: Presented, *, without: Iterable[int] = ()) -> OnChainClaims | str:
        """Return the claims, or the name of the error; without some checks if so wished."""
        answer = self.call(it.calldata(), at=it.at, without=without)
        if isinstance(answer, str):
            return answer
        names = OnChainClaims.__dataclass_fields__
        return OnChainClaims(**dict(zip(names, decode([CLAIMS], answer)[0], strict=True)))

    def call(
        self,
        data: bytes,
        *,
        at: int,
        without: Iterable[int] = (),
        contract: str = "DcapPresenter",
    ) -> bytes | str:
        """Call a contract that is put in place for this call alone."""
        code = self.build.artifacts[contract]["deployedBytecode"]["object"]
        overrides: dict[str, Any] = {switch(number): {"balance": "0x1"} for number in without}
        overrides[PRESENTER] = {"code": code}
        transaction = {"to": PRESENTER, "data": f"0x{data.hex()}", "gas": hex(GAS)}
        answer = self._rpc("eth_call", transaction, "latest", overrides, {"time": hex(at)})
        if "error" in answer:
            selector = str(answer["error"].get("data", ""))[2:10]
            return self.names.get(selector, f"unnamed: {answer['error']}")
        return bytes.fromhex(answer["result"][2:])

    def _rpc(self, method: str, *params: object) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.anvil.port, timeout=60)
        try:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            connection.request("POST", "/", json.dumps(body), {"content-type": "application/json"})
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return answer


@contextmanager
def running_chain(
    build: Build, *, chain_id: int = 31337, hardfork: str = "osaka"
) -> Iterator[Chain]:
    """Start an anvil without limits on gas and code, since all is done in one call."""
    limits = ("--disable-code-size-limit", f"--gas-limit={GAS + 100_000_000}")
    with start_anvil(block_time=None, chain_id=chain_id, hardfork=hardfork, extra=limits) as anvil:
        yield Chain(anvil=anvil, build=build, names=_error_names(build))


def _error_names(build: Build) -> dict[str, str]:
    names = {}
    for artifact in build.artifacts.values():
        for entry in artifact["abi"]:
            if entry["type"] == "error":
                kinds = ",".join(parameter["type"] for parameter in entry["inputs"])
                signature = f"{entry['name']}({kinds})"
                names[keccak256(signature.encode())[:4].hex()] = entry["name"]
    return names
