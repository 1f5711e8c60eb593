"""Simulated SGX provers in the registry, their quotes verified on chain (anvil, osaka)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from coprove.attestation.binding import ProverBinding
from coprove.attestation.claims import TcbStatus
from coprove.attestation.dcap.stripped import on_chain_evidence
from coprove.attestation.platform import Platform, measurement_id
from coprove.attestation.simulation.intel import QuoteSpec, SimulatedIntel, sgx_report
from coprove.contracts import CallRevertedError, TransactionManager
from coprove.contracts.attestation import (
    FOREVER,
    AttestationSettings,
    Liveness,
    MeasurementRules,
    ProverRegistry,
    Registration,
    deploy_attestation,
    reference_block,
)
from coprove.contracts.attestation.dcap import DcapRegistry, deploy_dcap
from coprove.contracts.attestation.registry import register_call
from coprove.types import Hash32
from tests.integration.anvil_l1 import CHALLENGER, DEPLOYER, OTHER, PROPOSER, running_l1
from tests.integration.attestation_lab import Key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.anvil_l1 import L1

pytestmark = pytest.mark.anvil

CODE = b"\x0c" * 32
"""MRENCLAVE."""
SIGNER = Hash32(b"\x05" * 32)
"""MRSIGNER."""
REATTESTATION = 200_000
"""Gas that a renewal may cost at most, its transaction and calldata included."""
PROVER = Key("prover")


@dataclass(frozen=True, kw_only=True)
class SgxLab:
    """The registry over a DcapVerifier with a simulated root."""

    l1: L1
    manager: TransactionManager
    intel: SimulatedIntel
    registry: ProverRegistry
    _keys: itertools.count[int]

    async def binding(self) -> ProverBinding:
        """What the registry wants to see bound now."""
        number, block_hash = await reference_block(self.l1.transport)
        return ProverBinding(
            chain_id=31337,
            verifier=self.registry.address,
            operator=DEPLOYER.address,
            platform=Platform.INTEL_SGX,
            public_key=PROVER.public,
            block_number=number,
            block_hash=block_hash,
            nonce=await self.registry.nonce_for(PROVER.address, DEPLOYER.address),
        )

    async def registration(self, *, code: bytes = CODE) -> Registration:
        """A registration with an enclave's quote, as it goes on chain."""
        binding = await self.binding()
        evidence = on_chain_evidence(self.quote(binding, code=code))
        return Registration(binding=binding, evidence=evidence)

    def quote(self, binding: ProverBinding, *, code: bytes = CODE) -> bytes:
        """An enclave's quote for a binding."""
        report = sgx_report(mr_enclave=code, mr_signer=SIGNER, report_data=binding.report_data())
        return self.intel.quote(QuoteSpec(body=report))

    async def register(self, registration: Registration) -> int:
        """Send it and return the gas that its transaction took."""
        mined = await self.manager.send(
            key=f"register/{next(self._keys)}",
            to=self.registry.address,
            data=register_call(registration),
        )
        receipt = await self.l1.rpc("eth_getTransactionReceipt", mined.tx_hash.hex0x)
        assert isinstance(receipt, dict)
        return int(str(receipt["gasUsed"]), 16)


@pytest.fixture
async def lab() -> AsyncIterator[SgxLab]:
    async with running_l1() as l1:
        await l1.mine(2)
        now = await l1.timestamp()
        intel = SimulatedIntel(start=now - 3600)
        async with l1.manager() as manager:
            dcap = await deploy_dcap(manager, l1.transport, key="dcap", root=intel.root)
            contracts = await deploy_attestation(
                manager,
                AttestationSettings(
                    guardian=OTHER.address,
                    proposers=[CHALLENGER.address],
                    platforms={Platform.INTEL_SGX: dcap.verifier},
                    measurements={
                        measurement_id(Platform.INTEL_SGX, CODE): MeasurementRules(
                            platform=Platform.INTEL_SGX, active_from=now, signer=SIGNER
                        )
                    },
                    tcb_accepted_until={(Platform.INTEL_SGX, TcbStatus.OK): FOREVER},
                ),
            )
            lab = SgxLab(
                l1=l1,
                manager=manager,
                intel=intel,
                registry=ProverRegistry(l1.transport, contracts.registry),
                _keys=itertools.count(),
            )
            collateral = DcapRegistry(l1.transport, dcap.collateral)
            quote = lab.quote(await lab.binding())
            for named in await collateral.missing(intel.collateral(), quote):
                await manager.send(key=named.name, to=named.call.to, data=named.call.data)
            yield lab


async def test_a_renewal_with_a_registered_platform_is_cheap(lab: SgxLab) -> None:
    """Quote, policy, registry and proxies together, on a chain with P256VERIFY."""
    await lab.register(await lab.registration())
    record = await lab.registry.prover(PROVER.address)
    assert record is not None
    assert (record.simulated, record.attested) == (True, False)
    assert record.measurement == measurement_id(Platform.INTEL_SGX, CODE)
    await lab.l1.rpc("evm_increaseTime", 3600)
    await lab.l1.mine()
    again = await lab.register(await lab.registration())
    assert again <= REATTESTATION


async def test_quotes_that_the_registry_must_not_take(lab: SgxLab) -> None:
    """Other code, a quote used before, one signed anew by nobody, one of another operator."""
    good = await lab.registration()
    other = await lab.registration(code=b"\x0d" * 32)
    with pytest.raises(CallRevertedError, match="MeasurementNotActive"):
        await lab.registry.preview(other)
    copied = replace(good, binding=replace(good.binding, operator=PROPOSER.address))
    with pytest.raises(CallRevertedError, match="ReportDataMismatch"):
        await lab.registry.preview(copied)
    for index in range(64 + 48 + 64, len(good.evidence), 37):
        changed = bytearray(good.evidence)
        changed[index] ^= 1
        with pytest.raises(CallRevertedError):
            await lab.registry.preview(replace(good, evidence=bytes(changed)))
    await lab.register(good)
    with pytest.raises(CallRevertedError, match="EvidenceReplayed"):
        await lab.registry.preview(good)
    status = await lab.registry.liveness(PROVER.address)
    assert status.liveness is Liveness.LIVE
