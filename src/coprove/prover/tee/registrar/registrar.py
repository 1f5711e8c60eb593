"""One prover kept registered: a pass asks prover and registry how they stand, and does one step."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.attestation import EvidenceRejectedError, ProverBinding, Rejection
from coprove.contracts import CallRevertedError, TransactionRevertedError
from coprove.contracts.attestation import (
    PolicyContract,
    ProverState,
    Registration,
    reference_block,
)
from coprove.contracts.attestation.registry import (
    deregister_call,
    settle_call,
)
from coprove.prover.tee.registrar.decision import Action, Standing, Step
from coprove.prover.tee.registrar.errors import ForeignProverError
from coprove.prover.tee.registrar.route import DirectRoute
from coprove.rpc import L1Client
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from coprove.attestation import Claims
    from coprove.attestation.appraisal import Evidence
    from coprove.contracts import TransactionManager
    from coprove.contracts.attestation import ProverRegistry
    from coprove.prover.tee.registrar.client import ProverIdentity, TeeProverClient
    from coprove.prover.tee.registrar.collateral import CollateralSource
    from coprove.prover.tee.registrar.route import RegistrationRoute
    from coprove.rpc import RpcTransport
    from coprove.types import Address, Hash32

__all__ = ["Registrar", "RegistrarOptions"]

_log = get_logger(part="registrar")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrarOptions:
    """How a prover is kept registered."""

    margin: int = 300
    """Seconds before the end of a registration at which it is renewed; at most half its time."""
    block_depth: int = 1
    """How far below the head the block lies that evidence refers to; more outlasts reorgs."""


class Registrar:
    """Keeps one TEE prover registered in the name of the transaction manager's account.

    A prover that starts again has a new key: it is registered, and the key that is gone is taken
    out. Nothing is kept here but those keys; everything else is asked of prover and chain. What the
    prover says is not enough to take a key out or to pay for collateral: its host may say anything.
    """

    def __init__(
        self,
        *,
        transport: RpcTransport,
        chain_id: int,
        manager: TransactionManager,
        registry: ProverRegistry,
        prover: TeeProverClient,
        collateral: CollateralSource,
        options: RegistrarOptions,
        route: RegistrationRoute | None = None,
        operator: Address | None = None,
    ) -> None:
        """All of them are the caller's to open and close.

        `manager` signs as the operator, or as a delegate of `operator`. `route` is the way to the
        registry, by default the direct one.
        """
        self._transport, self._chain_id = transport, chain_id
        self._manager, self._registry = manager, registry
        self._prover, self._collateral, self._options = prover, collateral, options
        self._route = route or DirectRoute(manager, registry)
        self._operator = operator or manager.address
        self._shown: Address | None = None
        """The key whose evidence was brought last: there was an enclave that has it."""
        self._gone: set[Address] = set()
        """Keys that were shown before it, and are to be taken out."""
        self._replaced: set[Address] = set()
        """All keys that were ever shown before it."""

    @property
    def operator(self) -> Address:
        """Who answers for the prover."""
        return self._operator

    async def tick(self) -> Action:
        """Do what is next, and return what that was.

        Errors: those of the client, of the collateral's source, ForeignProverError,
        EvidenceRejectedError before collateral is paid for, CallRevertedError with the contract's
        own name for what it refuses, and the transport's.
        """
        identity = await self._prover.identity()
        if identity.address in self._replaced:
            raise ForeignProverError(
                f"{identity.address} answers again, though {self._shown} had come after it: two "
                "provers share the URL"
            )
        standing = await self.standing(identity.address)
        action = await self._route.action(
            identity.address, standing, operator=self.operator, margin=self._options.margin
        )
        if action.step is Step.SETTLE:
            await self._settle(identity.address, standing)
        elif action.step is not Step.WAIT:
            await self._attest(identity, action, standing)
        for key in sorted(self._gone):
            await self._retire(key)
        return action

    async def standing(self, prover: Address) -> Standing:
        """Return how a key stands, all of it at one block."""
        head = await L1Client(self._transport).block_ref("latest")
        record, status, challenge = await asyncio.gather(
            self._registry.prover(prover, block=head.number),
            self._registry.liveness(prover, block=head.number),
            self._registry.challenge(prover, block=head.number),
        )
        return Standing(record=record, status=status, challenge=challenge, now=head.timestamp)

    async def _attest(self, identity: ProverIdentity, action: Action, standing: Standing) -> None:
        prover = identity.address
        nonce = await self._registry.nonce_for(prover, self.operator)
        binding = await self._binding(identity, nonce)
        evidence = await self._prover.evidence(binding)
        registration = Registration(
            binding=binding, evidence=await self._brought(evidence, binding)
        )
        key = f"{action.step}/{prover}/{binding.block_hash}"
        try:
            await self._route.bring(registration, action.step, key=key)
        except CallRevertedError as error:
            if not (action.step is Step.ANSWER and error.error == "NoChallenge"):
                raise
            # A pause has made the challenge void: it is there, but not to be answered.
            await self._settle(prover, standing)
            return
        if self._shown not in (None, prover):
            self._gone.add(self._shown)
            self._replaced.add(self._shown)
        self._shown = prover
        _log.info(
            "attested",
            step=action.step.value,
            why=action.why,
            prover=str(prover),
            platform=identity.platform.value,
            measurement_id=identity.measurement_id.hex0x,
            simulated=identity.simulated,
        )

    async def _brought(self, evidence: Evidence, binding: ProverBinding) -> bytes:
        """Bring what the evidence needs on chain; return it as the contract reads it."""
        async with self._collateral.bringing:
            prepared = await self._collateral.prepare(evidence)
            if prepared.calls:
                await self._check(prepared.claims, binding)
            for item in prepared.calls:
                # The block makes a new try a new intent: what failed once may succeed later.
                key = f"collateral/{item.name}/{binding.block_hash[:8].hex()}"
                try:
                    await self._manager.send(key=key, to=item.call.to, data=item.call.data)
                except (CallRevertedError, TransactionRevertedError):
                    again = await self._collateral.prepare(evidence)
                    if item.name in {call.name for call in again.calls}:
                        raise
                    # Somebody else was quicker.
            return prepared.evidence

    async def _check(self, claims: Claims | None, binding: ProverBinding) -> None:
        """Refuse evidence that the registry would refuse whatever collateral is brought for it."""
        if claims is None:
            detail = "not verified, so nothing is paid for its collateral"
            raise EvidenceRejectedError(Rejection.COLLATERAL, detail)
        binding.check(claims.report_data)
        policy = PolicyContract(self._transport, await self._registry.policy())
        if not await policy.is_measurement_active(claims.measurement_id):
            detail = f"{claims.measurement_id.hex0x} is not active in the policy"
            raise EvidenceRejectedError(Rejection.MEASUREMENT, detail)

    async def _binding(self, identity: ProverIdentity, nonce: Hash32) -> ProverBinding:
        number, block_hash = await reference_block(self._transport, depth=self._options.block_depth)
        return ProverBinding(
            chain_id=self._chain_id,
            verifier=self._registry.address,
            operator=self.operator,
            platform=identity.platform,
            public_key=identity.public_key,
            block_number=number,
            block_hash=block_hash,
            nonce=nonce,
        )

    async def _settle(self, prover: Address, standing: Standing) -> None:
        nonce = "" if standing.challenge is None else standing.challenge.nonce.hex0x
        key = f"settle/{prover}/{nonce}"
        await self._manager.send(key=key, to=self._registry.address, data=settle_call(prover))
        _log.warning("challenge settled", prover=str(prover))

    async def _retire(self, gone: Address) -> None:
        """Take a key out that this prover had before it started again."""
        record = await self._registry.prover(gone)
        if (
            record is not None
            and record.state is ProverState.REGISTERED
            and record.operator == self.operator
            and not record.challenged
        ):
            key = f"deregister/{gone}/{record.attested_at}"
            await self._manager.send(key=key, to=self._registry.address, data=deregister_call(gone))
            _log.info("deregistered a key that is gone", prover=str(gone))
        self._gone.discard(gone)
