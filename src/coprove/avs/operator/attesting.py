"""The operator's prover kept attested: registered, live, and attached to the BLS key.

A registration reaches the registry through TEELivenessVerifier, which attaches the prover to the
key at once. It is renewed before its end; a prover that started again has another key and is
registered anew; a challenge is answered. `Registrar` decides, this is the way it takes.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts import CallRevertedError
from coprove.contracts.attestation.dcap import DcapRegistry
from coprove.contracts.attestation.liveness import ReportData, submit_liveness_proof_call
from coprove.contracts.attestation.registry import register_call
from coprove.primitives import keccak256
from coprove.prover.tee.registrar import (
    Action,
    DcapSource,
    Step,
    TeeProverClient,
    next_action,
)
from coprove.types import Hash32

if TYPE_CHECKING:
    from coprove.attestation import ProverBinding
    from coprove.attestation.appraisal import Evidence
    from coprove.avs.operator.discovery import OperatorContracts
    from coprove.contracts import TransactionManager
    from coprove.contracts.attestation import (
        DigestSigner,
        LivenessVerifier,
        ProverRegistry,
        Registration,
    )
    from coprove.prover.tee.registrar import PcsClient, Standing
    from coprove.prover.tee.registrar.client import TeeProverClientOptions
    from coprove.prover.tee.registrar.collateral import Prepared
    from coprove.types import Address

__all__ = ["FoundCollateral", "LivenessRoute", "TimedProver", "prover_address_hash"]

_REPLAYED: Final = "EvidenceReplayed"


def prover_address_hash(url: str) -> Hash32:
    """Return what goes on chain of a prover's endpoint: its hash, as with operators of the AVS."""
    return Hash32(keccak256(url.encode()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attached:
    """Whether a prover counts under the key, and for how long a report does."""

    is_live: bool
    validity: int


class LivenessRoute:
    """A `RegistrationRoute` through TEELivenessVerifier, under an operator's BLS key."""

    def __init__(
        self,
        *,
        manager: TransactionManager,
        registry: ProverRegistry,
        verifier: LivenessVerifier,
        public_key: bytes,
        endpoint: str,
        consent: DigestSigner | None,
    ) -> None:
        """`public_key` is X and Y of the BLS key; `endpoint` the prover's URL.

        `consent` signs for the operator that a new prover is its own. Without it (a remote signer
        signs transactions alone) the operator registers a new prover itself, in a transaction of
        its own, and `manager` must sign as the operator or its delegate.
        """
        self._manager, self._registry, self._verifier = manager, registry, verifier
        self._public_key, self._endpoint = public_key, prover_address_hash(endpoint)
        self._consent = consent
        self.submitted_at = 0
        """When evidence was brought last, Unix seconds; 0: not by this process."""

    async def action(
        self, prover: Address, standing: Standing, *, operator: Address, margin: int
    ) -> Action:
        """See RegistrationRoute; a prover that is registered and not attached is renewed."""
        found = next_action(standing, operator=operator, margin=margin)
        if found.step is not Step.WAIT or not standing.status.is_live or standing.record is None:
            return found
        attached = await self._attached(prover)
        if not attached.is_live:
            return Action(step=Step.RENEW, why="not attached to the operator's BLS key")
        left = standing.record.attested_at + attached.validity - standing.now
        if left <= min(margin, attached.validity // 2):
            return Action(step=Step.RENEW, why=f"{left} s are left of the report")
        return found

    async def bring(self, registration: Registration, step: Step, *, key: str) -> None:
        """See RegistrationRoute."""
        if step is Step.REGISTER:
            registration = await self._consented(registration, key)
        binding = registration.binding
        data = submit_liveness_proof_call(
            ReportData(
                public_key=self._public_key,
                block_number=binding.block_number,
                block_hash=binding.block_hash,
                prover_address_hash=self._endpoint,
            ),
            registration.encode(),
        )
        await self._manager.send(key=f"{key}/attach", to=self._verifier.address, data=data)
        self.submitted_at = int(time.time())

    async def _consented(self, registration: Registration, key: str) -> Registration:
        if self._consent is not None:
            return registration.consented(self._consent)
        data = register_call(registration)
        try:
            await self._manager.send(key=key, to=self._registry.address, data=data)
        except CallRevertedError as error:
            # Somebody brought the same report: it counts, and attaching is what is left.
            if error.error != _REPLAYED:
                raise
        return registration

    async def _attached(self, prover: Address) -> _Attached:
        return _Attached(
            is_live=await self._verifier.is_live(self._public_key, prover),
            validity=await self._verifier.validity_seconds(),
        )


class FoundCollateral:
    """A CollateralSource that asks the policy where a platform's collateral has to be."""

    def __init__(self, contracts: OperatorContracts, pcs: PcsClient) -> None:
        """`pcs` has what does not come with a quote."""
        self._contracts, self._pcs = contracts, pcs
        self.bringing = asyncio.Lock()

    async def prepare(self, evidence: Evidence) -> Prepared:
        """See CollateralSource."""
        place = await self._contracts.collateral(evidence.platform)
        registry = DcapRegistry(self._contracts.transport, place)
        return await DcapSource(registry, self._pcs).prepare(evidence)


class TimedProver(TeeProverClient):
    """A prover's client that remembers how long the last evidence took."""

    def __init__(self, options: TeeProverClientOptions) -> None:
        """See TeeProverClient."""
        super().__init__(options)
        self.report_ms = 0.0
        """Milliseconds that the last evidence took."""

    async def evidence(self, binding: ProverBinding) -> Evidence:
        """See TeeProverClient."""
        began = time.monotonic()
        found = await super().evidence(binding)
        self.report_ms = (time.monotonic() - began) * 1000
        return found
