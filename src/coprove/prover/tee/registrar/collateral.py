"""What must be on chain before evidence counts there, and how the contract reads it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from coprove.attestation import Platform
from coprove.attestation.dcap import DcapCollateral
from coprove.attestation.dcap.stripped import on_chain_evidence
from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.attestation import Claims
    from coprove.attestation.appraisal import Evidence
    from coprove.contracts.attestation.dcap import DcapRegistry, NamedCall
    from coprove.prover.tee.registrar.pcs import PcsClient

__all__ = ["CollateralSource", "DcapSource", "Prepared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Evidence as the platform's quote verifier takes it."""

    evidence: bytes
    """Bytes for the verifier."""
    calls: Sequence[NamedCall] = ()
    """Transactions that come first, in their order."""
    claims: Claims | None = None
    """What the evidence says, verified off chain; given where transactions come first."""


class CollateralSource(Protocol):
    """Makes a prover's evidence ready for the contracts."""

    @property
    def bringing(self) -> asyncio.Lock:
        """Held while calls are sent: registrars that share a source then find them done."""

    async def prepare(self, evidence: Evidence) -> Prepared:
        """Return it in the contract's form with what is missing there.

        EvidenceFormatError when it does not parse, InputError for a platform it is not for,
        CollateralUnavailableError; EvidenceRejectedError when something is missing for evidence
        that is not genuine.
        """


class DcapSource:
    """DCAP: collateral that came with the quote or is fetched, for the collateral contract."""

    def __init__(self, registry: DcapRegistry, pcs: PcsClient | None = None) -> None:
        """Read what the contract has already; fetch from `pcs` what does not come with a quote."""
        self._registry, self._pcs = registry, pcs
        self.bringing = asyncio.Lock()

    async def prepare(self, evidence: Evidence) -> Prepared:
        """See CollateralSource."""
        if evidence.platform not in (Platform.INTEL_SGX, Platform.INTEL_TDX):
            raise InputError("platform", expected="SGX or TDX", actual=evidence.platform)
        if evidence.endorsements is not None:
            collateral = DcapCollateral.from_json(evidence.endorsements)
        elif self._pcs is not None:
            collateral = await self._pcs.collateral(evidence.evidence)
        else:
            raise InputError("endorsements", expected="collateral", actual="none")
        calls = await self._registry.missing(collateral, evidence.evidence)
        return Prepared(
            evidence=on_chain_evidence(evidence.evidence),
            calls=calls,
            # Whoever answers for the prover chooses the quote: nothing is paid for a forged one.
            claims=await self._registry.verify(collateral, evidence.evidence) if calls else None,
        )
