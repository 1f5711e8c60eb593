"""The registry of TEE provers: typed reader and calldata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Function
from coprove.contracts.attestation.claims import CLAIMS_TYPE, QuoteClaims
from coprove.contracts.attestation.events import prover_events
from coprove.contracts.attestation.records import (
    ChallengeRecord,
    Liveness,
    LivenessStatus,
    ProverRecord,
    RegistryParameters,
)
from coprove.contracts.caller import ContractReader
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from coprove.contracts.attestation.events import ProverEvent
    from coprove.contracts.attestation.registration import Registration
    from coprove.contracts.caller import Block
    from coprove.rpc import RpcTransport

__all__ = [
    "CHALLENGER_ROLE",
    "GUARDIAN_ROLE",
    "POLICY_ROLE",
    "ProverRegistry",
    "answer_call",
    "ban_call",
    "challenge_call",
    "deregister_call",
    "deregister_signed_call",
    "pause_call",
    "register_call",
    "set_delegate_call",
    "set_parameters_call",
    "settle_call",
    "unpause_call",
    "void_evidence_call",
    "withdraw_call",
]

POLICY_ROLE: Final = "POLICY_ROLE"
"""Sets parameters and ends a pause; in the policy contract sets what is accepted."""
GUARDIAN_ROLE: Final = "GUARDIAN_ROLE"
"""Pauses, bans keys; in the policy contract withdraws measurements."""
CHALLENGER_ROLE: Final = "CHALLENGER_ROLE"
"""Challenges without a bond."""

_PARAMETERS = "(uint32,uint32,uint32,uint16,uint96)"
_PROVER = (
    "((address,uint64,uint8,uint8,uint8,bool,bytes32,uint48,uint48,uint48,uint32,uint32,bool,bool))"
)
_REGISTER = Function("registerTEEProver(bytes)")
_ANSWER = Function("submitLivenessChallenge(bytes)")
_DEREGISTER_SIGNED = Function("deregisterTEEProver(bytes)")
_DEREGISTER = Function("deregister(address)")
_CHALLENGE = Function("challengeProver(address)", "(bytes32)")
_SETTLE = Function("settleChallenge(address)")
_WITHDRAW = Function("withdraw(address)")
_SET_DELEGATE = Function("setDelegate(address,bool)")
_VOID_EVIDENCE = Function("voidEvidence(address)")
_BAN = Function("banProver(address)")
_PAUSE = Function("pause()")
_UNPAUSE = Function("unpause()")
_SET_PARAMETERS = Function(f"setParameters({_PARAMETERS})")
_STATUS = Function("checkTEEProverStatus(address)", "(bool)")
_LIVENESS = Function("livenessOf(address)", "(uint8,uint64)")
_PROVER_OF = Function("proverOf(address)", _PROVER)
_CHALLENGE_OF = Function("challengeOf(address)", "((address,uint64,uint32,uint96,uint64,bytes32))")
_NONCE_FOR = Function("nonceFor(address,address)", "(bytes32)")
_OPERATOR_NONCE = Function("operatorNonce(address)", "(uint256)")
_IS_DELEGATE = Function("isDelegate(address,address)", "(bool)")
_IS_USED = Function("isReplayKeyUsed(bytes32)", "(bool)")
_CREDITS = Function("credits(address)", "(uint256)")
_GET_PARAMETERS = Function("parameters()", f"({_PARAMETERS})")
_POLICY = Function("policy()", "(address)")
_PAUSED = Function("paused()", "(bool)")
_VERSION = Function("version()", "(string)")
_PREVIEW = Function("previewAttestation(bytes)", f"(address,{CLAIMS_TYPE})")


class ProverRegistry:
    """Reads a TEEProverRegistry; each method takes a block number or tag to read at.

    Errors: CallRevertedError with the contract's error by name, and those of the transport.
    """

    def __init__(self, transport: RpcTransport, address: Address) -> None:
        """Share the endpoint's transport."""
        self.contract = ContractReader(transport, address)

    @property
    def address(self) -> Address:
        """Address of the contract's proxy."""
        return self.contract.address

    async def is_live(self, prover: Address, *, block: Block = "latest") -> bool:
        """Whether a prover is registered and live."""
        return bool(await self.contract.call(_STATUS, bytes(prover), block=block))

    async def liveness(self, prover: Address, *, block: Block = "latest") -> LivenessStatus:
        """Return whether a prover is live, why not, and until when."""
        reason, until = await self.contract.call(_LIVENESS, bytes(prover), block=block)
        return LivenessStatus(liveness=Liveness(reason), until=until)

    async def prover(self, prover: Address, *, block: Block = "latest") -> ProverRecord | None:
        """Return a prover's record; None when its key never was registered."""
        return ProverRecord.from_abi(
            await self.contract.call(_PROVER_OF, bytes(prover), block=block)
        )

    async def challenge(
        self, prover: Address, *, block: Block = "latest"
    ) -> ChallengeRecord | None:
        """Return a prover's latest challenge, open or not; None when there never was one."""
        return ChallengeRecord.from_abi(
            await self.contract.call(_CHALLENGE_OF, bytes(prover), block=block)
        )

    async def nonce_for(
        self, prover: Address, operator: Address, *, block: Block = "latest"
    ) -> Hash32:
        """Return the nonce that a prover's next evidence must bind.

        The open challenge's, or else the operator's.
        """
        return Hash32(
            await self.contract.call(_NONCE_FOR, bytes(prover), bytes(operator), block=block)
        )

    async def operator_nonce(self, operator: Address, *, block: Block = "latest") -> int:
        """Return an operator's nonce; it rises when its outstanding evidence becomes void."""
        return int(await self.contract.call(_OPERATOR_NONCE, bytes(operator), block=block))

    async def is_delegate(
        self, operator: Address, account: Address, *, block: Block = "latest"
    ) -> bool:
        """Whether an account may act in an operator's name."""
        return bool(
            await self.contract.call(_IS_DELEGATE, bytes(operator), bytes(account), block=block)
        )

    async def is_replay_key_used(self, replay_key: Hash32, *, block: Block = "latest") -> bool:
        """Whether evidence with this replay key was used."""
        return bool(await self.contract.call(_IS_USED, bytes(replay_key), block=block))

    async def credits(self, account: Address, *, block: Block = "latest") -> int:
        """Return the wei that an account can withdraw."""
        return int(await self.contract.call(_CREDITS, bytes(account), block=block))

    async def parameters(self, *, block: Block = "latest") -> RegistryParameters:
        """Return times, ages and the bond."""
        return RegistryParameters.from_abi(await self.contract.call(_GET_PARAMETERS, block=block))

    async def policy(self, *, block: Block = "latest") -> Address:
        """Return the policy contract."""
        return Address.from_hex(await self.contract.call(_POLICY, block=block), "policy")

    async def paused(self, *, block: Block = "latest") -> bool:
        """Whether nothing is registered and nobody live for now."""
        return bool(await self.contract.call(_PAUSED, block=block))

    async def version(self, *, block: Block = "latest") -> str:
        """Return the semantic version of the implementation."""
        return str(await self.contract.call(_VERSION, block=block))

    async def preview(
        self, registration: Registration, *, block: Block = "latest"
    ) -> tuple[Address, QuoteClaims]:
        """Check a registration or an answer as the contract would, but for the consent.

        Returns the prover's address and what its evidence says; CallRevertedError names what is
        wrong, such as ReportDataMismatch, BlockHashMismatch or MeasurementNotActive.
        """
        prover, claims = await self.contract.call(_PREVIEW, registration.encode(), block=block)
        return Address.from_hex(prover, "prover"), QuoteClaims.from_abi(claims)

    async def events(
        self, *, first: int, last: Block = "latest", prover: Address | None = None
    ) -> list[ProverEvent]:
        """Return what happened between two blocks, both included, in the chain's order.

        With `prover` to that one alone.
        """
        return await prover_events(self.contract, first=first, last=last, prover=prover)


