"""Attestors: who verifies SEV-SNP, Nitro and ARM evidence off chain and vouches for it on chain."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from eth_abi.abi import encode as abi_encode

from coprove.contracts.abi import Function
from coprove.contracts.attestation.claims import CLAIMS_TYPE, QuoteClaims
from coprove.contracts.attestation.registration import eip712_digest, eip712_domain
from coprove.contracts.caller import ContractReader
from coprove.primitives import keccak256
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from coprove.contracts.attestation.registration import DigestSigner
    from coprove.contracts.caller import Block
    from coprove.rpc import RpcTransport

__all__ = [
    "AttestorRules",
    "AttestorStatement",
    "Attestors",
    "Dispute",
    "DisputeState",
    "confirm_call",
    "confirmation_digest",
    "dispute_call",
    "settle_dispute_call",
    "sorted_signatures",
    "vouched_evidence",
]

_DOMAIN_NAME = "coprove attestors"
_STATEMENT_TYPE = (
    b"Statement(uint8 tee,bytes32 measurement,bytes32 signer,uint32 securityVersion,"
    b"bytes32 reportDigest,uint8 tcbStatus,uint64 validUntil,bytes32 replayKey,bool simulated,"
    b"bytes32 evidenceHash,uint64 signedAt)"
)
_CONFIRMATION_TYPE = b"Confirmation(bytes32 statement)"
_STATEMENT_ABI = f"({CLAIMS_TYPE},bytes32,uint64)"
_VERIFY = Function("verify(bytes)", f"({CLAIMS_TYPE})")
_RULES = Function("rules()", "(uint8,uint8,uint32,uint32,uint96)")
_IS_ATTESTOR = Function("isAttestor(address)", "(bool)")
_COUNT = Function("attestorCount()", "(uint256)")
_DISPUTES = Function("disputes(bytes32)", "(address,uint64,uint8,uint96,bytes32)")
_IS_DISPUTED = Function("isDisputed(bytes32)", "(bool)")
_DISPUTE = Function("dispute(bytes)")
_CONFIRM = Function("confirm(bytes32,bytes[])")
_SETTLE = Function("settle(bytes32)")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestorRules:
    """Numbers of signatures, times and the bond."""

    quorum: int
    """Attestors that must sign a statement."""
    confirmations: int
    """Attestors that must confirm a disputed one; at least the quorum."""
    max_age: int = 600
    """Seconds that a statement can be used for."""
    dispute_window: int = 24 * 3600
    """Seconds in which a disputed statement must be confirmed."""
    bond: int = 10**17
    """Wei that a dispute costs when the statement is confirmed."""

    def to_abi(self) -> tuple[int, ...]:
        """Return the contract's tuple."""
        return (self.quorum, self.confirmations, self.max_age, self.dispute_window, self.bond)

    @classmethod
    def from_abi(cls, values: tuple[int, ...]) -> Self:
        """Read the contract's values."""
        quorum, confirmations, max_age, window, bond = values
        return cls(
            quorum=quorum,
            confirmations=confirmations,
            max_age=max_age,
            dispute_window=window,
            bond=bond,
        )


class DisputeState(IntEnum):
    """How a dispute stands; an OPEN one after its deadline is as good as VOID."""

    NONE = 0
    OPEN = 1
    CONFIRMED = 2
    VOID = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A dispute about a statement."""

    disputer: Address
    """Who disputes it."""
    deadline: int
    """Unix seconds until which it can be confirmed, inclusive."""
    state: DisputeState
    """How it stands."""
    bond: int
    """Wei that it cost."""
    statement: Hash32
    """The statement's EIP-712 struct hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestorStatement:
    """What attestors sign after they verified evidence."""

    claims: QuoteClaims
    """What the evidence says."""
    evidence_hash: Hash32
    """keccak256 of the evidence."""
    signed_at: int
    """Unix seconds at which it was verified."""

    @classmethod
    def about(cls, evidence: bytes, claims: QuoteClaims, *, at: int) -> Self:
        """Return the statement about evidence that was verified at a time, in Unix seconds."""
        return cls(claims=claims, evidence_hash=Hash32(keccak256(evidence)), signed_at=at)

    def to_abi(self) -> tuple[Any, ...]:
        """Return the contract's tuple."""
        return (self.claims.to_abi(), bytes(self.evidence_hash), self.signed_at)

    def struct_hash(self) -> Hash32:
        """Return the EIP-712 hash of the statement without a domain."""
        words = abi_encode([_STATEMENT_ABI], [self.to_abi()])
        return Hash32(keccak256(keccak256(_STATEMENT_TYPE) + words))

    def digest(self, *, chain_id: int, verifier: Address) -> Hash32:
        """Return what attestors sign, for one AttestorVerifier on one chain."""
        return eip712_digest(eip712_domain(_DOMAIN_NAME, chain_id, verifier), self.struct_hash())


