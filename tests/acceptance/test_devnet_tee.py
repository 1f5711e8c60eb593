"""The devnet's TEE lane: simulated provers of two platforms, from quote to recorded claim."""

from __future__ import annotations

import json
import os
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.devnets import RunningDevnet, processes_of, running_devnet, until

from coprove.attestation import Platform
from coprove.contracts import (
    CallRevertedError,
    LocalSigner,
    MemoryIntentStore,
    TransactionManager,
    TransactionOptions,
)
from coprove.contracts.attestation import Liveness, PoEContract, ProverRegistry, ProverState
from coprove.contracts.attestation.dcap import DcapRegistry
from coprove.contracts.attestation.registry import challenge_call, settle_call
from coprove.devnet.accounts import DevAccounts, Role
from coprove.devnet.l1 import L1_CHAIN_ID
from coprove.devnet.tee.deployment import PARAMETERS, SIMULATION_SEED
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
from coprove.rpc import JsonRpcTransport
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from coprove.attestation import ProverBinding
    from coprove.attestation.appraisal import Evidence
    from coprove.contracts.attestation import PoERecorded

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

OUTSIDER, THIEF = Role.OPERATOR + 6, Role.OPERATOR + 7
"""Operators that the deployment has funded and no prover of the devnet belongs to."""


@dataclass
class Lane:
    """A devnet with its TEE lane, and readers of its contracts."""

    devnet: RunningDevnet
    l1: JsonRpcTransport
    registry: ProverRegistry
    poes: PoEContract
    dcap: DcapRegistry
    urls: list[str]

    async def keys(self) -> list[Address]:
        """The provers' keys at this moment."""
        found = []
        for url in self.urls:
            async with TeeProverClient(TeeProverClientOptions(url=url)) as client:
                found.append((await client.identity()).address)
        return found

    async def all_live(self) -> bool:
        return all([await self.registry.is_live(key) for key in await self.keys()])

    async def claims(self) -> list[PoERecorded]:
        return await self.poes.recorded(first=0)

    def manager(self, account: int) -> TransactionManager:
        return TransactionManager(
            self.l1,
            LocalSigner(DevAccounts().account(account)),
            MemoryIntentStore(),
            TransactionOptions(confirmations=1, poll_interval=0.1),
        )

    def registrar(
        self, manager: TransactionManager, client: TeeProverClient, *, depth: int = 1
    ) -> Registrar:
        return Registrar(
            transport=self.l1,
            chain_id=L1_CHAIN_ID,
            manager=manager,
            registry=self.registry,
            prover=client,
            collateral=DcapSource(self.dcap),
            options=RegistrarOptions(block_depth=depth),
        )


@asynccontextmanager
async def running_lane(folder: Path) -> AsyncIterator[Lane]:
    with running_devnet(folder / "data", tee_provers=3, blocks_per_range=10) as devnet:
        tee = devnet.manifest.tee
        assert tee is not None
        settings = json.loads((devnet.data_dir / "config" / "tee.json").read_text())
        async with JsonRpcTransport(devnet.l1_url) as l1:
            try:
                yield Lane(
                    devnet=devnet,
                    l1=l1,
                    registry=ProverRegistry(l1, Address.from_hex(tee.registry)),
                    poes=PoEContract(l1, Address.from_hex(tee.poe_verifier), chain_id=L1_CHAIN_ID),
                    dcap=DcapRegistry(l1, Address.from_hex(tee.collateral)),
                    urls=[prover["url"] for prover in settings["provers"]],
                )
            finally:
                await devnet.close()


