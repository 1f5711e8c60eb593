"""The multi-prover AVS over EigenLayer's own contracts on an anvil, with vouched-for provers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.attestation import AvsPoe, Platform
from coprove.attestation.avs_poe import batch_hash
from coprove.avs.bls import G2Point, PublicKey, SecretKey, Signature
from coprove.avs.tasks import RangeMetadata
from coprove.contracts import LocalSigner
from coprove.contracts.attestation.liveness import ReportData, submit_liveness_proof_call
from coprove.contracts.avs import (
    NO_ADDRESS,
    Committee,
    RollupPolicy,
    ServiceManager,
    SignedBy,
    StateHeader,
    confirm_state_call,
)
from coprove.contracts.avs.deployment import AvsContracts, AvsRoles, new_avs_address
from coprove.contracts.avs.plan import AvsPlan, CommitteePlan, QuorumPlan, deploy_avs
from coprove.contracts.eigenlayer import (
    WAD,
    EigenLayer,
    KeyRegistration,
    Middleware,
    QuorumRegistries,
    allocate_call,
    approve_call,
    deposit_call,
    register_as_operator_call,
    register_for_sets_call,
    transfer_call,
)
from coprove.contracts.eigenlayer.deployment import (
    DevEigenLayer,
    DevTimes,
    deploy_eigenlayer,
    deploy_middleware,
)
from coprove.types import ZERO_HASH, Address, Hash32
from tests.integration import attestation_lab
from tests.integration.anvil_l1 import CHALLENGER, DEPLOYER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from coprove.contracts import Mined
    from coprove.contracts.settlement import ContractCall
    from tests.integration.anvil_l1 import L1

__all__ = ["CONFIRMER", "STAKE", "AvsLab", "LabOperator", "coordinates", "running_avs"]

CONFIRMER = CHALLENGER
STAKE = 100 * WAD
REWARD = 10**18
CONFIG_HASH = Hash32(b"\xc0" * 32)
L2_CHAIN_ID = 901
INTERVAL = 10


def coordinates(g1: bytes) -> tuple[int, int]:
    """X and Y of an encoded point of G1."""
    return int.from_bytes(g1[:32]), int.from_bytes(g1[32:])


def coordinates_g2(point: G2Point) -> tuple[tuple[int, int], tuple[int, int]]:
    """X and Y of a point of G2, the imaginary part of each first."""
    words = [int.from_bytes(point.encoded[place : place + 32]) for place in range(0, 128, 32)]
    return (words[0], words[1]), (words[2], words[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class LabOperator:
    """An operator with its keys."""

    signer: LocalSigner
    key: SecretKey
    prover: attestation_lab.Key
    quorums: tuple[int, ...]

    @property
    def address(self) -> Address:
        return self.signer.address

    @property
    def public_key(self) -> PublicKey:
        return self.key.public_key

    @property
    def operator_id(self) -> Hash32:
        return self.public_key.operator_id


@dataclass(frozen=True, slots=True, kw_only=True)
class AvsLab:
    """The AVS and what operators and confirmer do."""

    l1: L1
    attestation: attestation_lab.Lab
    dev: DevEigenLayer
    middleware: Middleware
    contracts: AvsContracts
    liveness: Address
    manager: ServiceManager
    registries: QuorumRegistries
    eigenlayer: EigenLayer
    policy: RollupPolicy

    async def send(self, call: ContractCall, *, by: LocalSigner = DEPLOYER) -> Mined:
        async with self.l1.manager(by) as manager:
            return await manager.send(key="call", to=call.to, data=call.data, value=call.value)

    async def operator(
        self,
        number: int,
        quorums: Sequence[int],
        *,
        magnitude: int = WAD // 2,
        stake: int = STAKE,
    ) -> LabOperator:
        """Make an operator that is registered, restaked and attested."""
        signer = LocalSigner.from_key(f"{0xA0000 + number:064x}")
        await self.l1.rpc("anvil_setBalance", str(signer.address), hex(10**20))
        key = SecretKey((0xB0000 + number).to_bytes(32, "big"))
        core, dev = self.dev.core, self.dev
        await self.send(transfer_call(dev.token, signer.address, stake))
        register = register_as_operator_call(core, allocation_delay=0, metadata_uri="")
        await self.send(register, by=signer)
        await self.send(approve_call(dev.token, core.strategy_manager, stake), by=signer)
        await self.send(
            deposit_call(core, strategy=dev.strategy, token=dev.token, amount=stake), by=signer
        )
        await self.l1.mine(2)
        digest = await self.registries.registration_digest(signer.address)
        registration = KeyRegistration(
            signature=coordinates(key.sign(digest).point.encoded),
            g1=coordinates(key.public_key.g1.encoded),
            g2=coordinates_g2(key.public_key.g2),
        )
        avs = self.contracts.service_manager
        enter = register_for_sets_call(
            core,
            operator=signer.address,
            avs=avs,
            set_ids=quorums,
            socket="",
            key=registration,
        )
        await self.send(enter, by=signer)
        for quorum in quorums:
            allocate = allocate_call(
                core,
                operator=signer.address,
                avs=avs,
                set_id=quorum,
                magnitudes=[(dev.strategy, magnitude)],
            )
            await self.send(allocate, by=signer)
        found = LabOperator(
            signer=signer,
            key=key,
            prover=attestation_lab.Key(f"prover {number}"),
            quorums=tuple(quorums),
        )
        await self.attest(found)
        return found

    async def attest(self, operator: LabOperator) -> None:
        """Show the operator's prover to be live under its BLS key."""
        await self.attestation.register(operator.prover, operator.signer)
        registration = await self.attestation.registration(operator.prover, operator.signer)
        data = ReportData(
            public_key=operator.public_key.g1.encoded,
            block_number=registration.binding.block_number,
            block_hash=registration.binding.block_hash,
            prover_address_hash=ZERO_HASH,
        )
        call = submit_liveness_proof_call(data, registration.encode())
        await self.attestation.send(call, to=self.liveness, by=operator.signer)

    async def reference_block(self) -> int:
        """A block that lies in the past, with all that was done until now."""
        number = await self.l1.number()
        await self.l1.mine()
        return number

    async def header(
        self, number: int = 0, *, l1_head: Hash32 | None = None, root: bytes = b"\x77" * 32
    ) -> StateHeader:
        """A state of range `number`."""
        start, end = self.policy.range_from(number)
        metadata = RangeMetadata(start_block=start, end_block=end)
        head = l1_head or Hash32(b"\x11" * 32)
        poe = AvsPoe(
            batch_hash=batch_hash(
                l2_chain_id=L2_CHAIN_ID,
                rollup_config_hash=CONFIG_HASH,
                l1_head=head,
                pre_block=metadata.pre_block,
                post_block=end,
            ),
            state_hash=Hash32(b"\x22" * 32),
            prev_state_root=Hash32(b"\x33" * 32),
            new_state_root=Hash32(root),
            withdrawal_root=Hash32(b"\x44" * 32),
        )
        return StateHeader(
            committee_id=1,
            metadata=metadata.encode(),
            state=poe.encode(),
            quorum_numbers=(0, 1),
            thresholds=(67, 67),
            reference_block=await self.reference_block(),
        )

    async def signed(
        self, header: StateHeader, signers: Sequence[LabOperator], absent: Sequence[LabOperator]
    ) -> SignedBy:
        """The signers' aggregate, each as often as it is in a quorum."""
        digest = header.reduced().digest()
        weights = [len(one.quorums) for one in signers]
        sigma = Signature.combine([one.key.sign(digest) for one in signers], weights)
        apk = G2Point.combine([one.public_key.g2 for one in signers], weights)
        missing = sorted(absent, key=lambda one: one.operator_id)
        return SignedBy(
            non_signers=tuple(coordinates(one.public_key.g1.encoded) for one in missing),
            quorum_apks=tuple([await self.registries.apk(q) for q in header.quorum_numbers]),
            apk_g2=coordinates_g2(apk),
            sigma=coordinates(sigma.point.encoded),
            indices=await self.registries.check_signatures_indices(
                header.reference_block,
                header.quorum_numbers,
                [one.operator_id for one in missing],
            ),
        )

    async def confirm(self, header: StateHeader, signed_by: SignedBy) -> Mined:
        """Confirm as the state confirmer."""
        call = confirm_state_call(self.contracts.service_manager, header, signed_by)
        return await self.send(call, by=CONFIRMER)


