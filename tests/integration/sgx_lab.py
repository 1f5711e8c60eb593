"""Simulated SGX provers on an anvil: quotes verified on chain, in the registry of provers."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.attestation.binding import ProverBinding
from coprove.attestation.claims import TcbStatus
from coprove.attestation.dcap.stripped import on_chain_evidence
from coprove.attestation.platform import Platform, measurement_id
from coprove.attestation.simulation.intel import QuoteSpec, SimulatedIntel, sgx_report
from coprove.contracts.attestation import (
    FOREVER,
    AttestationSettings,
    MeasurementRules,
    ProverRegistry,
    Registration,
    deploy_attestation,
    reference_block,
)
from coprove.contracts.attestation.dcap import DcapRegistry, deploy_dcap
from coprove.contracts.attestation.registry import register_call
from coprove.types import Hash32
from tests.integration.anvil_l1 import CHALLENGER, DEPLOYER, OTHER, running_l1
from tests.integration.attestation_lab import Key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coprove.contracts import Mined, TransactionManager
    from tests.integration.anvil_l1 import L1

__all__ = ["CODE", "PROVER", "SgxLab", "running_sgx_lab"]

CODE = b"\x0c" * 32
"""MRENCLAVE."""
SIGNER = Hash32(b"\x05" * 32)
"""MRSIGNER."""
PROVER = Key("prover")


@dataclass(frozen=True, kw_only=True)
class SgxLab:
    """The registry over a DcapVerifier with a simulated root."""

    l1: L1
    manager: TransactionManager
    intel: SimulatedIntel
    registry: ProverRegistry
    collateral_gas: dict[str, int]
    """Gas of each kind of collateral's registration."""
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
        return await self.gas(mined)

    async def gas(self, mined: Mined) -> int:
        """Return the gas that a transaction took."""
        receipt = await self.l1.rpc("eth_getTransactionReceipt", mined.tx_hash.hex0x)
        assert isinstance(receipt, dict)
        return int(str(receipt["gasUsed"]), 16)


@asynccontextmanager
async def running_sgx_lab() -> AsyncIterator[SgxLab]:
    """Start an anvil, deploy everything on it and register the collateral."""
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
                collateral_gas={},
                _keys=itertools.count(),
            )
            collateral = DcapRegistry(l1.transport, dcap.collateral)
            quote = lab.quote(await lab.binding())
            for named in await collateral.missing(intel.collateral(), quote):
                mined = await manager.send(key=named.name, to=named.call.to, data=named.call.data)
                lab.collateral_gas[named.name.partition("/")[0]] = await lab.gas(mined)
            yield lab
