"""The contracts that verify DCAP quotes: deployment, and the collateral that they have to be told.

Collateral is public and checked by the contract itself, so whoever needs it there brings it. What
is there already is found out first: only what is missing or newer is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from coprove.attestation.dcap import (
    INTEL_ROOT,
    RootCertificate,
    parse_crl,
    parse_pck,
    parse_qe_identity,
    parse_quote,
    parse_tcb_info,
    verify_quote,
)
from coprove.attestation.dcap.certificates import parse_pem_chain
from coprove.attestation.errors import EvidenceFormatError
from coprove.contracts.abi import Function
from coprove.contracts.artifacts import load_artifact
from coprove.contracts.caller import ContractReader
from coprove.contracts.oracle_deployment import create
from coprove.contracts.settlement import ContractCall
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from coprove.attestation import Claims
    from coprove.attestation.dcap import Certificate, DcapCollateral, QeIdentity, TcbInfo
    from coprove.contracts.transactions import TransactionManager
    from coprove.rpc import Json, RpcTransport

__all__ = ["DcapContracts", "DcapRegistry", "NamedCall", "deploy_dcap", "has_p256"]

_NONE: Final = Address(bytes(20))
_P256_PRECOMPILE: Final = "0x0000000000000000000000000000000000000100"
_P256_KNOWN: Final = (
    "bb5a52f42f9c9261ed4361f59422a1e30036e7c32b270c8807a419feca605023",
    f"{5:064x}",
    f"{1:064x}",
    "a71af64de5126a4a4e02b7922d66ce9415ce88a4c9d25514d91082c8725ac957",
    "5d47723c8fbe580bb369fec9c2665d8e30a435b9932645482e7c9f11e872296b",
)
"""Project Wycheproof, ecdsa_secp256r1_sha256_p1363: digest of "123400", r, s, x, y; it holds."""
_AUTHORITY: Final = Function(
    "authorityOf(bytes32)",
    "((uint8,bool,uint40,uint40,uint40,uint40,uint256,uint256,bytes32,bytes32))",
)
_PLATFORM: Final = Function(
    "platformOf(bytes32)",
    "((uint256,uint256,bytes16,uint16,bytes2,bytes6,uint40,uint40,uint160,uint16))",
)
_DOCUMENT: Final = "((address,uint40,uint40,uint16))"
_TCB_INFO: Final = Function("tcbInfoOf(bytes6,bytes2,bool)", _DOCUMENT)
_QE_IDENTITY: Final = Function("qeIdentityOf(bool)", _DOCUMENT)
_PACKED: Final = re.compile(r"0x00[0-9a-fA-F]{8}")
_ROOT: Final = Function("ROOT_ID()", "(bytes32)")
_SIMULATED: Final = Function("SIMULATED()", "(bool)")
_REGISTER_AUTHORITY: Final = Function("registerAuthority(bytes)")
_REGISTER_CRL: Final = Function("registerCrl(bytes32,bytes)")
_REGISTER_TCB_INFO: Final = Function("registerTcbInfo(bytes,uint256,uint256,bytes32)")
_REGISTER_QE_IDENTITY: Final = Function("registerQeIdentity(bytes,uint256,uint256,bytes32)")
_REGISTER_PLATFORM: Final = Function("registerPlatform(bytes32,bytes)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DcapContracts:
    """Where quotes are verified."""

    collateral: Address
    """DcapCollateral: certificates, revocation lists, TCB info, QE identities, platforms."""
    verifier: Address
    """DcapVerifier, which the attestation policy asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCall:
    """A transaction to send once, and what it is called."""

    name: str
    """Kind and content, such as `tcb-info/3f…`: for an intent's key."""
    call: ContractCall
    """The call itself."""


