"""The attestation contracts on an anvil: attestors vouch for simulated Nitro evidence."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eth_keys.datatypes import PrivateKey

from coprove.attestation.binding import ProverBinding, prover_address
from coprove.attestation.claims import TcbStatus
from coprove.attestation.platform import Platform, measurement_id
from coprove.contracts import LocalSigner
from coprove.contracts.attestation import (
    FOREVER,
    AttestationSettings,
    AttestorRules,
    Attestors,
    AttestorStatement,
    MeasurementRules,
    PoEContract,
    PolicyContract,
    ProverRegistry,
    QuoteClaims,
    Registration,
    RegistryParameters,
    deploy_attestation,
    deploy_attestors,
    reference_block,
)
from coprove.contracts.attestation.registry import register_call
from coprove.primitives import keccak256
from coprove.types import ZERO_HASH, Address, Hash32
from tests.integration.anvil_l1 import CHALLENGER, DEPLOYER, OTHER, running_l1

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coprove.contracts import Mined
    from coprove.contracts.attestation import AttestationDeployment
    from tests.integration.anvil_l1 import L1

__all__ = ["CODE", "DELAY", "GUARDIAN", "NEXT_CODE", "OPERATOR", "Key", "Lab", "running_lab"]

CHAIN_ID = 31337
CODE = measurement_id(Platform.AWS_NITRO, b"code" * 36)
NEXT_CODE = measurement_id(Platform.AWS_NITRO, b"next" * 36)
OPERATOR = DEPLOYER
GUARDIAN = OTHER
DELAY = 3600
TTL = 7200
WINDOW = 600
COOLDOWN = 60
BOND = 10**15
MAX_BLOCK_AGE = 500
ATTESTORS = [LocalSigner.from_key(f"{number:064x}") for number in range(501, 504)]


class Key:
    """A prover's key: what would be born inside an enclave."""

    def __init__(self, name: str) -> None:
        """Derive it from a name."""
        key = PrivateKey(keccak256(name.encode()))
        self.public: bytes = key.public_key.to_bytes()
        self.address = prover_address(self.public)
        self.signer = LocalSigner.from_key(key.to_bytes().hex())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """Contracts, readers, and what provers and operators do."""

    l1: L1
    contracts: AttestationDeployment
    registry: ProverRegistry
    policy: PolicyContract
    poes: PoEContract
    attestors: Attestors
    _counter: itertools.count[int]

    async def binding(self, key: Key, operator: LocalSigner = OPERATOR) -> ProverBinding:
        """What a prover's evidence must bind now."""
        number, block_hash = await reference_block(self.l1.transport)
        return ProverBinding(
            chain_id=CHAIN_ID,
            verifier=self.registry.address,
            operator=operator.address,
            platform=Platform.AWS_NITRO,
            public_key=key.public,
            block_number=number,
            block_hash=block_hash,
            nonce=await self.registry.nonce_for(key.address, operator.address),
        )

    async def claims(self, binding: ProverBinding, measurement: Hash32 = CODE) -> QuoteClaims:
        """What genuine evidence of a binding says."""
        return QuoteClaims(
            platform=Platform.AWS_NITRO,
            measurement=measurement,
            signer=ZERO_HASH,
            security_version=0,
            report_digest=binding.digest(),
            tcb_status=TcbStatus.OK,
            valid_until=await self.l1.timestamp() + 10 * TTL,
            replay_key=Hash32(keccak256(f"document {next(self._counter)}".encode())),
            simulated=True,
        )

    async def vouched(self, binding: ProverBinding, claims: QuoteClaims) -> Registration:
        """Two attestors' word for claims, as evidence for a binding."""
        at = await self.l1.timestamp()
        statement = AttestorStatement.about(b"evidence", claims, at=at)
        evidence = self.attestors.vouch(statement, *ATTESTORS[:2])
        return Registration(binding=binding, evidence=evidence)

    async def registration(
        self, key: Key, operator: LocalSigner = OPERATOR, measurement: Hash32 = CODE
    ) -> Registration:
        """A registration of a key, or an answer where a challenge is open."""
        binding = await self.binding(key, operator)
        return await self.vouched(binding, await self.claims(binding, measurement))

    async def send(
        self, data: bytes, *, to: Address | None = None, by: LocalSigner = OPERATOR, value: int = 0
    ) -> Mined:
        """Send a call to the registry, or elsewhere."""
        target = to or self.registry.address
        async with self.l1.manager(by) as manager:
            return await manager.send(key="call", to=target, data=data, value=value)

    async def register(self, key: Key, operator: LocalSigner = OPERATOR) -> Mined:
        """Register or renew a key."""
        return await self.send(register_call(await self.registration(key, operator)), by=operator)

    async def later(self, seconds: int) -> None:
        """Let time pass."""
        await self.l1.rpc("evm_increaseTime", seconds)
        await self.l1.mine()


def settings(verifier: Address, *, now: int) -> AttestationSettings:
    """What the lab's contracts begin with."""
    return AttestationSettings(
        guardian=GUARDIAN.address,
        proposers=[CHALLENGER.address],
        delay=DELAY,
        measurement_notice=60,
        parameters=RegistryParameters(
            ttl=TTL,
            challenge_window=WINDOW,
            challenge_cooldown=COOLDOWN,
            max_block_age=MAX_BLOCK_AGE,
            challenge_bond=BOND,
        ),
        platforms={Platform.AWS_NITRO: verifier},
        measurements={CODE: MeasurementRules(platform=Platform.AWS_NITRO, active_from=now)},
        tcb_accepted_until={(Platform.AWS_NITRO, TcbStatus.OK): FOREVER},
    )


@asynccontextmanager
async def running_lab() -> AsyncIterator[Lab]:
    """Start an anvil and deploy everything on it."""
    async with running_l1(chain_id=CHAIN_ID) as l1:
        await l1.mine(3)
        async with l1.manager() as manager:
            verifier = await deploy_attestors(
                manager,
                owner=DEPLOYER.address,
                attestors=[signer.address for signer in ATTESTORS],
                rules=AttestorRules(quorum=2, confirmations=3, max_age=10**6, bond=BOND),
                key="attestors",
            )
            now = await l1.timestamp()
            contracts = await deploy_attestation(manager, settings(verifier, now=now))
        yield Lab(
            l1=l1,
            contracts=contracts,
            registry=ProverRegistry(l1.transport, contracts.registry),
            policy=PolicyContract(l1.transport, contracts.policy),
            poes=PoEContract(l1.transport, contracts.poe_verifier, chain_id=CHAIN_ID),
            attestors=Attestors(l1.transport, verifier, chain_id=CHAIN_ID),
            _counter=itertools.count(),
        )
