"""An AVS over EigenLayer's own contracts, with simulated TEE provers whose quotes count there."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coprove.attestation import Platform
from coprove.avs.bls import SecretKey
from coprove.avs.keystores import LIGHT, Password, write_bls_keystore
from coprove.avs.operator.discovery import GivenAddresses, OperatorContracts, discover
from coprove.avs.operator.membership import Membership
from coprove.contracts import LocalSigner
from coprove.contracts.avs import NO_ADDRESS, Committee, RollupPolicy
from coprove.contracts.avs.deployment import AvsRoles, new_avs_address
from coprove.contracts.avs.plan import AvsPlan, CommitteePlan, QuorumPlan, deploy_avs
from coprove.contracts.eigenlayer import WAD, transfer_call
from coprove.contracts.eigenlayer.deployment import (
    DevTimes,
    deploy_eigenlayer,
    deploy_middleware,
)
from tests.integration import tee_lab
from tests.integration.anvil_l1 import CHALLENGER, DEPLOYER
from tests.unit.avs.operator.parts import CONFIG_HASH, L2_CHAIN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coprove.contracts.eigenlayer.deployment import DevEigenLayer
    from coprove.contracts.settlement import ContractCall
    from coprove.types import Address

__all__ = ["KEY", "OPERATOR", "STAKE", "OperatorLab", "running_operator_lab"]

RECORDED = Path(__file__).parents[2] / "examples/calldata"
OPERATOR = LocalSigner.from_key(f"{0xA5A5:064x}")
KEY = SecretKey((0xB5B5).to_bytes(32, "big"))
STAKE = 100 * WAD


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorLab:
    """All of it; the operator has money and tokens and did nothing yet."""

    tee: tee_lab.Lab
    dev: DevEigenLayer
    avs: Address
    contracts: OperatorContracts

    async def send(self, call: ContractCall, *, by: LocalSigner = DEPLOYER) -> None:
        async with self.tee.l1.manager(by) as manager:
            await manager.send(key="call", to=call.to, data=call.data, value=call.value)

    @asynccontextmanager
    async def membership(self, signer: LocalSigner = OPERATOR) -> AsyncIterator[Membership]:
        async with self.tee.l1.manager(signer) as manager:
            yield Membership(self.contracts, manager)

    async def join(self, key: SecretKey = KEY) -> None:
        """Register, deposit, enter quorum 0 and allocate to it."""
        async with self.membership() as membership:
            await membership.register(metadata_uri="", allocation_delay=0)
            await membership.deposit(self.dev.strategy, STAKE)
            await self.tee.l1.mine(2)
            await membership.opt_in([0], key, socket="")
            await membership.allocate(0, WAD // 2)

    def config(self, folder: Path, prover: tee_lab.Prover, aggregator: str, **more: str) -> Path:
        """Write keystore, password and settings; return the path of the settings."""
        (folder / "password").write_text("open\n")
        (folder / "operator.key").write_text(f"{0xA5A5:064x}")
        keystore = folder / "bls.json"
        if not keystore.exists():
            write_bls_keystore(keystore, KEY, Password("open"), cost=LIGHT)
        values = {
            "service_manager": self.avs.hex0x,
            "bls_keystore": str(keystore),
            "bls_password_file": str(folder / "password"),
            "prover_url": f"http://127.0.0.1:{prover.port}",
            "aggregator_url": aggregator,
            "data_dir": str(folder / "data"),
            "chain": str(RECORDED),
            "node_api": "127.0.0.1:0",
            **more,
        }
        lines = [f'[rpc]\nl1 = "{self.tee.l1.url}"', "[transactions]\nconfirmations = 1"]
        lines.append(f'private_key_file = "{folder / "operator.key"}"\n[operator]')
        lines += [f'{name} = "{value}"' for name, value in values.items()]
        path = folder / "operator.toml"
        path.write_text("\n".join(lines))
        return path


@asynccontextmanager
async def running_operator_lab() -> AsyncIterator[OperatorLab]:
    """Start an anvil with the prover registry, EigenLayer and the AVS on it."""
    async with tee_lab.running_lab() as tee:
        l1 = tee.l1
        async with l1.manager() as manager:
            dev = await deploy_eigenlayer(
                manager, l1.transport, chain_id=tee_lab.CHAIN_ID, times=DevTimes()
            )
            avs = await new_avs_address(manager, key="avs")
            middleware = await deploy_middleware(
                manager, l1.transport, dev.core, avs=avs, key="middleware"
            )
            plan = AvsPlan(
                core=dev.core,
                roles=AvsRoles(
                    owner=DEPLOYER.address,
                    state_confirmer=CHALLENGER.address,
                    poa_manager=DEPLOYER.address,
                    committee_manager=DEPLOYER.address,
                ),
                strategies=(dev.strategy,),
                slash_wad=WAD // 2,
                reward_intervals_before=1,
                registry=tee.registry.address,
                max_blocks=500,
                validity=3600,
                metadata_uri="https://example.org/avs.json",
                quorums=(QuorumPlan(platform=Platform.INTEL_SGX, strategies=(dev.strategy,)),),
                committees=(
                    CommitteePlan(
                        committee=Committee(
                            committee_id=1, description="lab", metadata=b"", quorums=(0,)
                        ),
                        policy=RollupPolicy(
                            l2_chain_id=L2_CHAIN,
                            rollup_config_hash=CONFIG_HASH,
                            oracle=NO_ADDRESS,
                            first_block=1,
                            interval=10,
                            l2_genesis_time=await l1.timestamp(),
                            l2_block_time=1,
                            window=10**6,
                            minimum_reward=0,
                            reward=0,
                            reward_token=NO_ADDRESS,
                        ),
                    ),
                ),
            )
            await deploy_avs(manager, l1.transport, plan, avs=avs, middleware=middleware, key="avs")
        await l1.rpc("anvil_setBalance", str(OPERATOR.address), hex(10**20))
        lab = OperatorLab(
            tee=tee,
            dev=dev,
            avs=avs,
            contracts=await discover(l1.transport, GivenAddresses(service_manager=avs)),
        )
        await lab.send(transfer_call(dev.token, OPERATOR.address, STAKE))
        yield lab