async def has_p256(transport: RpcTransport) -> bool:
    """Whether the chain has the P256VERIFY precompile (EIP-7951), found out by using it."""
    request: dict[str, Json] = {"to": _P256_PRECOMPILE, "data": "0x" + "".join(_P256_KNOWN)}
    return await transport.call("eth_call", [request, "latest"]) == f"0x{1:064x}"


async def deploy_dcap(
    manager: TransactionManager,
    transport: RpcTransport,
    *,
    key: str,
    root: RootCertificate = INTEL_ROOT,
) -> DcapContracts:
    """Deploy collateral registry and verifier; the fallback too where the precompile is missing.

    Another root than Intel's is a simulation's: CallRevertedError NotADevChain elsewhere. `key`
    names the deployment, which goes on where it stopped when called again with it.
    """
    fallback = _NONE
    if not await has_p256(transport):
        fallback = await create(manager, f"{key}/p256", load_artifact("P256Fallback"))
    collateral = await create(
        manager,
        f"{key}/dcap-collateral",
        load_artifact("DcapCollateral"),
        root.der,
        bytes(fallback),
    )
    verifier = await create(
        manager,
        f"{key}/dcap-verifier",
        load_artifact("DcapVerifier"),
        bytes(collateral),
        bytes(fallback),
    )
    return DcapContracts(collateral=collateral, verifier=verifier)