def register_call(registration: Registration) -> bytes:
    """Return the calldata that registers or renews a prover."""
    return _REGISTER.encode(registration.encode())


def answer_call(registration: Registration) -> bytes:
    """Return the calldata that answers the challenge whose nonce the registration binds."""
    return _ANSWER.encode(registration.encode())


def deregister_signed_call(signature: bytes) -> bytes:
    """Return the calldata that takes a prover out; for its operator.

    `signature` is the prover's over `deregistration_digest`.
    """
    return _DEREGISTER_SIGNED.encode(signature)


def deregister_call(prover: Address) -> bytes:
    """Return the calldata that takes a prover out; for its operator or a delegate."""
    return _DEREGISTER.encode(bytes(prover))


def challenge_call(prover: Address) -> bytes:
    """Return the calldata that challenges a prover; the bond goes with it as value."""
    return _CHALLENGE.encode(bytes(prover))


def settle_call(prover: Address) -> bytes:
    """Return the calldata that settles a challenge whose deadline has passed."""
    return _SETTLE.encode(bytes(prover))


def withdraw_call(to: Address) -> bytes:
    """Return the calldata that sends the caller what it is owed."""
    return _WITHDRAW.encode(bytes(to))


def set_delegate_call(delegate: Address, *, allowed: bool) -> bytes:
    """Return the calldata by which an operator lets an account act in its name, or not."""
    return _SET_DELEGATE.encode(bytes(delegate), allowed)


def void_evidence_call(operator: Address) -> bytes:
    """Return the calldata that makes an operator's unused evidence void."""
    return _VOID_EVIDENCE.encode(bytes(operator))


def ban_call(prover: Address) -> bytes:
    """Return the calldata that bans a key for ever; for the guardian."""
    return _BAN.encode(bytes(prover))


def pause_call() -> bytes:
    """Return the calldata that pauses the registry; for the guardian."""
    return _PAUSE.encode()


def unpause_call() -> bytes:
    """Return the calldata that ends a pause; for the policy role."""
    return _UNPAUSE.encode()


def set_parameters_call(parameters: RegistryParameters) -> bytes:
    """Return the calldata that sets times, ages and the bond; for the policy role."""
    return _SET_PARAMETERS.encode(parameters.to_abi())