@asynccontextmanager
async def running_avs(*, oracle: Address = NO_ADDRESS) -> AsyncIterator[AvsLab]:
    """Start an anvil with attestation, EigenLayer and the AVS on it."""
    async with attestation_lab.running_lab() as attestation:
        l1 = attestation.l1
        now = await l1.timestamp()
        async with l1.manager() as manager:
            dev = await deploy_eigenlayer(
                manager, l1.transport, chain_id=attestation_lab.CHAIN_ID, times=DevTimes()
            )
            avs = await new_avs_address(manager, key="avs")
            middleware = await deploy_middleware(
                manager, l1.transport, dev.core, avs=avs, key="middleware"
            )
            policy = RollupPolicy(
                l2_chain_id=L2_CHAIN_ID,
                rollup_config_hash=CONFIG_HASH,
                oracle=oracle,
                first_block=1,
                interval=INTERVAL,
                l2_genesis_time=now,
                l2_block_time=1,
                window=10**6,
                minimum_reward=0,
                reward=REWARD,
                reward_token=dev.token,
            )
            quorum = QuorumPlan(platform=Platform.AWS_NITRO, strategies=(dev.strategy,))
            committee = Committee(committee_id=1, description="lab", metadata=b"", quorums=(0, 1))
            plan = AvsPlan(
                core=dev.core,
                roles=AvsRoles(
                    owner=DEPLOYER.address,
                    state_confirmer=CONFIRMER.address,
                    poa_manager=DEPLOYER.address,
                    committee_manager=DEPLOYER.address,
                ),
                strategies=(dev.strategy,),
                slash_wad=WAD // 2,
                reward_intervals_before=1,
                registry=attestation.contracts.registry,
                max_blocks=attestation_lab.MAX_BLOCK_AGE,
                validity=attestation_lab.TTL,
                metadata_uri="https://example.org/avs.json",
                quorums=(quorum, quorum),
                committees=(CommitteePlan(committee=committee, policy=policy),),
            )
            deployed = await deploy_avs(
                manager, l1.transport, plan, avs=avs, middleware=middleware, key="avs"
            )
        yield AvsLab(
            l1=l1,
            attestation=attestation,
            dev=dev,
            middleware=middleware,
            contracts=deployed.contracts,
            liveness=deployed.liveness_verifier,
            manager=ServiceManager(l1.transport, avs),
            registries=QuorumRegistries(l1.transport, middleware),
            eigenlayer=EigenLayer(l1.transport, dev.core),
            policy=policy,
        )