class DcapRegistry:
    """Reads a DcapCollateral contract and says what it has to be told."""

    def __init__(self, transport: RpcTransport, address: Address) -> None:
        """Share the endpoint's transport."""
        self._transport = transport
        self._reader = ContractReader(transport, address)
        self.address = address

    async def root_id(self) -> bytes:
        """Return keccak256 of the root certificate at which all chains must end."""
        return bytes(await self._reader.call(_ROOT))

    async def simulated(self) -> bool:
        """Whether the root is another one than Intel's."""
        return bool(await self._reader.call(_SIMULATED))

    async def missing(self, collateral: DcapCollateral, quote: bytes) -> list[NamedCall]:
        """Return the calls that a quote's verification still needs, in the order to send them.

        Sent by anyone, one after the other; the later ones rest on the earlier ones.
        EvidenceFormatError when quote or collateral do not parse, or end at another root. Nothing
        is verified here: the contract does that.
        """
        chain = await self._chain(quote)
        issuers = parse_pem_chain(collateral.pck_crl_issuer_chain.encode(), "PCK CRL issuer chain")
        if len(issuers) != 2:
            actual = f"{len(issuers)} certificates"
            raise EvidenceFormatError("PCK CRL issuer chain", expected="2", actual=actual)
        root = keccak256(chain[2].der)
        calls = await self._crl(root, collateral.root_ca_crl, "root CRL")
        calls += await self._authorities((chain[1], issuers[0]))
        calls += await self._crl(keccak256(issuers[0].der), collateral.pck_crl, "PCK CRL")
        calls += await self._documents(collateral)
        return calls + await self._platform(chain[0], chain[1])

    async def verify(self, collateral: DcapCollateral, quote: bytes) -> Claims:
        """Verify a quote off chain under the contract's own root, at the time of its latest block.

        So it is known before anything is paid for its collateral whether the quote is genuine.
        Errors are those of `verify_quote`, and EvidenceFormatError for another root.
        """
        chain = await self._chain(quote)
        root = RootCertificate.from_der(chain[2].der)
        now = await self._reader.block_time("latest")
        return verify_quote(quote, collateral, at=now, root=root)

    async def _chain(self, quote: bytes) -> Sequence[Certificate]:
        """Return leaf, CA and root of a quote's PCK chain, not verified but for the root's hash."""
        chain = parse_pem_chain(parse_quote(quote).certification, "PCK chain")
        if len(chain) != 3:
            actual = f"{len(chain)} certificates"
            raise EvidenceFormatError("PCK chain", expected="3 certificates", actual=actual)
        root, found = await self.root_id(), keccak256(chain[2].der)
        if found != root:
            raise EvidenceFormatError(
                "root of the PCK chain", expected=f"0x{root.hex()}", actual=f"0x{found.hex()}"
            )
        return chain

    async def _authorities(self, certificates: Iterable[Certificate]) -> list[NamedCall]:
        calls = {}
        for certificate in certificates:
            found = await self._reader.call(_AUTHORITY, keccak256(certificate.der))
            if found[0] == 0:
                data = _REGISTER_AUTHORITY.encode(certificate.der)
                calls[certificate.der] = self._named("authority", data)
        return list(calls.values())

    async def _crl(self, issuer: bytes, der: bytes, what: str) -> list[NamedCall]:
        found = await self._reader.call(_AUTHORITY, issuer)
        if parse_crl(der, what).this_update <= found[4]:
            return []
        return [self._named("crl", _REGISTER_CRL.encode(issuer, der))]

    async def _documents(self, collateral: DcapCollateral) -> list[NamedCall]:
        tcb_info = parse_tcb_info(collateral.tcb_info)
        found = await self._reader.call(
            _TCB_INFO, tcb_info.fmspc, tcb_info.pce_id, tcb_info.id == "TDX"
        )
        calls = []
        if await self._takes(tcb_info, found):
            calls += await self._document(
                "tcb-info",
                _REGISTER_TCB_INFO,
                collateral.tcb_info,
                collateral.tcb_info_signature,
                collateral.tcb_info_issuer_chain,
            )
        identity = parse_qe_identity(collateral.qe_identity)
        found = await self._reader.call(_QE_IDENTITY, identity.id == "TD_QE")
        if await self._takes(identity, found):
            calls += await self._document(
                "qe-identity",
                _REGISTER_QE_IDENTITY,
                collateral.qe_identity,
                collateral.qe_identity_signature,
                collateral.qe_identity_issuer_chain,
            )
        known: dict[str, NamedCall] = {}
        for call in calls:
            known.setdefault(call.name, call)
        return list(known.values())

    async def _takes(self, document: TcbInfo | QeIdentity, found: tuple[Any, ...]) -> bool:
        """Whether the contract takes a document in place of the one that it has.

        Neither date nor evaluation may go back: once anyone has brought Intel's early documents,
        the standard ones are refused until they catch up, however new they are.
        """
        packed, issue_date = Address.from_hex(found[0], "document"), int(found[1])
        if packed == _NONE:
            return True
        if document.issue_date < issue_date:
            return False
        code = await self._transport.call("eth_getCode", [packed.hex0x, "latest"])
        if not isinstance(code, str) or not _PACKED.match(code):
            raise InputError("eth_getCode", expected="a packed document", actual=code)
        # Behind the byte that stops every call.
        number = int(code[4:12], 16)
        return document.evaluation_number >= number and (
            document.evaluation_number > number or document.issue_date > issue_date
        )

    async def _document(
        self, kind: str, function: Function, text: str, signature: bytes, chain: str
    ) -> list[NamedCall]:
        signers = parse_pem_chain(chain.encode(), f"{kind} issuer chain")
        if not signers:
            raise EvidenceFormatError(f"{kind} issuer chain", expected="a signer", actual="none")
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        data = function.encode(text.encode(), r, s, keccak256(signers[0].der))
        return [*await self._authorities(signers[:1]), self._named(kind, data)]

    async def _platform(self, certificate: Certificate, issuer: Certificate) -> list[NamedCall]:
        parse_pck(certificate)
        found = await self._reader.call(_PLATFORM, keccak256(certificate.der))
        if found[9] != 0:
            return []
        data = _REGISTER_PLATFORM.encode(keccak256(issuer.der), certificate.der)
        return [self._named("platform", data)]

    def _named(self, kind: str, data: bytes) -> NamedCall:
        call = ContractCall(to=self.address, data=data)
        return NamedCall(name=f"{kind}/{keccak256(data)[:8].hex()}", call=call)
