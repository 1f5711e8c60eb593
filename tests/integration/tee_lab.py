"""Simulated TEE provers, a registry that verifies their quotes on an anvil, and registrars."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coprove.attestation import Platform, TcbStatus, measurement_id
from coprove.contracts.attestation import (
    FOREVER,
    AttestationSettings,
    MeasurementRules,
    PoEContract,
    ProverRegistry,
    RegistryParameters,
    deploy_attestation,
)
from coprove.contracts.attestation.dcap import DcapRegistry, deploy_dcap
from coprove.prover.tee.enclave import Enclave
from coprove.prover.tee.enclave.platforms import SimulatedProvider
from coprove.prover.tee.host import TeeProver, TeeProverOptions
from coprove.prover.tee.registrar import (
    DcapSource,
    Registrar,
    RegistrarOptions,
    TeeProverClient,
    TeeProverClientOptions,
)
from tests.integration.anvil_l1 import CHALLENGER, DEPLOYER, OTHER, PROPOSER, running_l1

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coprove.contracts import LocalSigner, Mined
    from coprove.contracts.attestation import AttestationDeployment
    from coprove.types import Address
    from tests.integration.anvil_l1 import L1

__all__ = ["CHAIN_ID", "OPERATORS", "Lab", "Prover", "running_lab"]

CHAIN_ID = 900
SEED = "registrar"
OPERATORS = (PROPOSER, OTHER)
PARAMETERS = RegistryParameters(
    ttl=3600, challenge_window=60, challenge_cooldown=60, max_block_age=500, challenge_bond=10**15
)


@dataclass(kw_only=True)
class Prover:
    """A prover whose process can end and start again at the same address."""

    platform: Platform
    start: int
    measurement: bytes | None = None
    port: int = 0
    running: TeeProver | None = None

    async def up(self) -> None:
        provider = SimulatedProvider(
            self.platform, seed=SEED, start=self.start, measurement=self.measurement
        )
        self.running = TeeProver(TeeProverOptions(port=self.port), Enclave(provider))
        await self.running.__aenter__()
        self.port = int(self.running.url.rpartition(":")[2])

    async def down(self) -> None:
        if self.running is not None:
            await self.running.close()
            self.running = None

    @property
    def address(self) -> Address:
        assert self.running is not None
        return self.running.service.enclave.identity.address


@dataclass(kw_only=True)
class Lab:
    """All of it."""

    l1: L1
    contracts: AttestationDeployment
    dcap: DcapRegistry
    registry: ProverRegistry
    poes: PoEContract
    start: int
    exit: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def prover(self, platform: Platform, measurement: bytes | None = None) -> Prover:
        found = Prover(platform=platform, start=self.start, measurement=measurement)
        await found.up()
        self.exit.push_async_callback(found.down)
        return found

    async def client(self, prover: Prover) -> TeeProverClient:
        url = f"http://127.0.0.1:{prover.port}"
        return await self.exit.enter_async_context(TeeProverClient(TeeProverClientOptions(url=url)))

    async def registrar(
        self, prover: Prover, operator: LocalSigner = OPERATORS[0], *, margin: int = 300
    ) -> Registrar:
        manager = await self.exit.enter_async_context(self.l1.manager(operator))
        return Registrar(
            transport=self.l1.transport,
            chain_id=CHAIN_ID,
            manager=manager,
            registry=self.registry,
            prover=await self.client(prover),
            collateral=DcapSource(self.dcap),
            options=RegistrarOptions(margin=margin),
        )

    async def send(self, data: bytes, *, to: Address | None = None, value: int = 0) -> Mined:
        async with self.l1.manager(CHALLENGER) as manager:
            target = to or self.registry.address
            return await manager.send(key="call", to=target, data=data, value=value)

    async def later(self, seconds: int) -> None:
        await self.l1.rpc("evm_increaseTime", seconds)
        await self.l1.mine()


@asynccontextmanager
async def running_lab(*, hardfork: str = "osaka") -> AsyncIterator[Lab]:
    """Start an anvil, deploy everything, accept the simulated SGX and TDX code."""
    async with running_l1(chain_id=CHAIN_ID, hardfork=hardfork) as l1:
        await l1.mine(3)
        now = await l1.timestamp()
        start = now // 86400 * 86400
        kinds = (Platform.INTEL_SGX, Platform.INTEL_TDX)
        codes = {
            kind: measurement_id(
                kind, SimulatedProvider(kind, seed=SEED, start=start).quote(bytes(64)).measurement
            )
            for kind in kinds
        }
        root = SimulatedProvider(seed=SEED, start=start).vendor.root
        async with l1.manager() as manager:
            dcap = await deploy_dcap(manager, l1.transport, key="dcap", root=root)
            settings = AttestationSettings(
                guardian=DEPLOYER.address,
                proposers=[DEPLOYER.address],
                parameters=PARAMETERS,
                platforms=dict.fromkeys(kinds, dcap.verifier),
                measurements={
                    code: MeasurementRules(platform=kind, active_from=now)
                    for kind, code in codes.items()
                },
                tcb_accepted_until={(kind, TcbStatus.OK): FOREVER for kind in kinds},
            )
            contracts = await deploy_attestation(manager, settings)
        lab = Lab(
            l1=l1,
            contracts=contracts,
            dcap=DcapRegistry(l1.transport, dcap.collateral),
            registry=ProverRegistry(l1.transport, contracts.registry),
            poes=PoEContract(l1.transport, contracts.poe_verifier, chain_id=CHAIN_ID),
            start=start,
        )
        async with lab.exit:
            yield lab
