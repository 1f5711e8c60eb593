"""What the collateral contract still has to be told, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coprove.attestation import EvidenceFormatError
from coprove.attestation.simulation import CollateralSpec
from coprove.attestation.simulation.intel import QuoteSpec, SimulatedIntel, sgx_report
from coprove.contracts import CallRevertedError
from coprove.contracts.attestation.dcap import DcapRegistry, deploy_dcap, has_p256
from tests.integration.anvil_l1 import L1, running_l1

if TYPE_CHECKING:
    from coprove.attestation.dcap import DcapCollateral

pytestmark = pytest.mark.anvil

DAY = 86_400


async def tell(
    l1: L1, registry: DcapRegistry, collateral: DcapCollateral, quote: bytes
) -> list[str]:
    """Send what is missing; return the kinds."""
    missing = await registry.missing(collateral, quote)
    async with l1.manager() as manager:
        for item in missing:
            await manager.send(key=item.name, to=item.call.to, data=item.call.data)
    return [item.name.partition("/")[0] for item in missing]


async def test_only_what_is_missing_or_newer_is_told() -> None:
    """All of it at first, nothing the second time, a day later what has changed."""
    async with running_l1() as l1:
        assert await has_p256(l1.transport)
        start = (await l1.timestamp()) // DAY * DAY - DAY
        intel = SimulatedIntel("dcap", start=start)
        quote = intel.quote(QuoteSpec(body=sgx_report()))
        async with l1.manager() as manager:
            contracts = await deploy_dcap(manager, l1.transport, key="d", root=intel.root)
        registry = DcapRegistry(l1.transport, contracts.collateral)
        assert await registry.simulated()
        first = await tell(l1, registry, intel.collateral(), quote)
        assert first == [
            *("crl", "authority", "crl", "authority", "tcb-info", "qe-identity", "platform")
        ]
        assert await registry.missing(intel.collateral(), quote) == []

        later = SimulatedIntel("dcap", start=start + DAY)
        # The same authorities: their keys come from the seed, their certificates from the start.
        later.root_authority, later.platform_ca = intel.root_authority, intel.platform_ca
        later.processor_ca, later.tcb_signer = intel.processor_ca, intel.tcb_signer
        second = await tell(l1, registry, later.collateral(), quote)
        assert second == ["crl", "crl", "tcb-info", "qe-identity"]
        # What is older is not even tried, whatever the contract would say.
        assert await registry.missing(intel.collateral(), quote) == []


async def test_documents_of_an_earlier_evaluation_are_not_told() -> None:
    """Anyone may bring Intel's early ones; from then on standard ones are refused, however new."""
    async with running_l1() as l1:
        start = (await l1.timestamp()) // DAY * DAY - DAY
        intel = SimulatedIntel("dcap", start=start)
        quote = intel.quote(QuoteSpec(body=sgx_report()))
        async with l1.manager() as manager:
            contracts = await deploy_dcap(manager, l1.transport, key="d", root=intel.root)
        registry = DcapRegistry(l1.transport, contracts.collateral)
        await tell(l1, registry, intel.collateral(), quote)
        early = intel.collateral(CollateralSpec(evaluation_number=18))
        assert await tell(l1, registry, early, quote) == ["tcb-info", "qe-identity"]

        later = SimulatedIntel("dcap", start=start + DAY)
        later.root_authority, later.platform_ca = intel.root_authority, intel.platform_ca
        later.processor_ca, later.tcb_signer = intel.processor_ca, intel.tcb_signer
        assert await tell(l1, registry, later.collateral(), quote) == ["crl", "crl"]


async def test_another_roots_chain_is_refused_before_anything_is_sent() -> None:
    """The contract would refuse it as well, for money."""
    async with running_l1() as l1:
        start = (await l1.timestamp()) // DAY * DAY
        intel, other = SimulatedIntel("one", start=start), SimulatedIntel("other", start=start)
        async with l1.manager() as manager:
            contracts = await deploy_dcap(manager, l1.transport, key="d", root=intel.root)
        registry = DcapRegistry(l1.transport, contracts.collateral)
        quote = other.quote(QuoteSpec(body=sgx_report()))
        with pytest.raises(EvidenceFormatError, match="root of the PCK chain"):
            await registry.missing(other.collateral(), quote)


async def test_a_simulation_is_not_deployed_elsewhere() -> None:
    """The contract itself refuses its root on a chain that is not for development."""
    async with running_l1(chain_id=10) as l1:
        intel = SimulatedIntel("dcap")
        async with l1.manager() as manager:
            with pytest.raises(CallRevertedError, match="NotADevChain"):
                await deploy_dcap(manager, l1.transport, key="d", root=intel.root)