def confirmation_digest(statement: Hash32, *, chain_id: int, verifier: Address) -> Hash32:
    """Return what attestors sign to confirm a disputed statement, given by its struct hash."""
    struct = keccak256(keccak256(_CONFIRMATION_TYPE) + statement)
    return eip712_digest(eip712_domain(_DOMAIN_NAME, chain_id, verifier), struct)


def sorted_signatures(signatures: Mapping[Address, bytes]) -> list[bytes]:
    """Return signatures in ascending order of their signers, as the contract wants them."""
    return [signatures[signer] for signer in sorted(signatures, key=bytes)]


def vouched_evidence(statement: AttestorStatement, signatures: Mapping[Address, bytes]) -> bytes:
    """Return a statement with its signatures: the evidence that AttestorVerifier verifies."""
    return bytes(
        abi_encode([_STATEMENT_ABI, "bytes[]"], [statement.to_abi(), sorted_signatures(signatures)])
    )


class Attestors:
    """Reads an AttestorVerifier; each method takes a block number or tag to read at."""

    def __init__(self, transport: RpcTransport, address: Address, *, chain_id: int) -> None:
        """`chain_id` is that of the contract's chain, which signatures name."""
        self.contract = ContractReader(transport, address)
        self._chain_id = chain_id

    @property
    def address(self) -> Address:
        """Address of the contract."""
        return self.contract.address

    def sign(self, statement: AttestorStatement, signer: DigestSigner) -> bytes:
        """Return an attestor's signature over a statement."""
        return signer.sign_digest(statement.digest(chain_id=self._chain_id, verifier=self.address))

    def vouch(self, statement: AttestorStatement, *signers: DigestSigner) -> bytes:
        """Return evidence on chain: a statement with the signatures of attestors."""
        signatures = {signer.address: self.sign(statement, signer) for signer in signers}
        return vouched_evidence(statement, signatures)

    async def verify(self, evidence: bytes, *, block: Block = "latest") -> QuoteClaims:
        """Return what vouched evidence says; CallRevertedError names what is wrong with it."""
        return QuoteClaims.from_abi(await self.contract.call(_VERIFY, evidence, block=block))

    async def rules(self, *, block: Block = "latest") -> AttestorRules:
        """Return numbers of signatures, times and the bond."""
        return AttestorRules.from_abi(await self.contract.call(_RULES, block=block))

    async def is_attestor(self, account: Address, *, block: Block = "latest") -> bool:
        """Whether an account is an attestor."""
        return bool(await self.contract.call(_IS_ATTESTOR, bytes(account), block=block))

    async def count(self, *, block: Block = "latest") -> int:
        """Return the number of attestors."""
        return int(await self.contract.call(_COUNT, block=block))

    async def is_disputed(self, replay_key: Hash32, *, block: Block = "latest") -> bool:
        """Whether the claims of evidence are disputed or void."""
        return bool(await self.contract.call(_IS_DISPUTED, bytes(replay_key), block=block))

    async def dispute(self, replay_key: Hash32, *, block: Block = "latest") -> Dispute | None:
        """Return the dispute about evidence; None when there is none."""
        values = await self.contract.call(_DISPUTES, bytes(replay_key), block=block)
        disputer, deadline, state, bond, statement = values
        if state == DisputeState.NONE:
            return None
        return Dispute(
            disputer=Address.from_hex(disputer, "disputer"),
            deadline=deadline,
            state=DisputeState(state),
            bond=bond,
            statement=Hash32(statement),
        )


def dispute_call(evidence: bytes) -> bytes:
    """Return the calldata that disputes vouched evidence; the bond goes with it as value."""
    return _DISPUTE.encode(evidence)


def confirm_call(replay_key: Hash32, signatures: Mapping[Address, bytes]) -> bytes:
    """Return the calldata that confirms a disputed statement."""
    return _CONFIRM.encode(bytes(replay_key), sorted_signatures(signatures))


def settle_dispute_call(replay_key: Hash32) -> bytes:
    """Return the calldata that ends a dispute which nobody answered."""
    return _SETTLE.encode(bytes(replay_key))