@pytest.mark.timeout(400)
async def test_provers_register_claim_fail_a_challenge_and_come_back(tmp_path: Path) -> None:
    """Three provers, two platforms; each claims the outputs that the proposer proposes."""
    async with running_lane(tmp_path) as lane:
        await until("all provers are live", lane.all_live, 120)
        keys = await lane.keys()
        records = [await lane.registry.prover(key) for key in keys]
        assert {record.platform for record in records if record} == {
            Platform.INTEL_SGX,
            Platform.INTEL_TDX,
        }
        assert all(record is not None and record.simulated for record in records)
        assert len({record.operator for record in records if record}) == 3

        async def all_claimed() -> bool:
            return {claim.prover for claim in await lane.claims()} >= set(keys)

        await until("each prover has a claim on L1", all_claimed, 120)
        outputs = {output.l2_block: output.root for output in await lane.devnet.outputs()}
        for claim in await lane.claims():
            assert claim.simulated
            assert claim.poe.l2_post_root == outputs[claim.poe.l2_post_block]
            before = outputs.get(claim.poe.l2_pre_block)
            assert claim.poe.l2_pre_root == before or claim.poe.l2_pre_block == 0

        await fail_a_challenge(lane, keys[1])
        await until("all provers are live again", lane.all_live, 120)
        again = await lane.keys()
        assert again[1] != keys[1]
        assert [again[0], again[2]] == [keys[0], keys[2]]
        record = await lane.registry.prover(keys[1])
        assert record is not None
        assert record.state is ProverState.SUSPENDED

        async def new_claim() -> bool:
            return again[1] in {claim.prover for claim in await lane.claims()}

        await until("the new key has a claim on L1", new_claim, 120)


async def fail_a_challenge(lane: Lane, key: Address) -> None:
    """Stop the second prover, challenge it, let the time run out; then it starts again."""
    pid = processes_of(lane.devnet.data_dir)["tee_prover_2"]
    os.kill(pid, signal.SIGSTOP)
    async with lane.manager(Role.CHALLENGER) as challenger:
        target = lane.registry.address
        bond = PARAMETERS.challenge_bond
        data = challenge_call(key)
        await challenger.send(key="challenge", to=target, data=data, value=bond)
        record = await lane.registry.prover(key)
        assert record is not None
        assert record.challenged

        async def has_failed() -> bool:
            return (await lane.registry.liveness(key)).liveness is Liveness.CHALLENGE_FAILED

        await until("the challenge has failed", has_failed, 120)
        await challenger.send(key="settle", to=target, data=settle_call(key))
    assert (await lane.registry.liveness(key)).liveness is Liveness.SUSPENDED
    assert await lane.registry.credits(challenger.address) == bond
    os.kill(pid, signal.SIGKILL)


@pytest.mark.timeout(300)
async def test_what_must_not_be_registered_is_refused_by_name(tmp_path: Path) -> None:
    """Wrong code, an old block, a quote that was made for another operator."""
    async with running_lane(tmp_path) as lane:
        tee = lane.devnet.manifest.tee
        assert tee is not None
        # Until then the lane brings the collateral, and of two who do so one is refused.
        await until("all provers are live", lane.all_live, 120)

        def provider(measurement: bytes | None) -> SimulatedProvider:
            return SimulatedProvider(
                seed=SIMULATION_SEED, start=tee.simulation_start, measurement=measurement
            )

        options = TeeProverOptions(port=0)
        async with (
            TeeProver(options, Enclave(provider(b"\x66" * 32))) as wrong,
            TeeProver(options, Enclave(provider(None))) as right,
            lane.manager(OUTSIDER) as manager,
            lane.manager(THIEF) as thief,
            TeeProverClient(TeeProverClientOptions(url=wrong.url)) as wrong_client,
            TeeProverClient(TeeProverClientOptions(url=right.url)) as client,
        ):
            with pytest.raises(CallRevertedError, match="MeasurementNotActive"):
                await lane.registrar(manager, wrong_client).tick()

            await lane.l1.call("anvil_mine", [hex(PARAMETERS.max_block_age + 50)])
            depth = PARAMETERS.max_block_age + 20
            with pytest.raises(CallRevertedError, match="BlockTooOld"):
                await lane.registrar(manager, client, depth=depth).tick()

            honest = client.evidence

            async def copied(binding: ProverBinding) -> Evidence:
                return await honest(replace(binding, operator=manager.address))

            client.evidence = copied  # type: ignore[method-assign]
            with pytest.raises(CallRevertedError, match="ReportDataMismatch"):
                await lane.registrar(thief, client).tick()
            client.evidence = honest  # type: ignore[method-assign]

            assert (await lane.registrar(manager, client).tick()).step == "register"
            identity = await client.identity()
            assert await lane.registry.is_live(identity.address)
