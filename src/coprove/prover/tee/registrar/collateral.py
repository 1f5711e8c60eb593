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

    from coprove.attestation.appraisal import Evidence
    from coprove.contracts.attestation.dcap import DcapRegistry, NamedCall

__all__ = ["CollateralSource", "EndorsedCollateral", "Prepared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Evidence as the platform's quote verifier takes it."""

    evidence: bytes
    """Bytes for the verifier."""
    calls: Sequence[NamedCall] = ()
    """Transactions that come first, in their order."""


class CollateralSource(Protocol):
    """Makes a prover's evidence ready for the contracts."""

    @property
    def bringing(self) -> asyncio.Lock:
        """Held while calls are sent: registrars that share a source then find them done."""

    async def prepare(self, evidence: Evidence) -> Prepared:
        """Return it in the contract's form with what is missing there.

        EvidenceFormatError when it does not parse, InputError for a platform it is not for.
        """


class EndorsedCollateral:
    """DCAP: the collateral that came with the quote, brought to the collateral contract."""

    def __init__(self, registry: DcapRegistry) -> None:
        """Read what the contract has already."""
        self._registry = registry
        self.bringing = asyncio.Lock()

    async def prepare(self, evidence: Evidence) -> Prepared:
        """See CollateralSource."""
        if evidence.platform not in (Platform.INTEL_SGX, Platform.INTEL_TDX):
            raise InputError("platform", expected="SGX or TDX", actual=evidence.platform)
        if evidence.endorsements is None:
            raise InputError("endorsements", expected="collateral", actual="none")
        collateral = DcapCollateral.from_json(evidence.endorsements)
        calls = await self._registry.missing(collateral, evidence.evidence)
        return Prepared(evidence=on_chain_evidence(evidence.evidence), calls=calls)
